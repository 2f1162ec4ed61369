"""The deliveries of one run are added up in one pass; those of a large run only by a worker, see `monitoring`."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.one_person.channel_fallback import FELL_BACK
from campaigns.delivery.receipts.receipt_words import FAILING
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunSender

T = TypeVar("T")

#: Pace is what was called within this time.
PACE_WINDOW = timedelta(seconds=60)
#: Runs of more deliveries are not counted while a member waits.
LARGE_RUN = 5_000
#: Runs whose counts are remembered at once.
MOST = 64
#: A run that is not large is read no further than this, whatever is wrong with what it noted of itself.
FURTHEST = 2 * LARGE_RUN
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
    #: Deliveries that the run had noted to have by then; None: it was not asked for.
    noted: int | None = None

    @property
    def planned(self) -> int:
        """Everybody a delivery was made for."""
        return sum(self.by_state.values())


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

    def find(self, key: int) -> T | None:
        """Return what was counted last, by whatever word, or None."""
        kept = self._kept.get(key)
        return None if kept is None else kept[1]

    def forget(self, key: int) -> None:
        """Count anew for the next look, because a member changed something."""
        self._kept.pop(key, None)


def is_large(run: Run) -> bool:
    """Say whether a run has too many deliveries to be counted while somebody waits."""
    return run.planned > LARGE_RUN


def count_run(session: Session, run_id: int, *, now: datetime, most: int | None = None) -> Tally:
    """Count a run's deliveries in one pass over them, and those that went on over another sender; `now` is UTC.

    No more than `most` of them are read, where that is given.
    """
    states: Counter[SendState] = Counter()
    receipts: Counter[ReceiptState] = Counter()
    causes: Counter[str] = Counter()
    due: Counter[int] = Counter()
    senders: defaultdict[int, Counter[SendState]] = defaultdict(Counter)
    first: dict[SendState, datetime] = {}
    rows = session.execute(_select_groups(run_id, now, most)).all()
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


def _cause_of(each: Any) -> ColumnElement[Any]:
    """Return the code of a failure, '' for one without, NULL for what did not fail."""
    return case(
        (each.send_state == SendState.FAILED, func.coalesce(each.error, "")),
        (each.receipt_state.in_(sorted(FAILING)), func.coalesce(each.receipt_error, "")),
    )


def _select_groups(run_id: int, now: datetime, most: int | None) -> Select[*tuple[Any, ...]]:
    of_run: Select[Any] = select(Delivery).where(Delivery.run_id == run_id)
    each: Any = Delivery if most is None else aliased(Delivery, of_run.limit(most).subquery())
    # A claim writes the intent of as many calls as are made ready: only those that have ended tell the pace.
    has_ended = and_(
        each.intent_at > now - PACE_WINDOW,
        each.send_state.not_in((SendState.QUEUED, SendState.SENDING)),
    )
    is_queued = each.send_state == SendState.QUEUED
    is_due = and_(is_queued, each.due_at <= now)
    groups: list[Any] = [each.send_state, each.receipt_state, _cause_of(each).label("cause"), each.sender_id]
    return (
        select(
            *groups,
            func.count().label("people"),
            func.sum(case((has_ended, 1), else_=0)).label("ended"),
            func.min(case((has_ended, each.intent_at))).label("ended_since"),
            func.sum(case((is_due, 1), else_=0)).label("due"),
            func.min(case((is_due, each.due_at))).label("due_since"),
            func.min(case((and_(is_queued, each.due_at > now), each.due_at))).label("next_due"),
            func.min(each.intent_at).label("first_call"),
            func.max(each.intent_at).label("last_call"),
        )
        .where(each.run_id == run_id)
        .group_by(*groups)
    )


def _contradicts(state: str, receipt: str | None) -> bool:
    return receipt is not None and receipt not in FAILING and state in NOT_SENT
