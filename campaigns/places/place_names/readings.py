"""What was typed has several readings: as a whole, without words such as "city", or with a country behind it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from babel import Locale, UnknownLocaleError

from campaigns.core.folding import words_of
from campaigns.core.languages import all_languages
from campaigns.places.place_names.place_keys import key_of, key_of_words

#: Longer ones are sentences, and no names.
MOST_WORDS = 6
#: Letters of a key: shorter ones mean too much.
SHORTEST_KEY = 2
#: Letters of the first words that may stand for all.
SHORTEST_PART = 4

#: Words beside a name that are no part of it; they count when the whole is a name.
_BESIDE_NAMES = frozenset(
    words_of(
        "the city town village of near station to in at central airport border "
        "місто м село с станція вокзал головний до в у на біля кордон "
        "город г деревня станция главный около граница "
        "miasto miescie wies dworzec stacja glowny do w na kolo granica lotnisko "
        "oras orasul satul gara in la din langa vama "
        "stadt bahnhof hauptbahnhof hbf nach mesto nadrazi hlavni stanica hlavna palyaudvar "
        "مدينة المدينة محطة قرية في إلى الى قرب مطار حدود"
    )
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A key to look for, and the country that was named with it (ISO 3166-1 alpha-2)."""

    key: str
    country: str | None = None


def readings_of(text: str) -> list[Reading]:
    """Return what may be a name in a text, the likeliest first; nothing for a sentence."""
    words = words_of(text)
    if len(words) > MOST_WORDS:
        return []
    bare = [word for word in words if word not in _BESIDE_NAMES]
    found = [Reading(key_of_words(words)), Reading(key_of_words(bare)), *_with_country(bare)]
    return [one for one in dict.fromkeys(found) if len(one.key) >= SHORTEST_KEY and not one.key.isdecimal()]


def parts_of(text: str) -> list[Reading]:
    """Return what the first words of a text may mean, from more words to fewer."""
    bare = [word for word in words_of(text) if word not in _BESIDE_NAMES][:MOST_WORDS]
    keys = (key_of_words(bare[:count]) for count in range(len(bare) - 1, 0, -1))
    return [Reading(key) for key in keys if len(key) >= SHORTEST_PART and not key.isdecimal()]


def _with_country(words: list[str]) -> Iterator[Reading]:
    for at in range(1, len(words)):
        country = _countries().get(key_of_words(words[at:]))
        if country is not None:
            yield Reading(key_of_words(words[:at]), country)


@cache
def _countries() -> dict[str, str]:
    """Return the countries by the keys of their names in all languages of messages."""
    found: dict[str, str] = {}
    for language in all_languages():
        try:
            territories = Locale.parse(language).territories
        except UnknownLocaleError:
            continue
        for code, name in territories.items():
            if code.isalpha():
                found.setdefault(key_of(name), code)
    return found
