"""A book of phrases finds which of them stand in a message, as whole words in a row; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from campaigns.core.folding import looks_of, mixes_scripts, words_of

#: Languages that are also compared without the spaces inside a phrase: people set them as they like.
_UNSPACED = ("fa", "ps", "ar")
#: What may stand joined to the first word of an Arabic phrase: "and", "so".
_JOINED_BEFORE = ("و", "ف")
_ARABIC = re.compile("[\u0620-\u06ff]")
#: Words over which a phrase of a language that sets spaces freely may be spread.
_SPREAD = 8

Row = TypeVar("Row")


class PhraseBook(Generic[Row]):
    """Phrases of all languages, folded, each with its rows."""

    def __init__(self, phrases: Iterable[tuple[str, str, Row]]) -> None:
        """Fold phrases, each with its language and its row."""
        #: By their words, with one space between.
        self.by_words: dict[str, tuple[Row, ...]] = {}
        #: By their letters, without spaces.
        self.by_letters: dict[str, tuple[Row, ...]] = {}
        #: The same, of languages in which spaces are set freely.
        self._unspaced: dict[str, tuple[Row, ...]] = {}
        #: How many words the phrases have that begin with a word.
        self._lengths: dict[str, tuple[int, ...]] = {}
        #: Word of the book that looks like a word which mixes scripts.
        self._lookalikes: dict[str, str] = {}
        read = list(phrases)
        # What a word looks like is asked of mixed words only, so the order settles which of two likenesses it is.
        for _, phrase, _ in read:
            for word in words_of(phrase):
                if not mixes_scripts(word):
                    self._lookalikes.setdefault(looks_of(word), word)
        for language, phrase, row in read:
            self._add(self.plain(words_of(phrase)), row, unspaced=language in _UNSPACED)
        # After all that stands in the table itself.
        for language, phrase, row in read:
            if language == "ar":
                self._add_joined(words_of(phrase), row)

    def plain(self, words: list[str]) -> list[str]:
        """Return words in which each that mixes scripts is the word of the book that it looks like, if any."""
        return [self._lookalikes.get(looks_of(word), word) if mixes_scripts(word) else word for word in words]

    def starting_at(self, words: list[str], at: int) -> Iterator[tuple[int, tuple[Row, ...]]]:
        """Yield the end and the rows of each phrase that starts at a word."""
        for length in self._lengths.get(words[at], ()):
            rows = self.by_words.get(" ".join(words[at : at + length]))
            if rows is not None and at + length <= len(words):
                yield at + length, rows

    def within(self, words: list[str]) -> Iterator[tuple[int, tuple[Row, ...]]]:
        """Yield the rows of each phrase that stands anywhere, with the number of the word it starts at."""
        for at, first in enumerate(words):
            for _, rows in self.starting_at(words, at):
                yield at, rows
            if _ARABIC.match(first):
                letters = ""
                for word in words[at : at + _SPREAD]:
                    letters += word
                    yield at, self._unspaced.get(letters, ())

    def _add(self, words: list[str], row: Row, *, unspaced: bool) -> None:
        spaced, solid = " ".join(words), "".join(words)
        self.by_words[spaced] = (*self.by_words.get(spaced, ()), row)
        self.by_letters[solid] = (*self.by_letters.get(solid, ()), row)
        if unspaced:
            self._unspaced[solid] = (*self._unspaced.get(solid, ()), row)
        lengths = self._lengths.get(words[0], ())
        if len(words) not in lengths:
            self._lengths[words[0]] = (*lengths, len(words))

    def _add_joined(self, words: list[str], row: Row) -> None:
        for before in _JOINED_BEFORE:
            joined = [before + words[0], *words[1:]]
            if " ".join(joined) not in self.by_words:
                self._add(joined, row, unspaced=True)
