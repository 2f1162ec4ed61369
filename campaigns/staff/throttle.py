"""Slows down guessing of passwords: failures per account and per network, kept in memory of one process.

With several web processes each counts for itself, so the limits multiply by their number.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
#: Failures within the window after which no further attempt is looked at.
PER_ACCOUNT = 10
PER_NETWORK = 60
#: Keys remembered at most; beyond that the ones that failed longest ago are dropped.
MOST_KEYS = 20_000


class Throttle:
    """Counts failed attempts by key over a sliding window."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[datetime]] = {}

    def is_closed(self, keys: dict[str, int], now: datetime) -> bool:
        """Say whether any key has reached its limit of failures; `keys` maps each key to its limit."""
        return any(self._count(key, now) >= limit for key, limit in keys.items())

    def add_failure(self, keys: dict[str, int], now: datetime) -> None:
        """Count one failure for each key."""
        for key in keys:
            # Taken out and put back, so that the dictionary's order is that of the last failure.
            failures = self._failures.pop(key, deque())
            failures.append(now)
            self._failures[key] = failures
        while len(self._failures) > MOST_KEYS:
            del self._failures[next(iter(self._failures))]

    def forget(self, key: str) -> None:
        """Forget the failures of one key, because its owner got in."""
        self._failures.pop(key, None)

    def _count(self, key: str, now: datetime) -> int:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= now - WINDOW:
            failures.popleft()
        return len(failures)


def account_key(email: str) -> str:
    """Return the key of an account, whether it exists or not."""
    return f"account:{email.strip().casefold()}"


def network_key(address: str | None) -> str:
    """Return the key of the network an address is in: its /24 (IPv4) or /56 (IPv6)."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "network:unknown"
    prefix = 24 if ip.version == 4 else 56
    return f"network:{ipaddress.ip_network((ip, prefix), strict=False)}"
