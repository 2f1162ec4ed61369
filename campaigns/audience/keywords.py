"""Recognises the words by which people stop or join, in every language of the table and however they are typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from campaigns.core.languages import all_languages

#: Longest message, in words, whose first word alone counts; a longer sentence only mentions the word.
MOST_WORDS = 3
#: STOP typed on the wrong keyboard or by look: Cyrillic С looks like C, and П has no likeness.
_MISTYPED_STOPS = tuple(f"{first}TO{last}" for first in "SC" for last in "PП")
#: Plain words for yes: they answer many questions, so they join only when they are the whole message.
AFFIRMATIVES = (
    *("YES", "ТАК", "ДА", "TAK", "DA", "IGEN", "ANO", "JA", "OUI", "NDIYO", "YEE", "EEYYEE", "HAA"),
    *("نعم", "بله", "هو", "አዎ", "እወ"),
)
#: Letters that look the same in Cyrillic, Greek and Latin (after case folding), so that mixed words are one word.
_LOOKALIKES = str.maketrans("асеорхтмнвкуіѕјαβεηικνορτυχłı", "aceopxtmhbkyisjabehikvoptyxli")
#: Spellings of one letter: Arabic and Persian forms, and Ethiopic letters that sound alike.
_SPELLINGS = {
    "ا": "أإآٱ",
    "ي": "ىیئېۍ",
    "ك": "کڪ",
    "ه": "ةۀہھ",
    "و": "ؤ",
    "አ": "ኣዓዐኧ",
    "ሀ": "ሃኃሐሓኀ",
    "ቁ": "ቍ",
    "ሰ": "ሠ",
    "ጸ": "ፀ",
}
_VARIANTS = str.maketrans({form: letter for letter, forms in _SPELLINGS.items() for form in forms})
_TATWEEL = "\u0640"
#: General categories kept as letters of a word.
_LETTERS = ("L", "N")


class Meaning(StrEnum):
    """What a message asks for."""

    STOP = "stop"
    START = "start"


def meaning_of(text: str) -> Meaning | None:
    """Say whether a message asks to stop or to join again; anything else is None.

    A word counts as the whole message (STOP also spaced or dotted), or as the first of at most three; a plain yes
    only as the whole message. A message that says both is a stop: a doubt must never bring messages back.
    Case, punctuation, diacritics and look-alike letters do not matter.
    """
    words = _words(text)
    if not words:
        return None
    stops, starts = _stop_words(), _start_words()
    # "S T O P" and "OPT-OUT": no listed word is long enough for a sentence to run into one.
    if "".join(words) in stops:
        return Meaning.STOP
    if len(words) > MOST_WORDS:
        return None
    if words[0] in stops:
        return Meaning.STOP
    if words[0] in (starts if len(words) == 1 else starts - _affirmatives()):
        return Meaning.START if stops.isdisjoint(words) else Meaning.STOP
    return None


@cache
def _stop_words() -> frozenset[str]:
    listed = (word for language in all_languages().values() for word in language.stop_words)
    return _folded([*listed, *_MISTYPED_STOPS])


@cache
def _start_words() -> frozenset[str]:
    listed = [word for language in all_languages().values() for word in language.start_words]
    return _folded(listed) - _stop_words()


@cache
def _affirmatives() -> frozenset[str]:
    return _folded(AFFIRMATIVES)


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset("".join(_words(word)) for word in words)


def _words(text: str) -> list[str]:
    """Return the words of a message as they are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace(_TATWEEL, "")
    # Hamza and other letters first, because decomposition would turn some of them into marks.
    decomposed = unicodedata.normalize("NFD", folded.translate(_VARIANTS))
    bare = "".join(letter for letter in decomposed if unicodedata.category(letter) not in ("Mn", "Cf"))
    same = bare.translate(_VARIANTS).translate(_LOOKALIKES)
    spaced = "".join(letter if unicodedata.category(letter)[0] in _LETTERS else " " for letter in same)
    # A zero inside a word is an O.
    return [word if word.isdecimal() else word.replace("0", "o") for word in spaced.split()]
