"""Pure functions find the glossary's terms in a source text, and check that translations say them as agreed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

#: Stands for any beginning or ending, so that one entry fits an inflected word: "паспорт*", "*جواز*".
ANY_ENDING = "*"


@dataclass(frozen=True, slots=True)
class Term:
    """One entry: a term, and how it is to be said in the language of the translation."""

    term: str
    #: Wordings that will do, parted by "/".
    wording: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TermUse:
    """A term that a source text uses."""

    term: Term
    #: Whether the translation says it as agreed.
    is_hit: bool


def find_terms(base: str, text: str, terms: Iterable[Term]) -> tuple[TermUse, ...]:
    """Return the terms that `base` uses, misses first, with whether `text` has one of their wordings."""
    folded_base, folded_text = _folded(base), _folded(text)
    used = [
        TermUse(term, any(_occurs(wording, folded_text) for wording in term.wording.split("/")))
        for term in terms
        if _occurs(term.term, folded_base)
    ]
    return tuple(sorted(used, key=lambda use: (use.is_hit, use.term.term.casefold())))


def _occurs(pattern: str, folded: str) -> bool:
    """Say whether whole words of a text fit `pattern`, in which "*" stands for any ending of a word."""
    words = _folded(pattern).split()
    if not words:
        return False
    expression = r"\s+".join(re.escape(word).replace(re.escape(ANY_ENDING), r"\w*") for word in words)
    return re.search(rf"(?<!\w){expression}(?!\w)", folded) is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
