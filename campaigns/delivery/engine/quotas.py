"""How much the daily limits of senders leave: counted now and then, and only for senders that have one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.delivery.models import Delivery
from campaigns.delivery.references import REHEARSAL_PREFIX
from campaigns.delivery.states import SendState

#: A limit is on the people of any such time.
DAY = timedelta(hours=24)
#: Seconds between two counts.
COUNT_EVERY = 3.0
#: States of deliveries whose call the provider may have counted.
_COUNTED = (SendState.SENDING, SendState.ACCEPTED, SendState.UNKNOWN, SendState.UNCONFIRMED)


class Quotas:
    """Remembers the last count of each limited sender."""

    def __init__(self) -> None:
        #: Grows with each count, so that a lane knows a fresh one.
        self.number = 0
        self._counted_at = float("-inf")
        self._left: dict[int, int] = {}

    def forget(self) -> None:
        """See that the next look counts anew."""
        self._counted_at = float("-inf")

    def read(self, session: Session, limits: Mapping[int, int]) -> dict[int, int]:
        """Return what is left of each daily limit by sender id."""
        is_old = time.monotonic() - self._counted_at > COUNT_EVERY
        if limits and (is_old or not limits.keys() <= self._left.keys()):
            self._counted_at = time.monotonic()
            self.number += 1
            self._left = {sender: limit - count_called(session, sender) for sender, limit in limits.items()}
        return self._left


def count_called(session: Session, sender_id: int) -> int:
    """Count the calls of a sender within the last day, without rehearsals."""
    called = select(func.count()).where(
        Delivery.sender_id == sender_id,
        Delivery.intent_at > clock.now() - DAY,
        Delivery.send_state.in_(_COUNTED),
        ~Delivery.reference.startswith(REHEARSAL_PREFIX),
    )
    return session.scalar(called) or 0
