"""Folds text to the words by which it is compared; case, marks, apostrophes and spellings make no difference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

#: Apostrophes of every shape: don't is dont, and the Ukrainian м’я is мя.
_APOSTROPHES = dict.fromkeys(map(ord, "'`´‘’‚‛ʹʻʼʽʾʿˈˊˋ՚՝׳′‵＇\u0313\u0315"))
#: Ethiopic series that sound alike: where one begins, where the same letters of another do, and how many they are.
_SERIES = ((0x1230, 0x1220, 8), (0x1200, 0x1210, 8), (0x1200, 0x1280, 8), (0x12A0, 0x12D0, 7), (0x1338, 0x1340, 7))
#: Spellings of one letter: Arabic and Persian forms, and Ethiopic letters that sound alike.
_SPELLINGS = {
    "ا": "أإآٱ",
    "ي": "ىیئېۍ",
    "ك": "کڪ",
    "ه": "ةۀہھ",
    "و": "ؤ",
    "አ": "ኣዓዐኧ",
    "ሀ": "ሃሓሐኃኀ",
    "ቁ": "ቍ",
}
#: Latin letters that Unicode does not take apart, but that people type without their stroke or dot.
_UNSTROKED = {"ł": "l", "ı": "i", "đ": "d", "ø": "o", "ħ": "h", "ŧ": "t"}
_VARIANTS = str.maketrans(
    {chr(other + order): chr(first + order) for first, other, orders in _SERIES for order in range(orders)}
    | {form: letter for letter, forms in _SPELLINGS.items() for form in forms}
    | _UNSTROKED,
)
_TATWEEL = "\u0640"
#: Letters that look the same in Cyrillic, Greek and Latin, after case folding.
_LOOKALIKES = str.maketrans("асеорхтмнвкуіѕјһӏαβεηικνορτυχ", "aceopxtmhbkyisjhlabehikvoptyx")
_LATIN, _GREEK, _CYRILLIC = (
    re.compile(letters) for letters in ("[a-z\u00df-\u024f]", "[\u0370-\u03ff]", "[\u0400-\u052f]")
)
_DRAWN_OUT = re.compile(r"([^\W\d])\1{2,}")
#: So many letters in a row that stand alone are a word spaced out.
_FEWEST_SPACED = 3


class _Bare(dict[int, str]):
    """What is left of each character of a decomposed text; grows as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = left = _left_of(chr(code))
        return left


def _left_of(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" or category[0] == "M" or character == _TATWEEL:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return character if category[0] in "LN" else " "


_BARE = _Bare()


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared; punctuation and emoji only part them."""
    # Apostrophes first: normalisation makes a space and a mark of some of them.
    folded = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    # Hamza and other letters before, because decomposition would turn some of them into marks.
    decomposed = unicodedata.normalize("NFD", folded.translate(_APOSTROPHES).translate(_VARIANTS))
    return decomposed.translate(_BARE).translate(_VARIANTS).split()


def has_words(text: str, typed: str) -> bool:
    """Say whether every word that somebody typed stands in a text, or is a part of one of its words."""
    there = " ".join(words_of(text))
    return all(word in there for word in words_of(typed))


def mixes_scripts(word: str) -> bool:
    """Say whether a word has letters of several scripts whose letters look alike."""
    if word.isascii():
        return False
    return sum(script.search(word) is not None for script in (_LATIN, _GREEK, _CYRILLIC)) > 1


def looks_of(word: str) -> str:
    """Return what a word looks like, in Latin letters where they look the same."""
    return word.translate(_LOOKALIKES)


def shortened(word: str, *, to: int) -> str:
    """Return a word in which each letter that comes three or more times in a row comes `to` times."""
    return _DRAWN_OUT.sub(lambda found: found[1] * to, word)


def with_letters_joined(words: Iterable[str]) -> list[str]:
    """Return words in which letters that stand alone, three or more in a row, are one word: S.O.S., s t o p."""
    joined: list[str] = []
    for is_letter, some in groupby(words, key=lambda word: len(word) == 1 and word.isalpha()):
        run = list(some)
        joined += ["".join(run)] if is_letter and len(run) >= _FEWEST_SPACED else run
    return joined


def digits_of(text: str) -> str:
    """Return the digits of a text, of any script, in those of ASCII."""
    return "".join(str(int(letter)) for letter in text if letter.isdecimal())


def with_letters_o(word: str) -> str:
    """Return a word in which each 0 is an o, unless it is a number."""
    return word if word.isdecimal() else word.replace("0", "o")
