"""Recognises the words by which people stop or join, in every language of the table and however they are typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from campaigns.core.languages import all_languages

#: Longest message, in words, whose first word alone can stop it; a longer sentence only mentions the word.
MOST_WORDS = 3
#: Typed with the wrong keyboard or by look: Cyrillic СТОП in Latin letters.
_MISTYPED_STOPS = ("CTOП", "CTOP", "СТОР")
#: Letters that look the same in Cyrillic and Latin (after case folding), so that mixed words are one word.
_LOOKALIKES = str.maketrans("асеорхтмнвкуіѕј", "aceopxtmhbkyisj")
#: Spellings of one letter: Arabic and Persian forms, and Ethiopic letters that sound alike.
_SPELLINGS = {"ا": "أإآٱ", "ي": "ىیئ", "ك": "ک", "ه": "ة", "و": "ؤ", "አ": "ኣዓዐ", "ሀ": "ሃኃሐሓኀ"}
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

    STOP counts as the whole message or as the first word of at most three, START only as the whole message:
    a doubt must never bring messages back. Case, punctuation, diacritics and look-alike letters do not matter.
    """
    words = _words(text)
    if not words:
        return None
    whole = " ".join(words)
    stops, starts = _stop_words(), _start_words()
    if whole in stops or (len(words) <= MOST_WORDS and words[0] in stops):
        return Meaning.STOP
    return Meaning.START if whole in starts else None


@cache
def _stop_words() -> frozenset[str]:
    listed = (word for language in all_languages().values() for word in language.stop_words)
    return _folded([*listed, *_MISTYPED_STOPS])


@cache
def _start_words() -> frozenset[str]:
    listed = [word for language in all_languages().values() for word in language.start_words]
    return _folded(listed) - _stop_words()


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(" ".join(_words(word)) for word in words)


def _words(text: str) -> list[str]:
    """Return the words of a message as they are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace(_TATWEEL, "")
    # Hamza and other letters first, because decomposition would turn some of them into marks.
    decomposed = unicodedata.normalize("NFD", folded.translate(_VARIANTS))
    bare = "".join(letter for letter in decomposed if unicodedata.category(letter) not in ("Mn", "Cf"))
    same = bare.translate(_VARIANTS).translate(_LOOKALIKES)
    spaced = "".join(letter if unicodedata.category(letter)[0] in _LETTERS else " " for letter in same)
    return spaced.split()
