"""Finds words that stand near each other in any order, by a part of each: endings and order differ by language.

A row of the table whose form is `nearby` says which: «забра*|взя* паспорт*» is found in "паспорт у мене забрав".
Of the words between two spaces one is needed; `*` stands for any letters before a word, after it or on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, TypeVar

from campaigns.core.folding import words_of

#: So many words a row may be spread over.
WITHIN = 8
#: Letters of a word in which pieces are looked for; nothing longer is a word.
_LONGEST = 40
#: What Arabic joins to the beginning of a word: and, so, in, to, the.
_JOINED = ("وال", "فال", "بال", "لل", "ال", "و", "ف", "ب", "ل")

#: Words of which one is needed, as the table writes them.
Slot = tuple[str, ...]
Row = TypeVar("Row")
#: Where the words of each slot were met, the last two of each: a word that fits several slots may be one of them.
_Met = list[tuple[tuple[int, str], ...]]


@dataclass(slots=True)
class _Pieces:
    """Pieces of words, each with what needs it: numbers of a row and of its slot, and how it is written there."""

    needs: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)

    def add(self, piece: str, row: int, slot: int, written: str) -> None:
        self.lengths.add(len(piece))
        self.needs.setdefault(piece, []).append((row, slot, written))

    def at(self, word: str, letter: int) -> Iterator[tuple[int, int, str]]:
        """Yield what needs a piece with which a word goes on at a letter."""
        for length in self.lengths:
            if letter + length <= len(word):
                yield from self.needs.get(word[letter : letter + length], ())


class NearbyBook(Generic[Row]):
    """Rows by words that stand near each other."""

    def __init__(self, rows: Iterable[tuple[tuple[Slot, ...], Row]]) -> None:
        """Take rows, each with its slots."""
        self._rows = list(rows)
        self._whole, self._beginnings, self._endings, self._inner = (_Pieces() for _ in range(4))
        for number, (slots, _) in enumerate(self._rows):
            for slot, written in ((slot, word) for slot, words in enumerate(slots) for word in words):
                self._kind(written).add(written.strip("*"), number, slot, written)

    def within(self, words: list[str]) -> Iterator[tuple[Row, str]]:
        """Yield each row whose words stand near each other, with those words as they are written in the table."""
        met: dict[int, _Met] = {}
        needs: dict[str, tuple[tuple[int, int, str], ...]] = {}
        for at, word in enumerate(words):
            if word not in needs:
                needs[word] = tuple(self._needs_of(word))
            for number, slot, written in needs[word]:
                row = met.setdefault(number, [()] * len(self._rows[number][0]))
                row[slot] = (*row[slot][-1:], (at, written))
                near = _chosen(row, at)
                if near is not None:
                    yield self._rows[number][1], " ".join(piece for _, piece in near)
                    del met[number]

    def _kind(self, written: str) -> _Pieces:
        if written.startswith("*"):
            return self._inner if written.endswith("*") else self._endings
        return self._beginnings if written.endswith("*") else self._whole

    def _needs_of(self, word: str) -> Iterator[tuple[int, int, str]]:
        word = word[:_LONGEST]
        for form in (word, *(word.removeprefix(joined) for joined in _JOINED if word.startswith(joined))):
            yield from self._whole.needs.get(form, ())
            yield from self._beginnings.at(form, 0)
        for letter in range(len(word)):
            yield from self._endings.needs.get(word[letter:], ())
            yield from self._inner.at(word, letter)


def _chosen(row: _Met, at: int) -> tuple[tuple[int, str], ...] | None:
    """Choose a word for each slot, all near the last word.

    One word may stand for two slots by what begins and what ends it, but not by the same piece.
    """
    for near in product(*row):
        if len(set(near)) == len(near) and all(at - each < WITHIN for each, _ in near):
            return near
    return None


def slots_of(phrase: str) -> tuple[Slot, ...]:
    """Return the slots of a row, their words as they are compared."""
    return tuple(tuple(_folded(word) for word in slot.split("|")) for slot in phrase.split())


def _folded(word: str) -> str:
    return "*" * word.startswith("*") + "".join(words_of(word)) + "*" * word.endswith("*")
