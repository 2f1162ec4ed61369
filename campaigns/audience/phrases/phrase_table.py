"""The table of what people write back (data/inbound_words.csv) is folded once and looked up by whole words."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from campaigns.core.folding import looks_of, mixes_scripts, words_of

#: Languages that are also compared without the spaces inside a phrase: people set them as they like.
_UNSPACED = ("fa", "ps", "ar")
#: What may stand joined to the first word of an Arabic phrase: "and", "so".
_JOINED_BEFORE = ("و", "ف")
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


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases, folded."""

    #: By their words, with one space between.
    by_words: dict[str, tuple[Listed, ...]]
    #: By their letters, without spaces.
    by_letters: dict[str, tuple[Listed, ...]]
    #: The same, of languages in which spaces are set freely.
    unspaced: dict[str, tuple[Listed, ...]]
    #: How many words the phrases have that begin with a word.
    lengths: dict[str, tuple[int, ...]]
    #: Word of the table that looks like a word which mixes scripts.
    lookalikes: dict[str, str]

    def plain(self, words: list[str]) -> list[str]:
        """Return words in which each that mixes scripts is the word of the table that it looks like, if any."""
        return [self.lookalikes.get(looks_of(word), word) if mixes_scripts(word) else word for word in words]

    def starting_at(self, words: list[str], at: int) -> Iterator[tuple[int, tuple[Listed, ...]]]:
        """Yield the end and the rows of each phrase that starts at a word."""
        for length in self.lengths.get(words[at], ()):
            rows = self.by_words.get(" ".join(words[at : at + length]))
            if rows is not None and at + length <= len(words):
                yield at + length, rows


@cache
def load_phrases() -> Phrases:
    """Read and fold the table; the first call takes a moment, every other none."""
    read = [
        (row["language"], row["phrase"], listed) for row in load_rows() if (listed := _listed(row)) is not None
    ]
    # What a word looks like is asked of mixed words only, so the order settles which of two likenesses it is.
    lookalikes: dict[str, str] = {}
    for _, phrase, _ in read:
        for word in words_of(phrase):
            if not mixes_scripts(word):
                lookalikes.setdefault(looks_of(word), word)
    phrases = Phrases({}, {}, {}, {}, lookalikes)
    for language, phrase, listed in read:
        _add(phrases, phrases.plain(words_of(phrase)), listed, unspaced=language in _UNSPACED)
    # After all that stands in the table itself.
    for language, phrase, listed in read:
        if language == "ar":
            _add_joined(phrases, words_of(phrase), listed)
    return phrases


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


def _add(phrases: Phrases, words: list[str], listed: Listed, *, unspaced: bool) -> None:
    spaced, solid = " ".join(words), "".join(words)
    phrases.by_words[spaced] = (*phrases.by_words.get(spaced, ()), listed)
    phrases.by_letters[solid] = (*phrases.by_letters.get(solid, ()), listed)
    if unspaced:
        phrases.unspaced[solid] = (*phrases.unspaced.get(solid, ()), listed)
    lengths = phrases.lengths.get(words[0], ())
    if len(words) not in lengths:
        phrases.lengths[words[0]] = (*lengths, len(words))


def _add_joined(phrases: Phrases, words: list[str], listed: Listed) -> None:
    for before in _JOINED_BEFORE:
        joined = [before + words[0], *words[1:]]
        if " ".join(joined) not in phrases.by_words:
            _add(phrases, joined, listed, unspaced=True)
