"""A word of a file may be nearly the name of something that there is: this says of what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from campaigns.core.folding import words_of

#: How much of two names has to be alike, from 0 to 1, and how many letters of a word another name may hold.
LEAST_ALIKE, LEAST_LETTERS = 0.75, 4
#: More are not told of one word.
MOST_TOLD = 3


class NearlyNamed:
    """Finds what is nearly called so, among things of which each may have several names."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        """Take the names of each thing, by its key."""
        self._keys: dict[str, list[str]] = {}
        for key, theirs in names.items():
            for name in dict.fromkeys(map(_folded, theirs)):
                self._keys.setdefault(name, []).append(key)

    def find(self, text: str) -> list[str]:
        """Return the keys of what may be meant, the likeliest first."""
        wanted = _folded(text)
        # The town, where the place is its station.
        holding = [name for name in self._keys if f" {wanted} " in f" {name} "]
        found = [wanted] if wanted in self._keys else []
        found += holding if len(wanted) >= LEAST_LETTERS else []
        found += get_close_matches(wanted, self._keys, n=MOST_TOLD, cutoff=LEAST_ALIKE)
        return list(dict.fromkeys(key for name in found for key in self._keys[name]))[:MOST_TOLD]


def _folded(text: str) -> str:
    return " ".join(words_of(text))
