"""A pure book of connections says who makes room where there are too many: newcomers are not turned away.

A limit that refuses newcomers is what an attacker wants: he fills it and holds it. Here a new connection takes
the place of the one that has idled longest, of the same peer or of whoever has most. Idle is whose request is not
being worked on: who has sent none, half of one, or does not read the answer.
"""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv6Address, ip_address
from typing import Generic, Protocol, TypeVar


class Guest(Protocol):
    """A connection, as far as making room goes."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of ours is lost when it is closed."""


G = TypeVar("G", bound=Guest)


def peer_of(host: str) -> str:
    """Return whom an address stands for: of IPv6 a customer has at least a network of 64 bits."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


def peer_behind(named: str, hops: int) -> str | None:
    """Return whom the outermost of `hops` proxies was asked by, from their X-Forwarded-For; None: unknown."""
    names = named.split(",")
    return peer_of(names[-hops].strip()) if 0 < hops <= len(names) else None


class Peers(Generic[G]):
    """The connections of one process, by peer; those of a peer in the order in which they were last busy."""

    def __init__(self, most: int, per_peer: int) -> None:
        self._most, self._per_peer = most, per_peer
        self._by_peer: defaultdict[str, dict[G, None]] = defaultdict(dict)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, peer: str) -> int:
        """Return how many connections a peer has."""
        return len(self._by_peer.get(peer, ()))

    def enter(self, peer: str, guest: G) -> G | None:
        """Take in a connection; return the one that must be closed for it, perhaps itself, which is forgotten."""
        self._by_peer[peer][guest] = None
        self._count += 1
        crowds: list[str] = []
        if self.of(peer) > self._per_peer:
            crowds = [peer]
        elif self._count > self._most:
            # Whoever has most has least to lose; where all are busy the next one is looked at.
            crowds = sorted(self._by_peer, key=self.of, reverse=True)
        for crowd in crowds:
            found = self._longest_idle(crowd, but=guest)
            if found is not None:
                self.leave(crowd, found)
                return found
        if crowds:
            self.leave(peer, guest)
            return guest
        return None

    def leave(self, peer: str, guest: G) -> None:
        """Forget a connection that is closed."""
        guests = self._by_peer.get(peer)
        if guests is None or guest not in guests:
            return
        del guests[guest]
        self._count -= 1
        if not guests:
            del self._by_peer[peer]

    def touch(self, peer: str, guest: G) -> None:
        """Note that a connection was busy until now."""
        guests = self._by_peer.get(peer)
        if guests is not None and guest in guests:
            del guests[guest]
            guests[guest] = None

    def all(self) -> list[G]:
        """Return every connection."""
        return [guest for guests in self._by_peer.values() for guest in guests]

    def _longest_idle(self, peer: str, *, but: G) -> G | None:
        return next((guest for guest in self._by_peer[peer] if guest.is_idle and guest is not but), None)
