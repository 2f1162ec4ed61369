"""The delivery pages read here how far and how fast runs are, when they will end, and why deliveries failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from campaigns.audience.models import Channel
from campaigns.core.errors import NotFoundError
from campaigns.delivery.counts import Tally, count_run
from campaigns.delivery.lanes.daily_limits import count_called
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.monitoring.kept_tallies import OPEN, QuickCount
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Campaign, Run, RunSender, RunState, Sender
from campaigns.staff.queries import NOT_THERE, get_owned, owned

#: The first calls of a run leave all at once; over fewer seconds they would promise a pace that no sender keeps.
SHORTEST_PACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class SenderProgress:
    """How far one sender of a run is."""

    sender: Sender
    #: Deliveries it has, accepted by the provider, and still to be called.
    planned: int
    accepted: int
    waiting: int
    #: What its daily limit leaves now; None: it has none, or nothing waits.
    left_today: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing more goes out today because of its daily limit."""
        return self.left_today is not None and self.left_today <= 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one run is; `planned` is the sum over `by_state` at every instant."""

    by_state: Mapping[SendState, int]
    #: When these were counted; None: now.
    counted_at: datetime | None = None
    #: Last receipts of what was accepted; those without one are not in it.
    by_receipt: Mapping[ReceiptState, int] = field(default_factory=dict)
    #: Failures by code, of calls and of receipts, most first; '' when nobody named one.
    by_cause: Mapping[str, int] = field(default_factory=dict)
    #: How far each sender of the run is, in their order.
    by_sender: Sequence[SenderProgress] = ()
    #: Deliveries that failed for good on one channel and went on over the next sender.
    fell_back: int = 0
    #: Calls that ended within the last minute, a second; 0 also as long as they are too few seconds to judge by.
    pace: float = 0.0
    #: Whether sending began so lately that nothing is estimated yet.
    is_beginning: bool = False
    #: When the next deliveries of the queue become due, if nothing is due now.
    next_due_at: datetime | None = None
    #: Estimate of the end, when the queue moves.
    ends_at: datetime | None = None

    @property
    def planned(self) -> int:
        """Everybody a delivery was made for."""
        return sum(self.by_state.values())

    @property
    def done(self) -> int:
        """Deliveries that need nothing more."""
        return self.planned - count_open_in(self.by_state)


def progress_of_run(
    session: Session,
    run: Run,
    *,
    now: datetime,
    tally: Tally | None = None,
    states: QuickCount | None = None,
) -> Progress:
    """Say how far a run is and estimate its end, by a count of its deliveries or a new one; `now` is UTC.

    Where its states were counted later than all else, they say how far it is and how fast.
    """
    tally = tally or count_run(session, run.id, now=now)
    pace, is_beginning = pace_of(tally)
    by_state, counted_at = tally.by_state, tally.counted_at
    if states is not None and states.counted_at > counted_at:
        by_state, counted_at, pace = states.by_state, states.counted_at, states.pace or pace
    waiting = by_state.get(SendState.QUEUED, 0)
    next_due_at = tally.next_due_at if not tally.due and not tally.ended else None
    moves = run.state == RunState.RUNNING and waiting and pace > 0
    ends_at = counted_at + timedelta(seconds=waiting / pace) if moves else None
    return Progress(
        by_state=by_state,
        counted_at=counted_at,
        by_receipt=tally.by_receipt,
        by_cause=tally.by_cause,
        by_sender=_by_sender(session, run, tally.by_sender),
        fell_back=tally.fell_back,
        pace=pace,
        is_beginning=is_beginning and not pace,
        next_due_at=next_due_at,
        # An old count may promise what is past.
        ends_at=ends_at if ends_at and ends_at > now else None,
    )


def count_open_in(by_state: Mapping[SendState, int]) -> int:
    """Return how many deliveries need something more, by a count of their states."""
    return sum(by_state.get(state, 0) for state in OPEN)


def pace_of(tally: Tally) -> tuple[float, bool]:
    """Return how many calls ended a second lately, and whether they began too lately to say; pure.

    Spread over the time since the first of them, so that a run that began or went on ten seconds ago is not
    measured by a whole minute.
    """
    if tally.ended_since is None:
        return 0.0, False
    passed = tally.counted_at - tally.ended_since
    return (0.0, True) if passed < SHORTEST_PACE else (tally.ended / passed.total_seconds(), False)


def get_run(session: Session, run_id: int, organisation_id: int) -> Run:
    """Return an organisation's run.

    Raises NotFoundError alike for a missing one, a foreign one, and an answer, which is seen in its conversation.
    """
    run = get_owned(session, Run, run_id, organisation_id)
    if run.campaign_id is None:
        raise NotFoundError(NOT_THERE)
    return run


def select_runs(organisation_id: int) -> Select[Run]:
    """Select an organisation's runs with their campaigns and senders, newest first."""
    return (
        owned(select(Run), Run, organisation_id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .options(contains_eager(Run.campaign), selectinload(Run.ranked_senders).joinedload(RunSender.sender))
        .order_by(Run.id.desc())
    )


def count_open(session: Session, runs: Iterable[Run]) -> dict[int, int]:
    """Return how many deliveries of each run are not final; one count a state, because each has its index."""
    ids = [run.id for run in runs]
    counts: Counter[int] = Counter(dict.fromkeys(ids, 0))
    for state in sorted(OPEN if ids else ()):
        rows = session.execute(
            select(Delivery.run_id, func.count())
            .where(Delivery.run_id.in_(ids), Delivery.send_state == state)
            .group_by(Delivery.run_id)
        )
        for run_id, count in rows:
            counts[run_id] += count
    return dict(counts)


def left_out_of_run(session: Session, run_id: int) -> dict[str, int]:
    """Return how many people a run did not write to, by reason, most first."""
    rows = session.execute(
        select(RunLeftOut.reason, func.sum(RunLeftOut.people))
        .where(RunLeftOut.run_id == run_id)
        .group_by(RunLeftOut.reason)
    )
    return dict(sorted(((reason, people) for reason, people in rows), key=lambda pair: -pair[1]))


def _by_sender(
    session: Session, run: Run, counts: Mapping[int, Mapping[SendState, int]]
) -> tuple[SenderProgress, ...]:
    return tuple(
        _sender_progress(session, run, each, Counter(counts.get(each.sender_id, {})))
        for each in run.ranked_senders
    )


def _called_today(session: Session, each: RunSender) -> int:
    return count_called(session.connection(), each.sender_id, Channel(each.channel))


def _sender_progress(session: Session, run: Run, each: RunSender, count: Counter[SendState]) -> SenderProgress:
    waiting = count[SendState.QUEUED] + count[SendState.SENDING]
    limit = each.sender.daily_limit if waiting and not run.is_rehearsal else None
    left = None if limit is None else limit - _called_today(session, each)
    return SenderProgress(
        sender=each.sender,
        planned=count.total(),
        accepted=count[SendState.ACCEPTED],
        waiting=waiting,
        left_today=left,
    )
