"""A member enters so many numbers before they wait: limits of the member, the number and the organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from campaigns.staff.sign_in.attempt_limits import Limit, key_of

WINDOW = timedelta(days=1)
#: Codes in a day.
PER_MEMBER, PER_NUMBER, PER_ORGANISATION = 5, 3, 30


def limits_on_codes(secret_key: str, *, member_id: int, organisation_id: int, number: bytes) -> Sequence[Limit]:
    """Return the limits that hold for one more code; nobody finds out a number by their keys."""
    act = "own phone"
    return [
        Limit(key_of(secret_key, act, "member", str(member_id)), PER_MEMBER, WINDOW),
        Limit(key_of(secret_key, act, "number", number.hex()), PER_NUMBER, WINDOW),
        Limit(key_of(secret_key, act, "organisation", str(organisation_id)), PER_ORGANISATION, WINDOW),
    ]
