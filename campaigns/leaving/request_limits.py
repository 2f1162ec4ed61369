"""So many may ask for a code before others wait: limits of a network, and of all, kept in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns.staff.sign_in.attempt_limits import Limit, key_of, limits_on_network

#: What one network may ask for in ten minutes, and all together.
WINDOW = timedelta(minutes=10)
PER_NETWORK, PER_INSTANCE = 5, 200


def limits_on_asking(secret_key: str, environ: Mapping[str, Any], *, now: datetime) -> Sequence[Limit]:
    """Return the limits that hold for one more request; of an address nothing stays but a hash with the day."""
    act = "asked for code"
    return [
        Limit(key_of(secret_key, act), PER_INSTANCE, WINDOW),
        *limits_on_network(secret_key, environ, act=act, most=PER_NETWORK, window=WINDOW, now=now),
    ]
