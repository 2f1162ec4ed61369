"""Lines of a contact file that share a number are found by hashes alone: no number is kept. Pure."""

from __future__ import annotations

import secrets
from array import array
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from campaigns.audience.consent.handles import Handle
from campaigns.audience.file_telling import WhichLine


@dataclass(frozen=True, slots=True)
class LinesLeftOut:
    """The lines of a file that are left out, because others with the same number count."""

    lines: Container[int] = ()
    #: What stands in them, by the lines that count instead: a stop by one of these handles is heeded there.
    handles: Mapping[int, set[Handle]] = field(default_factory=dict)


NOTHING_LEFT_OUT = LinesLeftOut()


class SeenHandles:
    """The handles of a file by a hash of 64 bits, and their lines, in 12 bytes each.

    Two of a million numbers share a hash in one file of thirty million, which nobody can know before: `salt` is of
    this file alone.
    """

    def __init__(self, salt: bytes | None = None) -> None:
        self.salt = salt or secrets.token_bytes(16)
        self._hashes, self._lines = array("q"), array("I")

    def add(self, handle: Handle, line: int) -> None:
        """Remember that a handle stands in a line; lines come in their order."""
        text = f"{handle.channel}\0{handle.text}".encode()
        self._hashes.frombytes(blake2b(text, digest_size=8, key=self.salt).digest())
        self._lines.append(line)

    def extend(self, later: SeenHandles) -> None:
        """Remember what was seen in later lines, with the same salt."""
        self._hashes += later._hashes
        self._lines += later._lines

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Give each line with a handle that an earlier line has, and the first line that has it."""
        twice = self._twice()
        first: dict[int, int] = {}
        for mark, line in self._walk(twice):
            if first.setdefault(mark, line) != line:
                yield line, first[mark]

    def superseded(self, counts: WhichLine) -> dict[int, frozenset[int]]:
        """Return the lines that are left out where the first, or the last, of those with one handle `counts`.

        Each comes with the lines that count instead of it.

        A line is left out only for one that counts, so nobody is lost who stands in the file.
        """
        marks_of: defaultdict[int, set[int]] = defaultdict(set)
        for mark, line in self._walk(self._twice()):
            marks_of[line].add(mark)
        taken: dict[int, int] = {}
        left_out = {}
        for line in sorted(marks_of, reverse=counts == WhichLine.LAST):
            instead = frozenset(taken[mark] for mark in marks_of[line] if mark in taken)
            if instead:
                left_out[line] = instead
            else:
                taken |= dict.fromkeys(marks_of[line], line)
        return left_out

    def _twice(self) -> set[int]:
        hashes = np.array(self._hashes)
        hashes.sort()
        return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())

    def _walk(self, twice: set[int]) -> Iterator[tuple[int, int]]:
        """Give the hashes that come several times, each with its line."""
        # Most files have none, and the walk is slow.
        pairs = zip(self._hashes, self._lines, strict=True) if twice else ()
        return ((mark, line) for mark, line in pairs if mark in twice)
