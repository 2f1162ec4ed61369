"""A form carries a signed stamp, so that it can be sent once, by whoever had time to read it; pure.

No cookie is needed and nothing is stored of whoever only opens a page.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta

#: Between opening a form and sending it: less is a machine, and what is older is asked for once more.
SOONEST, LATEST = timedelta(seconds=3), timedelta(hours=12)
#: Longest stamp that is looked at.
LONGEST = 200


def make_stamp(secret_key: str, *, now: datetime) -> str:
    """Return a stamp for a form that is shown now."""
    said = f"{int(now.timestamp())}.{secrets.token_hex(8)}"
    return f"{said}.{_signature(said, secret_key)}"


def nonce_of(
    stamp: str, secret_key: str, *, now: datetime, soonest: timedelta = SOONEST, latest: timedelta = LATEST
) -> str | None:
    """Return by what a stamp is known that may be used now; None: it is forged, too new or too old."""
    read = _read(stamp, secret_key, now=now, soonest=soonest, latest=latest)
    return read and read[1]


def shown_at(stamp: str, secret_key: str, *, now: datetime) -> datetime | None:
    """Return when the form of a stamp was shown, down to the second; None: it is forged, or too old."""
    read = _read(stamp, secret_key, now=now, soonest=timedelta(), latest=LATEST)
    return read and read[0]


def _read(
    stamp: str, secret_key: str, *, now: datetime, soonest: timedelta, latest: timedelta
) -> tuple[datetime, str] | None:
    said, _, signature = stamp[:LONGEST].rpartition(".")
    if not hmac.compare_digest(_signature(said, secret_key).encode(), signature.encode(errors="replace")):
        return None
    second, _, nonce = said.partition(".")
    moment = datetime.fromtimestamp(int(second), UTC)
    # The moment is rounded down by less than a second.
    return (moment, nonce) if soonest <= now - moment <= latest else None


def _signature(said: str, secret_key: str) -> str:
    return hmac.new(secret_key.encode(), f"form stamp\0{said}".encode(errors="replace"), "sha256").hexdigest()
