"""Folds small areas upward and rounds what is left: the shape of a release, from counts that hold noise already.

Nothing here reads a true count, so nothing here can give one away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Fewer people than this are never shown.
LEAST = 10
#: Every figure shown is a multiple of this.
ROUND_TO = 5
#: The node that holds everything.
ROOT = "*"

#: Each node and leaf under its parent; the topmost ones under ROOT, which has no parent itself.
Parents = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Folded:
    """What may be shown: each leaf is in exactly one figure."""

    #: Leaves with a figure of their own, rounded.
    own: Mapping[str, int]
    #: "Other areas of" a node, rounded; ROOT only when what is left at last is large enough.
    others: Mapping[str, int]
    #: Each leaf without a figure of its own, and the node whose "other areas" it is counted in.
    counted_in: Mapping[str, str]

    @property
    def total(self) -> int:
        """The sum of the figures shown; what is too small to be shown is not in it."""
        return sum(self.own.values()) + sum(self.others.values())


def fold(noisy: Mapping[str, int], parents: Parents) -> Folded:
    """Fold leaves below LEAST into the others of their parent, and what is still below it further up.

    `noisy` has a count for every leaf, zeros and negative ones included: leaving them out would favour large ones.
    """
    own = {leaf: rounded(count) for leaf, count in noisy.items() if count >= LEAST}
    waiting: dict[str, list[str]] = {}
    for leaf in noisy:
        if leaf not in own:
            waiting.setdefault(parents[leaf], []).append(leaf)
    others: dict[str, int] = {}
    counted_in: dict[str, str] = {}
    for node in _upward(parents, noisy):
        leaves = waiting.pop(node, [])
        count = sum(noisy[leaf] for leaf in leaves)
        if count >= LEAST or node == ROOT:
            counted_in |= dict.fromkeys(leaves, node)
        elif leaves:
            waiting.setdefault(parents[node], []).extend(leaves)
        if count >= LEAST:
            others[node] = rounded(count)
    return Folded(own, others, counted_in)


def rounded(count: int) -> int:
    """Return the multiple of ROUND_TO that is nearest; an odd ROUND_TO has no ties."""
    return (count + ROUND_TO // 2) // ROUND_TO * ROUND_TO


def _upward(parents: Parents, leaves: Mapping[str, int]) -> Sequence[str]:
    """Return the nodes that hold something, each before its parent and ROOT last."""
    depths = {ROOT: 0}
    for start in leaves:
        path = [start]
        while path[-1] not in depths:
            path.append(parents[path[-1]])
        depth = depths[path.pop()]
        for step in reversed(path):
            depth += 1
            depths[step] = depth
    nodes = (node for node in depths if node not in leaves)
    return sorted(nodes, key=lambda node: -depths[node])
