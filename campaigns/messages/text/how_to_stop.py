"""Pure functions say in a text how to stop: nobody types it, because not every sender hears an answer.

Where the sender cannot be written to, a text names a page instead: each person's own address, which is put in
when it is sent (`core/keys/leave_token.py`) and has the same length for all.

The phrases are machine-made and await native readers; the word itself is STOP in Latin letters, which is
understood in every language (`audience/keywords.py`).
"""

from __future__ import annotations

import csv
import re
from enum import StrEnum
from functools import cache
from importlib.resources import files

from campaigns.core.keys.leave_token import NOBODYS
from campaigns.core.languages import all_languages
from campaigns.messages.text.placeholders import STOP, Placeholder, parse

#: The word that every phrase ends with.
STOP_WORD = "STOP"
_WORD = re.compile(r"[^\W\d_]+")
#: After these a word is an order to send it.
_OPENERS = re.compile(r"[:：«»“”\"'‘’„]\s*$")


class StopWay(StrEnum):
    """How people who get a text can stop it."""

    #: By an answer that reaches us.
    WORD = "word"
    #: The sender is a name that nobody can write to, or an answer may not arrive: the text names a page.
    LINK = "link"
    #: The same, and there is no page: the text must not ask for an answer.
    NONE = "none"


@cache
def stop_phrases() -> dict[str, str]:
    """Return by language how to stop by an answer."""
    with (files("campaigns.messages") / "data" / "stop_phrases.csv").open(encoding="utf-8") as lines:
        return {row["language"]: row["phrase"] for row in csv.DictReader(lines)}


def how_to_stop(way: str, language: str, *, pages: str = "") -> str:
    """Return what stands for ((stop)) in a text of `language`.

    `pages` is what addresses of our own pages begin with; without it no text names one.
    """
    phrase = stop_phrases().get(language, stop_phrases()["en"])
    if way == StopWay.WORD:
        return phrase
    is_said = way == StopWay.LINK and pages
    return phrase.replace(STOP_WORD, f"{pages}/{language}/e/{NOBODYS}") if is_said else ""


def with_stop_said(text: str, language: str) -> str:
    """Return `text` with the phrase in place of ((stop)), for what is written once for all readers of a language.

    Raises PlaceholderError for a faulty text.
    """
    pieces = parse(text)
    return "".join(
        how_to_stop(StopWay.WORD, language)
        if isinstance(piece, Placeholder) and piece.name == STOP
        else str(piece)
        for piece in pieces
    )


def find_typed_stop(text: str, language: str) -> str | None:
    """Return the word by which `text` asks for an answer that stops it, or None. Raises PlaceholderError.

    That is STOP in capitals, or a stop word of the language in capitals; where a script has none, one that follows
    a colon or a quotation mark.
    """
    known = all_languages().get(language)
    words = {STOP_WORD, *(word.upper() for word in (known.stop_words if known else ()))}
    for piece in parse(text):
        if isinstance(piece, Placeholder):
            continue
        for found in _WORD.finditer(piece):
            word = found[0]
            if word.upper() not in words:
                continue
            is_order = word.isupper() if word.upper() != word.lower() else _OPENERS.search(piece[: found.start()])
            if is_order:
                return word
    return None
