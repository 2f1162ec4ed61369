"""A place is shown in the script of who asked, where the list has such a name; the list tells no name's language.

Letters that a language has or lacks tell Львів from Львов. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import partial

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from campaigns.places.place_names.cyrillic import latin_spellings
from campaigns.places.place_names.name_table import ListedPlace
from campaigns.places.place_names.place_keys import key_of

_LATIN = "LATIN"
#: Letters in which a name ends otherwise in another case, at most; and those that stay, at least.
_LONGEST_ENDING, _LEAST_ALIKE = 2, 4
#: Scripts (ISO 15924) as Unicode begins the names of their letters.
_SCRIPTS = {
    "Arab": "ARABIC",
    "Armn": "ARMENIAN",
    "Cyrl": "CYRILLIC",
    "Ethi": "ETHIOPIC",
    "Geor": "GEORGIAN",
    "Grek": "GREEK",
    "Hebr": "HEBREW",
}
#: Letters that only this language of its script has, and letters that it does not have.
_OWN = {"uk": "їєґі", "be": "ўыэі", "bg": "ъ", "fa": "پچژگکی", "ps": "پچژګکی"}
_FOREIGN = {
    "uk": "ыэъёўѣјљњћџђқғүұҙҡһӑӗ",
    "ru": "ъіїєґўѣјљњћџђқғүұҙҡһӑӗ",
    "be": "иїєґщъѣјљњћџђ",
    "bg": "ыэёіїєґўѣјљњћџђ",
    "ar": "پچژگکیڤۆەێےٹڑېۇۋڕڵں",
    "fa": "يكڤۆەێےٹڑېۇۋڕڵں",
    "ps": "يكڤۆەێےٹۇۋڕڵں",
}


def name_for(place: ListedPlace, language: str, *, typed: str = "") -> str:
    """Return the name to show: as it was typed if that is in the right script, else the likeliest in that script.

    `typed` is the key of what was typed, which may end otherwise: whoever is у Перемишлі reads Перемишль. In Latin
    letters the list's own name is the likeliest.
    """
    script = _script_of(language)
    names = [name for name in (place.name, *place.other_names) if _is_in(name, script)]
    said = [name for name in names if typed and key_of(name) == typed]
    if script == _LATIN:
        return said[0] if said else place.name
    fitness = partial(_fitness, language=language, place=place)
    likeliest = max(_shortest(names) or [place.name], key=fitness)
    # By its letters it must be no worse: whoever writes «у Львові» does not read Львов.
    fitting = [name for name in names if fitness(name)[0] >= fitness(likeliest)[0]]
    alike = [name for name in fitting if _is_but_for_its_ending(key_of(name), typed)]
    return max(said or alike or [likeliest], key=fitness)


def country_for(code: str, language: str) -> str:
    """Return a country's name in a language, else in English."""
    try:
        name = Locale.parse(language, sep="-").territories.get(code)
    except (UnknownLocaleError, ValueError):
        name = None
    return str(name or Locale("en").territories.get(code, code))


def _script_of(language: str) -> str:
    """Return how Unicode begins the names of a language's letters."""
    _, _, rest = str(get_global("likely_subtags").get(language.partition("-")[0], "")).partition("_")
    return _SCRIPTS.get(rest.partition("_")[0], _LATIN)


def _is_in(name: str, script: str) -> bool:
    letters = [letter for letter in name if letter.isalpha()]
    return bool(letters) and all(unicodedata.name(letter, "").startswith(script) for letter in letters)


def _is_but_for_its_ending(key: str, typed: str) -> bool:
    """Say whether what was typed is a name but for its last letters."""
    kept = max(_LEAST_ALIKE, len(key) - _LONGEST_ENDING)
    return kept <= len(key) and typed.startswith(key[:kept]) and len(typed) <= len(key) + _LONGEST_ENDING


def _shortest(names: list[str]) -> list[str]:
    """Return the names without those that only add to another one: Краков, not Краковия."""
    return [name for name in names if not any(name != other and name.startswith(other) for other in names)]


def _fitness(name: str, language: str, place: ListedPlace) -> tuple[int, int, int]:
    letters = name.casefold()
    strange = sum(letter in _FOREIGN.get(language, "") for letter in letters)
    own = any(letter in _OWN.get(language, "") for letter in letters)
    return own - 2 * strange, _count_spelt(name, (place.name, *place.other_names)), len(name)


def _count_spelt(name: str, others: Iterable[str]) -> int:
    """Count the Latin names that a Cyrillic one may be spelt as; Львов is also Lvov and Lwów."""
    spelt = latin_spellings(key_of(name))
    if not spelt:
        return 0
    pattern = re.compile("".join(f"(?:{'|'.join(letter)})" for letter in spelt))
    return sum(other[:1].isupper() and pattern.fullmatch(key_of(other)) is not None for other in others)
