"""What is no listed phrase may say something too: a voice note, a place, an unlisted language, a machine; pure."""

from __future__ import annotations

import re
from enum import StrEnum

from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import load_lists


class Sign(StrEnum):
    """What a message shows beside its words; a heading like those of the lists."""

    ASKS_FOR_HELP = "asks_for_help"
    NO_WORDS = "no_words"
    UNLISTED_LANGUAGE = "unlisted_language"
    MACHINE = "machine"


#: What nobody of ours can read, and a bare call for help, goes one level above a question: it is never last.
URGENCY = dict.fromkeys(Sign, Urgency.DAY) | {Sign.MACHINE: Urgency.MACHINE}
_LINKS = re.compile(r"\s*+(?:(?:https?://|www\.)\S++\s*+)+", re.IGNORECASE)
#: Whoever sends where they are and nothing else may have no time for words.
_PLACE = re.compile(r"\bmaps?\b|waze\.|what3words|w3w\.co|openstreetmap|goo\.gl/", re.IGNORECASE)
#: Scripts of listed languages: Latin, Cyrillic, Arabic, Ethiopic.
_OUR_SCRIPTS = re.compile("[a-z\u00df-\u024f\u0400-\u052f\u0620-\u06ff\u0750-\u077f\u1200-\u139f]")
#: So many words none of which stands in any list are of no listed language.
_FEWEST_STRANGE = 4
#: A message of so many words of which so few are different was written by no person.
_FEWEST_REPEATED, _TIMES = 12, 6


def sign_of(text: str, words: list[str]) -> Sign | None:
    """Return what a message shows in which no listed phrase stands; None: it is a message like others."""
    if not text.strip():
        return Sign.NO_WORDS
    if _LINKS.fullmatch(text):
        return Sign.NO_WORDS if _PLACE.search(text) else Sign.MACHINE
    if len(words) >= _FEWEST_REPEATED and len(set(words)) * _TIMES <= len(words):
        return Sign.MACHINE
    return Sign.UNLISTED_LANGUAGE if _is_strange(words) else None


def _is_strange(words: list[str]) -> bool:
    said = [word for word in words if not word.isdecimal()]
    letters = "".join(said)
    if len(_OUR_SCRIPTS.findall(letters)) * 2 < len(letters):
        return True
    # Ethiopic writes what stands around a word together with it, so few words stand in lists as they are typed.
    is_ethiopic = "\u1200" <= letters[:1] <= "\u139f"
    return len(said) >= _FEWEST_STRANGE and not is_ethiopic and load_lists().vocabulary.isdisjoint(said)
