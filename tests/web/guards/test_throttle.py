"""Events close an account or a network for a while, and only that one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.web.guards.throttle import WINDOW, Throttle, network_key
from tests.factories import NOON


def test_closes_at_the_limit_and_opens_again() -> None:
    throttle = Throttle()
    for _ in range(3):
        assert not throttle.is_closed({"a": 3}, NOON)
        throttle.add({"a": 3}, NOON)
    assert throttle.is_closed({"a": 3}, NOON)
    assert not throttle.is_closed({"b": 3}, NOON)
    assert not throttle.is_closed({"a": 3}, NOON + WINDOW)


def test_success_forgets_the_account_alone() -> None:
    throttle = Throttle()
    throttle.add({"account": 1, "network": 1}, NOON)
    throttle.forget("account")
    assert not throttle.is_closed({"account": 1}, NOON)
    assert throttle.is_closed({"network": 1}, NOON)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.web.guards.throttle.MOST_KEYS", 2)
    throttle = Throttle()
    for n, key in enumerate("abc"):
        throttle.add({key: 1}, NOON + timedelta(seconds=n))
    assert [throttle.is_closed({key: 1}, NOON) for key in "abc"] == [False, True, True]


def test_neighbours_share_a_network() -> None:
    assert network_key("192.0.2.7") == network_key("192.0.2.200") != network_key("192.0.3.7")
    assert network_key("2001:db8:0:1::1") == network_key("2001:db8:0:2::1") != network_key("2001:db8:1::1")
