"""Nobody new is turned away for those who idle."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from campaigns.front.peers import Peers, peer_behind, peer_of


@dataclass(eq=False)
class Guest:
    is_idle: bool = True


def test_one_peer_makes_room_for_itself() -> None:
    peers, stranger = Peers[Guest](most=100, per_peer=3), Guest()
    peers.enter("b", stranger)
    guests = [Guest() for _ in range(4)]
    assert [peers.enter("a", guest) for guest in guests] == [None, None, None, guests[0]]
    assert (len(peers), peers.of("a"), peers.of("b")) == (4, 3, 1)


def test_who_was_busy_last_goes_last() -> None:
    peers = Peers[Guest](most=100, per_peer=3)
    first, second, third, fourth = guests = [Guest() for _ in range(4)]
    for guest in guests[:3]:
        peers.enter("a", guest)
    peers.touch("a", first)
    assert peers.enter("a", fourth) is second
    assert third in peers.all()


def test_crowd_makes_room_for_a_newcomer() -> None:
    peers = Peers[Guest](most=4, per_peer=4)
    few, crowd = [Guest(), Guest()], [Guest(), Guest()]
    peers.enter("quiet", few[0])
    for guest in crowd:
        peers.enter("crowd", guest)
    peers.enter("other", few[1])
    newcomer = Guest()
    assert peers.enter("new", newcomer) is crowd[0]
    assert {peers.of(peer) for peer in ("quiet", "other", "new")} == {1}


def test_busy_are_left_alone_and_another_crowd_is_looked_at() -> None:
    peers = Peers[Guest](most=3, per_peer=3)
    for _ in range(2):
        peers.enter("busy", Guest(is_idle=False))
    idle = Guest()
    peers.enter("idle", idle)
    assert peers.enter("new", Guest()) is idle
    last = Guest()
    for guest in peers.all():
        guest.is_idle = False
    assert peers.enter("newer", last) is last


def test_nobody_is_forgotten_twice() -> None:
    peers, guest = Peers[Guest](most=2, per_peer=2), Guest()
    peers.enter("a", guest)
    peers.leave("a", guest)
    peers.leave("a", guest)
    assert (len(peers), peers.of("a")) == (0, 0)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_peer_of_an_address(host: str, peer: str) -> None:
    assert peer_of(host) == peer


@pytest.mark.parametrize(
    ("named", "hops", "peer"),
    [
        ("198.51.100.1, 192.0.2.7", 1, "192.0.2.7"),
        ("198.51.100.1,192.0.2.7", 2, "198.51.100.1"),
        ("192.0.2.7", 2, None),
        ("192.0.2.7", 0, None),
        ("", 1, None),
        ("2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::"),
    ],
)
def test_peer_behind_proxies(named: str, hops: int, peer: str | None) -> None:
    """What is left of what the trusted ones wrote may be anybody's invention."""
    assert (peer_behind(named, hops) or None) == peer
