"""A network is told by the address that trusted proxies name, and unknown when another proxy hides it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from campaigns.web.guards import networks
from campaigns.web.guards.networks import networks_of


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_told", set())


@pytest.mark.parametrize(
    ("address", "narrow", "wide"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ("2001:db8:0:1:2::1", "2001:db8:0:1::/64", "2001:db8::/48"),
        ("127.0.0.1", "127.0.0.1/32", "127.0.0.0/24"),
    ],
)
def test_address_and_neighbourhood(address: str, narrow: str, wide: str) -> None:
    assert networks_of({"REMOTE_ADDR": address}) == (narrow, wide)


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.0.0.2", "fd00::2"])
def test_proxy_that_no_setting_counts_hides_everybody(proxy: str, caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REMOTE_ADDR": proxy, "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    with caplog.at_level(logging.WARNING):
        assert [networks_of(environ) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1


def test_proxy_that_counts_tells_them_apart() -> None:
    environ: dict[str, Any] = {
        "REMOTE_ADDR": "10.1.0.7",
        "HTTP_X_FORWARDED_FOR": "10.1.0.7",
        "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "127.0.0.1"},
    }
    assert networks_of(environ) == ("10.1.0.7/32", "10.1.0.0/24")


def test_strangers_do_not_become_unseen_by_a_header_of_theirs() -> None:
    environ = {"REMOTE_ADDR": "8.8.4.4", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    assert networks_of(environ) == ("8.8.4.4/32", "8.8.4.0/24")


@pytest.mark.parametrize("address", ["", "unix:", "x"])
def test_what_is_no_address_is_unknown(address: str) -> None:
    assert networks_of({"REMOTE_ADDR": address}) is None
