"""People type Cyrillic, Arabic and Ethiopic words in Latin letters, each in their own way; pure.

Neither side has a spelling to hold to. So both are brought to what is left of a word when all usual ways of typing
it are one: sounds for Cyrillic, consonants alone for scripts that leave vowels out or that everybody hears
otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_CYRILLIC = re.compile("[\u0400-\u052f]+")
_ARABIC = re.compile("[\u0620-\u06ff]+")
_ETHIOPIC = re.compile("[\u1200-\u137f]+")
_LATIN = re.compile("[a-z0-9]*[a-z][a-z0-9]*")
#: Sounds of Cyrillic letters; a capital stands for one that takes two Latin letters.
_SOUNDS = str.maketrans(
    dict(zip("абвгґдезийіїклмнопрстуфыэў", "abvhhdeziiiiklmnoprstufiev", strict=True))
    | {"ж": "Z", "х": "h", "ц": "c", "ч": "C", "ш": "S", "щ": "S", "ю": "iu", "я": "ia", "є": "ie", "ё": "io"}
    | {"ъ": "", "ь": ""}
)
#: Latin letters that are typed for one Cyrillic sound, the longest first.
_TYPED_SOUNDS = (
    *(("shch", "S"), ("sch", "S"), ("sh", "S"), ("zh", "Z"), ("kh", "h"), ("gh", "h"), ("ch", "C"), ("4", "C")),
    *(("tz", "c"), ("ts", "c"), ("x", "h"), ("g", "h"), ("w", "v"), ("y", "i"), ("j", "i"), ("q", "k")),
)
#: Consonants of Arabic, Persian and Pashto letters; what is not here is a vowel or typed by nobody.
_CONSONANTS = str.maketrans(
    dict(zip("بپتثجدذرزسصضطظغفقكلمنهحخڤ", "bbttjddrzssdtzgfkklmnhhhv", strict=True))
    | {
        "چ": "S",
        "ش": "S",
        "ژ": "j",
        "گ": "g",
        "ڭ": "g",
        "ټ": "t",
        "ډ": "d",
        "ړ": "r",
        "ښ": "S",
        "څ": "s",
        "ځ": "z",
    }
)
_TYPED_CONSONANTS = (
    *(("sh", "S"), ("ch", "S"), ("kh", "h"), ("gh", "g"), ("th", "t"), ("dh", "d"), ("zh", "j"), ("ts", "s")),
    *(
        ("ph", "f"),
        ("ny", "n"),
        ("gn", "n"),
        ("p", "b"),
        ("5", "h"),
        ("7", "h"),
        ("8", "k"),
        ("9", "s"),
        ("6", "t"),
        ("q", "k"),
        ("c", "k"),
    ),
    *(("x", "s"), ("3", ""), ("2", "")),
)
_VOWELS = re.compile("[^a-zSZC]|[aeiouyw]")
_TWICE = re.compile(r"(.)\1+")


def sounds_of(word: str) -> str:
    """Return the sounds of a folded word in Cyrillic or Latin letters, '' for one of other scripts."""
    if _CYRILLIC.fullmatch(word):
        return _once(word.translate(_SOUNDS))
    return _once(_typed(word, _TYPED_SOUNDS)) if _LATIN.fullmatch(word) else ""


def consonants_of(word: str) -> str:
    """Return the consonants of a folded word in Arabic, Ethiopic or Latin letters, '' for one of other scripts."""
    if _ARABIC.fullmatch(word):
        left = word.translate(_CONSONANTS)
    elif _ETHIOPIC.fullmatch(word) or is_latin(word):
        left = _typed("".join(map(_syllable, word)), _TYPED_CONSONANTS)
    else:
        return ""
    # At the end an h is a vowel that somebody wrote.
    return _once(_VOWELS.sub("", left)).removesuffix("h")


def is_latin(word: str) -> bool:
    """Say whether a folded word is of plain Latin letters, with digits among them where somebody types so."""
    return _LATIN.fullmatch(word) is not None


def _typed(word: str, spellings: tuple[tuple[str, str], ...]) -> str:
    for typed, sound in spellings:
        word = word.replace(typed, sound)
    return word


def _once(sounds: str) -> str:
    return _TWICE.sub(r"\1", sounds)


@lru_cache(maxsize=512)
def _syllable(letter: str) -> str:
    """Return an Ethiopic letter as its name sounds, and any other as it is."""
    name = unicodedata.name(letter, "")
    if not name.startswith("ETHIOPIC SYLLABLE "):
        return letter
    sound = name.removeprefix("ETHIOPIC SYLLABLE ").lower()
    # Letters whose names are spelled as nobody types them: glottal stops have no consonant.
    for named, heard in (
        ("glottal ", ""),
        ("pharyngeal ", ""),
        ("phar", "p"),
        ("sz", "s"),
        ("tz", "s"),
        ("kx", "k"),
    ):
        sound = sound.replace(named, heard)
    return sound
