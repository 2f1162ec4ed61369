"""Pages read here what a worker counted of large runs, and ask for a new count; `tally_renewal.py` writes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.delivery.counts import PACE_WINDOW, Tally
from campaigns.delivery.monitoring.models import RunTally
from campaigns.delivery.monitoring.rows import AFTER
from campaigns.delivery.monitoring.time_zones import WaveCount
from campaigns.delivery.repair.resend import Group
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.lifecycle import MOVING
from campaigns.planning.models import Run

#: A count younger than this is good enough for a page, of a run that moves one younger than that; one that took
#: long is for longer: at most a twentieth of the time is spent on counting a run anew.
FRESH_FOR, FRESH_WHILE_MOVING, TIMES_AS_LONG = timedelta(minutes=1), timedelta(seconds=10), 20
#: States of deliveries that were called, with whatever result.
CALLED = (SendState.ACCEPTED, SendState.FAILED, SendState.UNKNOWN, SendState.UNCONFIRMED)
#: States in which something of ours is still to do, or may still turn out.
OPEN = frozenset({SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class QuickCount:
    """How many deliveries of a run are in each state at one instant, and how many had been called before it."""

    counted_at: datetime
    by_state: Mapping[SendState, int]
    #: Moments within the last minute, oldest first, and how many deliveries had been called by then.
    before: Sequence[tuple[datetime, int]] = ()

    @property
    def called(self) -> int:
        """Deliveries of which a call has ended."""
        return sum(self.by_state.get(state, 0) for state in CALLED)

    @property
    def pace(self) -> float:
        """Calls a second since the oldest moment; 0 where there is none."""
        if not self.before:
            return 0.0
        since, called = self.before[0]
        return max(0, self.called - called) / (self.counted_at - since).total_seconds()

    def following(self, earlier: QuickCount | None) -> QuickCount:
        """Return this count with the moments of an earlier one that are not long ago."""
        if earlier is None:
            return self
        moments = [*earlier.before, (earlier.counted_at, earlier.called)]
        lately = [each for each in moments if timedelta(0) < self.counted_at - each[0] <= PACE_WINDOW]
        return QuickCount(self.counted_at, self.by_state, lately)

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON, without its moment."""
        return {
            "by_state": dict(self.by_state),
            "before": [[at.isoformat(), called] for at, called in self.before],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], counted_at: datetime) -> QuickCount:
        """Read what `to_json` wrote."""
        before = [(datetime.fromisoformat(at), called) for at, called in stored["before"]]
        return cls(counted_at, _by_state(stored["by_state"]), before)


@dataclass(frozen=True, slots=True)
class KeptTally:
    """What is known of a large run; each of its parts is of one moment."""

    tally: Tally | None = None
    waves: Sequence[WaveCount] = ()
    #: Its unconfirmed deliveries, where they are many; None: they were not counted; none: the run is damaged.
    unconfirmed: Sequence[Group] | None = None
    took: timedelta = timedelta(0)
    states: QuickCount | None = None
    doubled: int | None = None
    compared_at: datetime | None = None
    compared_took: timedelta = timedelta(0)
    asked_at: datetime | None = None
    compare_asked_at: datetime | None = None
    #: In which state the run was when it was counted.
    state: str | None = None
    is_settled: bool = False

    def is_old(self, run: Run, now: datetime) -> bool:
        """Say whether whoever looks at its run should ask for a new tally."""
        if self.state != run.state:
            return True
        if self.is_settled:
            return False
        fresh_for = FRESH_WHILE_MOVING if run.state in MOVING else FRESH_FOR
        return is_stale(self.tally.counted_at if self.tally else None, self.took, now, fresh_for=fresh_for)

    def has_old_groups(self, now: datetime) -> bool:
        """Say whether what is unconfirmed is to be counted anew for whoever looks at it, however the run stands.

        Whether it may be sent again changes without any delivery: a service is verified, or a person says stop.
        """
        return self.unconfirmed is None or is_stale(self.tally.counted_at if self.tally else None, self.took, now)

    def is_compared(self, now: datetime) -> bool:
        """Say whether its receipts were compared lately enough."""
        return not is_stale(self.compared_at, self.compared_took, now)

    @property
    def is_asked(self) -> bool:
        """Whether a page waits for a new tally."""
        return is_asked(self.asked_at, self.tally.counted_at if self.tally else None)

    @property
    def is_comparing(self) -> bool:
        """Whether a page waits for its receipts to be compared."""
        return is_asked(self.compare_asked_at, self.compared_at)


def is_stale(
    counted_at: datetime | None, took: timedelta, now: datetime, *, fresh_for: timedelta = FRESH_FOR
) -> bool:
    """Say whether what was counted is older than it is worth."""
    return counted_at is None or now - counted_at > max(fresh_for, TIMES_AS_LONG * took)


def is_settled(run: Run, tally: Tally) -> bool:
    """Say whether only a late receipt moves the figures of a run any more that was counted so.

    What is in doubt is settled, or given up, whenever its provider can be asked.
    """
    has_ended = run.finished_at is not None and tally.counted_at - run.finished_at > AFTER
    return has_ended and not any(tally.by_state.get(state) for state in OPEN)


def is_asked(asked_at: datetime | None, counted_at: datetime | None) -> bool:
    """Say whether what was asked for was not counted since."""
    return asked_at is not None and (counted_at is None or asked_at > counted_at)


def find_kept(session: Session, run_ids: Collection[int]) -> dict[int, KeptTally]:
    """Return what is kept of some runs, by their ids."""
    rows = session.execute(select(*RunTally.__table__.c).where(RunTally.run_id.in_(run_ids))) if run_ids else ()
    return {row.run_id: _kept(row) for row in rows}


def ask_for_tally(session: Session, run_ids: Iterable[int], *, now: datetime) -> None:
    """Let a worker count runs anew."""
    _ask(session, run_ids, {"asked_at": now})


def ask_for_comparison(session: Session, run_id: int, *, now: datetime) -> None:
    """Let a worker compare the receipts of a run with its deliveries."""
    _ask(session, [run_id], {"compare_asked_at": now})


def figures_of(
    tally: Tally, waves: Sequence[WaveCount], unconfirmed: Sequence[Group] | None = None
) -> dict[str, Any]:
    """Write a tally, and the waves and what is unconfirmed of the same moment, as JSON."""
    return {
        "by_state": dict(tally.by_state),
        "by_receipt": dict(tally.by_receipt),
        "by_cause": dict(tally.by_cause),
        "by_sender": {str(sender): dict(counts) for sender, counts in tally.by_sender.items()},
        "first_call": {state: moment.isoformat() for state, moment in tally.first_call.items()},
        "due": {str(sender): count for sender, count in tally.due.items()},
        **{name: _written(getattr(tally, name)) for name in _MOMENTS},
        **{name: getattr(tally, name) for name in _NUMBERS},
        "waves": [[_written(due_at), people, waiting] for due_at, people, waiting in waves],
        "unconfirmed": None if unconfirmed is None else [each.to_json() for each in unconfirmed],
    }


_MOMENTS = ("last_call_at", "ended_since", "due_since", "next_due_at")
_NUMBERS = ("ended", "contradicted", "fell_back", "noted")


def tally_from(figures: Mapping[str, Any], counted_at: datetime) -> Tally:
    """Read the tally that `figures_of` wrote."""
    rest: dict[str, Any] = {name: _read(figures[name]) for name in _MOMENTS}
    rest |= {name: figures[name] for name in _NUMBERS}
    return Tally(
        counted_at=counted_at,
        by_state=_by_state(figures["by_state"]),
        by_receipt={ReceiptState(state): count for state, count in figures["by_receipt"].items()},
        # As a database may keep the names of an object in another order.
        by_cause=dict(sorted(figures["by_cause"].items(), key=lambda pair: -pair[1])),
        by_sender={int(sender): _by_state(counts) for sender, counts in figures["by_sender"].items()},
        first_call={
            SendState(state): datetime.fromisoformat(moment) for state, moment in figures["first_call"].items()
        },
        due={int(sender): count for sender, count in figures["due"].items()},
        **rest,
    )


def _ask(session: Session, run_ids: Iterable[int], asked: dict[str, Any]) -> None:
    # In one order, so that of two pages which ask at once neither holds what the other waits for.
    rows = [{"run_id": run_id, **asked} for run_id in sorted(set(run_ids))]
    if rows:
        asking = insert_or(session, RunTally).values(rows)
        session.execute(asking.on_conflict_do_update(index_elements=["run_id"], set_=asked))


def write_kept(session: Session, run_id: int, of: str, **values: Any) -> None:
    """Write what was counted of a run, which has a row, unless a later count is there; `of` names its moment."""
    moment = getattr(RunTally, of)
    is_newer = or_(moment.is_(None), moment <= values[of])
    row = update(RunTally).where(RunTally.run_id == run_id, is_newer).values(**values)
    session.execute(row, execution_options=PAST_MEMORY)


def unsettle_all(session: Session) -> None:
    """Let a worker count every large run anew whose figures were to stay: their messages were judged anew."""
    session.execute(update(RunTally).values(is_settled=False), execution_options=PAST_MEMORY)


def _kept(row: Any) -> KeptTally:
    figures, states = row.figures, row.states
    return KeptTally(
        tally=None if figures is None else tally_from(figures, row.counted_at),
        waves=[] if figures is None else [(_read(at), *counts) for at, *counts in figures["waves"]],
        unconfirmed=_groups(figures),
        took=timedelta(milliseconds=row.took_ms),
        states=None if states is None else QuickCount.from_json(states, row.states_at),
        doubled=row.doubled,
        compared_at=row.compared_at,
        compared_took=timedelta(milliseconds=row.compared_took_ms),
        asked_at=row.asked_at,
        compare_asked_at=row.compare_asked_at,
        state=row.state,
        # While a worker counts it, that is not sure.
        is_settled=row.is_settled and row.claimed_until is None,
    )


def _groups(figures: Mapping[str, Any] | None) -> list[Group] | None:
    # Tallies that were kept before have no such word.
    stored = None if figures is None else figures.get("unconfirmed")
    return None if stored is None else [Group.from_json(each) for each in stored]


def _by_state(stored: Mapping[str, int]) -> dict[SendState, int]:
    return {SendState(state): count for state, count in stored.items()}


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
