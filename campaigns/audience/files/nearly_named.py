"""A word of a file may be nearly the name of something that there is: this says of what. Pure.

Names are found by the pairs of letters that they share with the word, so that only a few of thousands are compared
letter by letter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from heapq import nlargest
from itertools import chain

from campaigns.core.folding import words_of

#: How much of two names has to be alike, from 0 to 1, and how many letters of a word another name may hold.
LEAST_ALIKE, LEAST_LETTERS = 0.75, 4
#: More are not told of one word.
MOST_TOLD = 3
#: How many of their pairs of letters two names share before they are compared, from 0 to 1: those with two letters
#: the wrong way round share few. And how many names are compared with one word.
LEAST_SHARED, MOST_COMPARED = 0.4, 5


class NearlyNamed:
    """Finds what is nearly called so, among things of which each may have several names."""

    def __init__(self, names: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Take the key of each thing with its names."""
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for key, theirs in names:
            for name in dict.fromkeys(map(_folded, theirs)):
                keys[name].append(key)
        self._keys: Mapping[str, list[str]] = dict(keys)
        self._names = list(keys)
        self._by_word: defaultdict[str, list[str]] = defaultdict(list)
        self._by_pair: defaultdict[str, list[int]] = defaultdict(list)
        self._pairs: list[int] = []
        for place, name in enumerate(self._names):
            for word in set(name.split()):
                self._by_word[word].append(name)
            pairs = _pairs_of(name)
            self._pairs.append(len(pairs))
            for pair in pairs:
                self._by_pair[pair].append(place)

    def find(self, text: str) -> list[str]:
        """Return the keys of what may be meant, the likeliest first."""
        wanted = _folded(text)
        if not wanted:
            return []
        found = [wanted] if wanted in self._keys else []
        found += self._holding(wanted) if len(wanted) >= LEAST_LETTERS else []
        found += get_close_matches(wanted, self._sharing(wanted), n=MOST_TOLD, cutoff=LEAST_ALIKE)
        return list(dict.fromkeys(key for name in found for key in self._keys[name]))[:MOST_TOLD]

    def _holding(self, wanted: str) -> list[str]:
        """Return names that hold what is wanted: the station, where a town is wanted."""
        having = self._by_word.get(wanted.split(maxsplit=1)[0], ())
        return [name for name in having if f" {wanted} " in f" {name} "]

    def _sharing(self, wanted: str) -> list[str]:
        """Return the names that share most pairs of letters with what is wanted."""
        pairs = _pairs_of(wanted)
        shared = Counter(chain.from_iterable(self._by_pair.get(pair, ()) for pair in pairs))
        alike = ((2 * count / (len(pairs) + self._pairs[place]), -place) for place, count in shared.items())
        most = nlargest(MOST_COMPARED, (each for each in alike if each[0] >= LEAST_SHARED))
        return [self._names[-place] for _share, place in most]


def _folded(text: str) -> str:
    return " ".join(words_of(text))


def _pairs_of(name: str) -> set[str]:
    """Return all two letters that stand beside each other, the ends with a space."""
    framed = f" {name} "
    return {framed[at : at + 2] for at in range(len(framed) - 1)}
