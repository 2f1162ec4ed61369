"""A webhook goes to its target: the called URL, if it may be called, with the overrides in its fragment."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

_RETRY_CAUSES = frozenset(("ct", "rt", "4xx", "5xx"))


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook URL without its fragment, and how to call it (Twilio's connection overrides)."""

    url: str
    is_allowed: bool
    #: Retries after the first attempt.
    retries: int = 1
    #: What is retried: connect failure `ct`, timeout `rt`, `4xx`, `5xx`.
    causes: frozenset[str] = frozenset(("ct",))
    #: Seconds.
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0


@lru_cache(maxsize=1024)
def _host_is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    if host == "localhost" or host in allowed:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_target(url: str, allowed_hosts: tuple[str, ...]) -> Target:
    """Split a webhook URL into what is called and how; only loopback and `allowed_hosts` may be called."""
    called, _, fragment = url.partition("#")
    try:
        host = urlsplit(called).hostname or ""
    except ValueError:
        host = ""
    is_allowed = _host_is_allowed(host, allowed_hosts)
    if not fragment:
        return Target(called, is_allowed)
    wishes = dict(parse_qsl(fragment))
    causes = frozenset(wishes.get("rp", "ct").split(","))
    return Target(
        called,
        is_allowed,
        retries=int(_bounded(wishes.get("rc"), 1, low=0, high=5)),
        causes=_RETRY_CAUSES if "all" in causes else causes & _RETRY_CAUSES,
        connect_s=_bounded(wishes.get("ct"), 5_000, low=100, high=10_000) / 1000,
        read_s=_bounded(wishes.get("rt"), 15_000, low=100, high=15_000) / 1000,
        total_s=_bounded(wishes.get("tt"), 15_000, low=100, high=15_000) / 1000,
    )


def _bounded(text: str | None, default: int, *, low: int, high: int) -> int:
    return min(max(int(text), low), high) if text and text.isascii() and text.isdigit() else default
