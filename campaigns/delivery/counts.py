"""The deliveries of one run are added up in one pass, and the count of a large run is remembered a while."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.one_person.channel_fallback import FELL_BACK
from campaigns.delivery.receipts.receipt_words import FAILING
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import RunSender

T = TypeVar("T")

#: Pace is what was called within this time.
PACE_WINDOW = timedelta(seconds=60)
#: Runs of more deliveries are not counted anew for each look.
LARGE_RUN = 20_000
#: A count is remembered this many times as long as counting it took.
SHARE = 20
#: Counts that are remembered at once.
MOST = 64
#: States in which the provider must not have the message.
NOT_SENT = frozenset(
    {SendState.QUEUED, SendState.FAILED, SendState.SUPPRESSED, SendState.CANCELLED, SendState.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The deliveries of one run, as they stood at one instant."""

    counted_at: datetime
    by_state: Mapping[SendState, int] = field(default_factory=dict)
    #: Last receipts of what was accepted; those without one are not in it.
    by_receipt: Mapping[ReceiptState, int] = field(default_factory=dict)
    #: Failures by code, of calls and of receipts, most first; '' when nobody named one.
    by_cause: Mapping[str, int] = field(default_factory=dict)
    by_sender: Mapping[int, Mapping[SendState, int]] = field(default_factory=dict)
    #: First call among those that are in a state now.
    first_call: Mapping[SendState, datetime] = field(default_factory=dict)
    last_call_at: datetime | None = None
    #: Calls of the last minute that have ended, and when the first of them began.
    ended: int = 0
    ended_since: datetime | None = None
    #: Queued deliveries that are due, by sender, and since when the first of them is.
    due: Mapping[int, int] = field(default_factory=dict)
    due_since: datetime | None = None
    #: When the first of those that are not due yet will be.
    next_due_at: datetime | None = None
    #: Deliveries that we hold for not sent although a receipt says that the provider has them.
    contradicted: int = 0
    #: Deliveries that another sender took over.
    fell_back: int = 0

    @property
    def planned(self) -> int:
        """Everybody a delivery was made for."""
        return sum(self.by_state.values())


class Remembered(Generic[T]):
    """Remembers by run what is costly to count: counting takes a twentieth of the time, whoever watches."""

    def __init__(self, is_kept: Callable[[T], bool]) -> None:
        """Prepare; what `is_kept` refuses is counted anew for each look."""
        self._is_kept = is_kept
        self._kept: OrderedDict[int, tuple[float, T]] = OrderedDict()
        self._turns: defaultdict[int, Lock] = defaultdict(Lock)

    def read(self, run_id: int, count: Callable[[], T]) -> T:
        """Return what was counted lately, else count; who asks meanwhile waits for the same count."""
        with self._turns[run_id]:
            kept = self._kept.get(run_id)
            if kept is not None and time.monotonic() < kept[0]:
                return kept[1]
            began = time.monotonic()
            counted = count()
            ended = time.monotonic()
            if self._is_kept(counted):
                self._kept[run_id] = (ended + SHARE * (ended - began), counted)
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            return counted

    def find(self, run_id: int) -> T | None:
        """Return what was counted last, however long ago, or None."""
        kept = self._kept.get(run_id)
        return None if kept is None else kept[1]

    def forget(self, run_id: int) -> None:
        """Count a run anew for the next look, because a member changed it."""
        self._kept.pop(run_id, None)


class Steady(Generic[T]):
    """Keeps by id what was counted last, as long as it is asked for by the same word."""

    def __init__(self) -> None:
        """Begin without anything."""
        self._kept: OrderedDict[int, tuple[object, T]] = OrderedDict()

    def read(self, key: int, word: object, count: Callable[[], T]) -> T:
        """Return what was counted for `word`, else count."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != word:
            kept = self._kept[key] = (word, count())
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return kept[1]

    def forget(self, key: int) -> None:
        """Count anew for the next look, because a member changed something."""
        self._kept.pop(key, None)


def is_large(tally: Tally) -> bool:
    """Say whether a run is too large to be counted for each look."""
    return tally.planned > LARGE_RUN


def count_run(session: Session, run_id: int, *, now: datetime) -> Tally:
    """Count a run's deliveries in one pass over them, and those that went on over another sender; `now` is UTC."""
    states: Counter[SendState] = Counter()
    receipts: Counter[ReceiptState] = Counter()
    causes: Counter[str] = Counter()
    due: Counter[int] = Counter()
    senders: defaultdict[int, Counter[SendState]] = defaultdict(Counter)
    first: dict[SendState, datetime] = {}
    rows = session.execute(_select_groups(run_id, now)).all()
    for row in rows:
        state = SendState(row.send_state)
        states[state] += row.people
        senders[row.sender_id][state] += row.people
        if row.due:
            due[row.sender_id] += row.due
        if row.receipt_state and state is SendState.ACCEPTED:
            receipts[ReceiptState(row.receipt_state)] += row.people
        if row.cause is not None:
            causes[row.cause] += row.people
        if row.first_call is not None:
            first[state] = min(row.first_call, first.get(state, row.first_call))
    return Tally(
        counted_at=now,
        by_state=dict(states),
        by_receipt=dict(receipts),
        by_cause=dict(causes.most_common()),
        by_sender={sender_id: dict(counts) for sender_id, counts in senders.items()},
        first_call=first,
        last_call_at=max((row.last_call for row in rows if row.last_call), default=None),
        ended=sum(row.ended for row in rows),
        ended_since=min((row.ended_since for row in rows if row.ended_since), default=None),
        due=dict(due),
        due_since=min((row.due_since for row in rows if row.due_since), default=None),
        next_due_at=min((row.next_due for row in rows if row.next_due), default=None),
        contradicted=sum(row.people for row in rows if _contradicts(row.send_state, row.receipt_state)),
        fell_back=_count_fell_back(session, run_id),
    )


def _count_fell_back(session: Session, run_id: int) -> int:
    senders = select(func.count()).select_from(RunSender).where(RunSender.run_id == run_id)
    if (session.scalar(senders) or 0) < 2:
        # There is none to go on to: this spares most runs a second pass.
        return 0
    moved = (
        select(func.count(Attempt.delivery_id.distinct()))
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .where(Delivery.run_id == run_id, Attempt.outcome == FELL_BACK)
    )
    return session.scalar(moved) or 0


def cause_of() -> ColumnElement[Any]:
    """Return the code of a failure, '' for one without, NULL for what did not fail."""
    return case(
        (Delivery.send_state == SendState.FAILED, func.coalesce(Delivery.error, "")),
        (Delivery.receipt_state.in_(sorted(FAILING)), func.coalesce(Delivery.receipt_error, "")),
    )


def _select_groups(run_id: int, now: datetime) -> Select[*tuple[Any, ...]]:
    # A claim writes the intent of as many calls as are made ready: only those that have ended tell the pace.
    has_ended = and_(
        Delivery.intent_at > now - PACE_WINDOW,
        Delivery.send_state.not_in((SendState.QUEUED, SendState.SENDING)),
    )
    is_queued = Delivery.send_state == SendState.QUEUED
    is_due = and_(is_queued, Delivery.due_at <= now)
    groups: list[Any] = [
        Delivery.send_state,
        Delivery.receipt_state,
        cause_of().label("cause"),
        Delivery.sender_id,
    ]
    return (
        select(
            *groups,
            func.count().label("people"),
            func.sum(case((has_ended, 1), else_=0)).label("ended"),
            func.min(case((has_ended, Delivery.intent_at))).label("ended_since"),
            func.sum(case((is_due, 1), else_=0)).label("due"),
            func.min(case((is_due, Delivery.due_at))).label("due_since"),
            func.min(case((and_(is_queued, Delivery.due_at > now), Delivery.due_at))).label("next_due"),
            func.min(Delivery.intent_at).label("first_call"),
            func.max(Delivery.intent_at).label("last_call"),
        )
        .where(Delivery.run_id == run_id)
        .group_by(*groups)
    )


def _contradicts(state: str, receipt: str | None) -> bool:
    return receipt is not None and receipt not in FAILING and state in NOT_SENT
