"""So many links may be asked for before others wait: limits of an address, a network, and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns.staff.sign_in.attempt_limits import Limit, key_of, limits_on_network

WINDOW, OF_ADDRESS = timedelta(minutes=10), timedelta(hours=1)
PER_ADDRESS, PER_NETWORK, PER_INSTANCE = 3, 5, 100


def limits_on_links(secret_key: str, environ: Mapping[str, Any], email: str, *, now: datetime) -> Sequence[Limit]:
    """Return the limits that hold for one more link, whether the address is a member's or nobody's."""
    act = "asked for password"
    return [
        Limit(key_of(secret_key, act), PER_INSTANCE, WINDOW),
        Limit(key_of(secret_key, act, email.strip().casefold()), PER_ADDRESS, OF_ADDRESS),
        *limits_on_network(secret_key, environ, act=act, most=PER_NETWORK, window=WINDOW, now=now),
    ]
