"""Requests wait here for a thread, and everybody has a turn before anybody has a second one. It is pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Those who wait, by peer; of a peer in their order."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._by_peer: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return self._count

    def enter(self, peer: str, one: T, *, goes_first: bool = False) -> T | None:
        """Let one wait, perhaps before others of its peer; return who must be sent away for it, perhaps the same.

        That is the last of whoever has most waiting.
        """
        waiting = self._by_peer.setdefault(peer, deque())
        if goes_first:
            waiting.appendleft(one)
        else:
            waiting.append(one)
        self._count += 1
        if self._count <= self._most:
            return None
        crowd = max(self._by_peer, key=lambda each: (len(self._by_peer[each]), each == peer))
        last = self._by_peer[crowd].pop()
        self._took_from(crowd)
        return last

    def take(self) -> T:
        """Return whose turn it is; there must be somebody."""
        peer = next(iter(self._by_peer))
        waiting = self._by_peer.pop(peer)
        first = waiting.popleft()
        # Its next one comes after those of all others.
        self._by_peer[peer] = waiting
        self._took_from(peer)
        return first

    def _took_from(self, peer: str) -> None:
        self._count -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]
