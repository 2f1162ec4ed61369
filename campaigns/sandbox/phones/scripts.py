"""A text's letters tell which way it runs and, as far as they can, in which language it is written."""

import unicodedata
from typing import Literal

Direction = Literal["ltr", "rtl"]

#: Letters that only one of the languages of a script has, the most telling first.
_TELLING = (
    ("uk", "іїєґ"),
    ("ru", "ыэёъ"),
    ("ur", "ٹڈڑںے"),
    ("ps", "ټډړښځڅ"),
    ("ckb", "ڕڵێۆ"),
    ("fa", "پچژگ"),
    ("pl", "ąęłńśźż"),
    ("ro", "ășțşţ"),
)
_SCRIPTS = {"ARABIC": "ar", "ETHIOPIC": "am", "GREEK": "el", "HEBREW": "he", "GEORGIAN": "ka"}


def direction_of(text: str) -> Direction:
    """Return the direction of the first letter that has one, as `dir="auto"` does (UAX 9, P2 and P3)."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def language_of(text: str) -> str:
    """Return a language tag that the letters of a text betray, empty when they betray none."""
    letters = set(text.lower())
    for language, telling in _TELLING:
        if letters.intersection(telling):
            return language
    for letter in text:
        script = unicodedata.name(letter, "").partition(" ")[0]
        if script in _SCRIPTS:
            return _SCRIPTS[script]
    return ""
