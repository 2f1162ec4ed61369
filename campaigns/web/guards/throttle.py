"""Counts what one network or one account does over a sliding window, kept in memory of one process.

With several web processes each counts for itself, so the limits multiply by their number.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
#: Keys remembered at most; beyond that the ones that did nothing for the longest time are dropped.
MOST_KEYS = 20_000


class Throttle:
    """Counts events by key over a sliding window."""

    def __init__(self) -> None:
        self._events: dict[str, deque[datetime]] = {}

    def is_closed(self, keys: dict[str, int], now: datetime) -> bool:
        """Say whether any key has reached its limit of events; `keys` maps each key to its limit."""
        return any(self._count(key, now) >= limit for key, limit in keys.items())

    def add(self, keys: dict[str, int], now: datetime) -> None:
        """Count one event for each key."""
        for key in keys:
            # Taken out and put back, so that the dictionary's order is that of the last event.
            events = self._events.pop(key, deque())
            events.append(now)
            self._events[key] = events
        while len(self._events) > MOST_KEYS:
            del self._events[next(iter(self._events))]

    def forget(self, key: str) -> None:
        """Forget the events of one key."""
        self._events.pop(key, None)

    def _count(self, key: str, now: datetime) -> int:
        events = self._events.get(key, deque())
        while events and events[0] <= now - WINDOW:
            events.popleft()
        return len(events)


def network_key(address: str | None) -> str:
    """Return the key of the network an address is in: its /24 (IPv4) or /56 (IPv6)."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "network:unknown"
    prefix = 24 if ip.version == 4 else 56
    return f"network:{ipaddress.ip_network((ip, prefix), strict=False)}"
