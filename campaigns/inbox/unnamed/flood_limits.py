"""So many may write, or try a code, before others wait: limits of a network, of the whole instance, of one form.

They stand in the database as leaky buckets, so that several processes count together. Of an address nothing stays
but a hash of its network with the day, for as long as its bucket leaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.inbox.unnamed.form_stamp import LATEST
from campaigns.staff.sign_in.attempt_limits import Limit, is_full, key_of, limits_on_network, pour

#: What one network may send in ten minutes, and all together: more than a team reads in a day.
WINDOW = timedelta(minutes=10)
PER_NETWORK, PER_INSTANCE = 5, 200
#: Messages of one report in a day.
PER_REPORT, DAY = 20, timedelta(days=1)
#: Tries of a code that fail, of one network in ten minutes, and of all in a minute.
TRIES_PER_NETWORK, TRIES_PER_MINUTE = 10, 60
#: While those of all are used up, so many more of a network in a day, and of all such networks in a minute: who
#: guesses from thousands of networks has soon used up theirs, and whoever comes from another one is served again.
SPARE_PER_NETWORK, SPARE_PER_MINUTE = 2, 1_200
#: It takes as long as a form may lie open, and as long again, until nobody knows any more that it was sent.
REMEMBERED = 2 * LATEST


def limits_on_writing(secret_key: str, environ: Mapping[str, Any], *, now: datetime) -> Sequence[Limit]:
    """Return the limits that hold for one more report."""
    return [
        *limits_on_network(secret_key, environ, act="told", most=PER_NETWORK, window=WINDOW, now=now),
        Limit(key_of(secret_key, "told"), PER_INSTANCE, WINDOW),
    ]


def try_code(
    session: Session, secret_key: str, environ: Mapping[str, Any], *, now: datetime
) -> Sequence[Limit] | None:
    """Count one more try of a code, and return against which limits; None: it is refused.

    A network is refused before all are: somebody who guesses from a few keeps nobody else out. A try that found
    something is poured back, so that whoever has a code uses up nothing.
    """
    usual = _limits_on_trying(secret_key, environ, now=now)
    if pour(session, usual, now=now):
        return usual
    spare = [
        *limits_on_network(secret_key, environ, act="spare", most=SPARE_PER_NETWORK, window=DAY, now=now),
        Limit(key_of(secret_key, "spare"), SPARE_PER_MINUTE, timedelta(minutes=1)),
    ]
    # A network that guessed itself has nothing to spare.
    may = len(spare) > 1 and not is_full(session, usual[:-1], now=now)
    return spare if may and pour(session, spare, now=now) else None


def _limits_on_trying(secret_key: str, environ: Mapping[str, Any], *, now: datetime) -> Sequence[Limit]:
    return [
        *limits_on_network(secret_key, environ, act="tried", most=TRIES_PER_NETWORK, window=WINDOW, now=now),
        Limit(key_of(secret_key, "tried"), TRIES_PER_MINUTE, timedelta(minutes=1)),
    ]


def limit_on_report(secret_key: str, conversation_id: int) -> Limit:
    """Return how much may be added to one report."""
    return Limit(key_of(secret_key, "added", str(conversation_id)), PER_REPORT, DAY)


def limit_on_stamp(secret_key: str, nonce: str) -> Limit:
    """Return the limit that lets a form be sent once, and knows for `REMEMBERED` that it was."""
    return Limit(key_of(secret_key, "stamp", nonce), 1, REMEMBERED)
