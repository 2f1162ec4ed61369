"""What the daily limits of senders leave is counted now and then, for those senders only that have one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.references import REHEARSAL_PREFIX
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunSender

#: A limit is on the people of any such time.
DAY = timedelta(hours=24)
#: Seconds between two counts.
COUNT_EVERY = 3.0
#: States of deliveries whose call the provider may have counted.
_COUNTED = (SendState.SENDING, SendState.ACCEPTED, SendState.UNKNOWN, SendState.UNCONFIRMED)
_SENDER: BindParameter[int] = bindparam("sender")
_SINCE = bindparam("since", type_=UTCDateTime())


class DailyLimits:
    """Remembers the last count of each limited sender."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        #: Grows with each count, so that a lane knows a fresh one.
        self.number = 0
        self._counted_at = float("-inf")
        self._left: dict[int, int] = {}
        #: Channel and limit of each limited sender, at the last look.
        self.limits: Mapping[int, tuple[Channel, int]] = {}

    def forget(self) -> None:
        """See that the next look counts anew."""
        self._counted_at = float("-inf")

    def count_in_turn(self, connection: Connection, limits: Mapping[int, tuple[Channel, int]]) -> dict[int, int]:
        """Count anew where it is time, and return what is left of each daily limit by sender id.

        `limits` has the channel and the limit of each.
        """
        self.limits = limits
        is_old = self._monotonic() - self._counted_at > COUNT_EVERY
        if limits and (is_old or not limits.keys() <= self._left.keys()):
            self._counted_at = self._monotonic()
            self.number += 1
            self._left = {
                sender: limit - count_called(connection, sender, channel)
                for sender, (channel, limit) in limits.items()
            }
        # Not the whole count: a limit that was lifted since is still in it.
        return {sender: self._left[sender] for sender in limits}


def count_called(connection: Connection, sender_id: int, channel: Channel) -> int:
    """Count the calls of a sender within the last day, without rehearsals."""
    given = {"sender": sender_id, "since": clock.now() - DAY}
    called = connection.scalar(_called(is_sms=channel is Channel.SMS), given) or 0
    return called + (connection.scalar(_passed_on(), given) or 0)


@cache
def _called(*, is_sms: bool) -> Select[int]:
    return select(func.count()).where(
        Delivery.sender_id == _SENDER,
        _among_recent(is_sms=is_sms),
        Delivery.intent_at > _SINCE,
        Delivery.send_state.in_(_COUNTED),
        ~Delivery.reference.startswith(REHEARSAL_PREFIX),
    )


@cache
def _passed_on() -> Select[int]:
    """Count what the sender had sent when the delivery went on over another one, which it bears since."""
    return select(func.count()).where(
        Attempt.sender_id == _SENDER,
        Attempt.at > _SINCE,
        Attempt.provider_id.is_not(None),
        ~func.coalesce(Attempt.reference, "").startswith(REHEARSAL_PREFIX),
    )


def _among_recent(*, is_sms: bool) -> ColumnElement[bool]:
    """Narrow the count to rows that an index leads to: of a channel, or of the runs of the last day."""
    if not is_sms:
        # Written out, so that the partial index is seen to apply.
        sms: ColumnElement[str] = literal_column("'sms'", String())
        return Delivery.channel != sms
    recent = (
        select(Run.id)
        .join(RunSender, RunSender.run_id == Run.id)
        .where(RunSender.sender_id == _SENDER)
        .where(or_(Run.finished_at.is_(None), Run.finished_at > _SINCE))
    )
    return Delivery.run_id.in_(recent)
