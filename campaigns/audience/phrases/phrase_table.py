"""The table of what people write back (data/inbound_words.csv) is folded once and looked up by whole words."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from campaigns.audience.phrases.phrase_book import PhraseBook

#: Headings of words that people put around what they ask.
PLEASE, THANKS, GREETING = "please", "thanks", "greeting"
_TAG = re.compile(r"\[(\w+)\]\s*")


class Heading(StrEnum):
    """What a phrase is listed under, of those that decide what a message asks for."""

    STOP = "stop"
    STOP_PHRASE = "stop_phrase"
    WRONG_PERSON = "wrong_person"
    START = "start"
    HELP = "help"
    INFO = "info"
    MOVED = "moved"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the table without its phrase."""

    heading: Heading
    language: str
    #: Counts as the whole line only.
    alone: bool
    #: Never more than a hold.
    hold: bool
    #: Counts only for a contact whose language this is.
    own: bool

    def counts_for(self, language: str | None) -> bool:
        """Say whether a contact of that language may mean it; None is somebody of whom we know no language."""
        if self.own:
            return language == self.language
        if self.heading is Heading.YES:
            return language is None or self.language in (language, "en")
        return True


#: All phrases that decide what a message asks for.
Phrases = PhraseBook[Listed]


@cache
def load_phrases() -> Phrases:
    """Read and fold the table; the first call takes a moment, every other none."""
    read = ((row, _listed(row)) for row in load_rows())
    return PhraseBook((row["language"], row["phrase"], listed) for row, listed in read if listed is not None)


@cache
def load_courtesies() -> PhraseBook[str]:
    """Read and fold the words of courtesy; the rows of the book are their languages."""
    courtesies = (row for row in load_rows() if row["meaning"] in (PLEASE, THANKS, GREETING))
    return PhraseBook((row["language"], row["phrase"], row["language"]) for row in courtesies)


def load_rows() -> list[dict[str, str]]:
    """Return the table as it stands in the file; columns are told in data/inbound_words.README.md."""
    with (files("campaigns.audience") / "data" / "inbound_words.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _listed(row: dict[str, str]) -> Listed | None:
    """Return what a row says; None under the headings that only order the inbox."""
    if row["meaning"] not in set(Heading):
        return None
    tags, note = set(), row["note"]
    while (tag := _TAG.match(note)) is not None:
        tags.add(tag[1])
        note = note[tag.end() :]
    return Listed(Heading(row["meaning"]), row["language"], "alone" in tags, "hold" in tags, "own" in tags)
