"""All keys of the list of place names, in order, lead to the lines of the places that have them.

The table is read once a process, when first asked, from two bundled files: the list itself, and what
`table_building.py` made of it. Nothing here asks a database or a network.
"""

from __future__ import annotations

import csv
import gzip
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO

import numpy as np

#: Has to be shown beside what comes from the list.
CREDIT = "Places: GeoNames (CC BY 4.0)"
#: Names and keys with fewer letters must be typed without an error.
SHORTEST_MISTYPED = 5
#: No name is longer; of each key two and more for each of its letters are made.
LONGEST_MISTYPED = 100
#: A beginning of more names than this says nothing.
COMMON_BEGINNING = 300
#: Comes after every letter.
_LAST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class ListedPlace:
    """One place of the list, as the list has it."""

    #: Number at GeoNames.
    number: int
    name: str
    #: ISO 3166-1 alpha-2.
    country: str
    longitude: float
    latitude: float
    #: 0: not known.
    population: int
    #: In other languages and scripts; which language a name belongs to is not known.
    other_names: tuple[str, ...]


class NameTable:
    """Finds lines of the list by key, by spellings, and by a key with one typing error."""

    def __init__(self, listed: bytes, keys: list[str], starts: Sequence[int], rows: Sequence[int]) -> None:
        """Take the list without its header, sorted keys, and where the rows of each key begin among all rows."""
        self._listed = listed
        self._keys = keys
        self._starts = starts
        self._rows = rows

    def named(self, key: str) -> list[int]:
        """Return where the places with exactly this key stand in the list."""
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return []
        return list(self._rows[self._starts[at] : self._starts[at + 1]])

    def spelt(self, options: Sequence[tuple[str, ...]]) -> list[int]:
        """Return where the places stand whose key takes one option of each letter, in order."""
        begun = [""]
        for letter in options:
            begun = [longer for start in begun for option in letter if self._begins(longer := start + option)]
        return self._named_by_any(begun) if options else []

    def nearly_named(self, key: str) -> list[int]:
        """Return where the places stand whose key has one letter more, less, another, or two letters swapped."""
        if not SHORTEST_MISTYPED <= len(key) <= LONGEST_MISTYPED:
            return []
        near = {near for near in self._one_error_away(key) if len(near) >= SHORTEST_MISTYPED}
        return self._named_by_any(sorted(near))

    def begun_with(self, key: str) -> list[int]:
        """Return where the places stand that have a longer key which begins so; nothing for a common beginning."""
        first, end = bisect_left(self._keys, key), bisect_left(self._keys, key + _LAST)
        longer = [longer for longer in self._keys[first:end] if longer != key]
        return self._named_by_any(longer) if len(longer) <= COMMON_BEGINNING else []

    def place_at(self, row: int) -> ListedPlace:
        """Return the place whose line begins there."""
        line = self._listed[row : self._listed.index(b"\n", row)].decode()
        [[number, name, country, _, latitude, longitude, population, _, others]] = csv.reader([line])
        return ListedPlace(
            number=int(number),
            name=name,
            country=country,
            longitude=float(longitude),
            latitude=float(latitude),
            population=int(population),
            other_names=tuple(others.split("|")) if others else (),
        )

    def peopled(self) -> Iterator[tuple[int, float, float, int]]:
        """Yield where each line begins, its longitude and latitude, and how many people live there."""
        begins, lines = 0, self._listed.splitlines(keepends=True)
        for line, fields in zip(lines, csv.reader(map(bytes.decode, lines)), strict=True):
            yield begins, float(fields[5]), float(fields[4]), int(fields[6])
            begins += len(line)

    def _named_by_any(self, keys: Sequence[str]) -> list[int]:
        return list(dict.fromkeys(row for key in keys for row in self.named(key)))

    def _begins(self, start: str) -> bool:
        at = bisect_left(self._keys, start)
        return at < len(self._keys) and self._keys[at].startswith(start)

    def _one_error_away(self, key: str) -> Iterator[str]:
        for place in range(len(key) + 1):
            start, rest = key[:place], key[place:]
            yield start + rest[1:]
            yield start + rest[1:2] + rest[:1] + rest[2:]
            for letter in self._letters_after(start, like=key[0]):
                yield start + letter + rest
                yield start + letter + rest[1:]

    def _letters_after(self, start: str, *, like: str) -> Iterator[str]:
        """Yield the letters that follow in any key that begins so; the first one only in the script of `like`."""
        end = bisect_left(self._keys, start + _LAST)
        at = bisect_left(self._keys, start + (chr(0x20) if start else chr(ord(like) & ~0xFF)))
        while at < end:
            letter = self._keys[at][len(start)]
            if not start and ord(letter) >> 8 != ord(like) >> 8:
                return
            yield letter
            at = bisect_left(self._keys, start + chr(ord(letter) + 1), at, end)


def open_data(name: str) -> IO[bytes]:
    """Open a bundled file of the places."""
    return (files("campaigns.places") / "data" / name).open("rb")


def read_list() -> bytes:
    """Return the lines of the list, without its header."""
    with open_data("gazetteer.csv.gz") as packed, gzip.open(packed) as unpacked:
        unpacked.readline()
        return unpacked.read()


@cache
def load_table() -> NameTable:
    """Read the list and its table (once a process)."""
    with open_data("gazetteer_names.npz") as packed, np.load(packed) as table:
        keys = table["keys"].tobytes().decode().split("\n")
        starts, rows = (array("I", table[name].astype("=u4").tobytes()) for name in ("starts", "rows"))
    return NameTable(read_list(), keys, starts, rows)
