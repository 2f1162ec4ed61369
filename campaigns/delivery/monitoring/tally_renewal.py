"""A worker counts the large runs, so that no page has to: their states every few seconds, all else of them seldom.

The states alone are read from partial indexes, which hold what is not sent yet and what went wrong; what was
accepted is the rest of what the run noted that it has. All else takes one pass over the deliveries, seconds for a
million, and of a run that moves it is counted only for whoever looks. Both take a twentieth of the time at most. A
run that ended is counted then, and again as long as receipts come, ever more seldom; after that its figures stay.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, literal, or_, select, text, union_all, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or, one_moment
from campaigns.core.errors import DamagedDataError
from campaigns.delivery.counts import LARGE_RUN, count_run
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.alarm_facts import count_doubled
from campaigns.delivery.monitoring.kept_tallies import (
    TIMES_AS_LONG,
    QuickCount,
    figures_of,
    is_asked,
    is_settled,
    write_kept,
)
from campaigns.delivery.monitoring.models import LARGE, RunTally
from campaigns.delivery.monitoring.time_zones import count_waves
from campaigns.delivery.queries import in_state
from campaigns.delivery.repair.resend import FEW, Group, count_groups
from campaigns.delivery.states import SendState
from campaigns.planning.lifecycle import MOVING
from campaigns.planning.models import Run
from campaigns.planning.policy import USUAL, Policy

#: Between two counts of a run at least: of its states while it moves, and of all of it when it stands.
STATES_EVERY, EVERY = timedelta(seconds=2), timedelta(seconds=10)
#: A run that does not move is counted as seldom again for each of these that it has stood still, and at least so
#: often.
REST, LONGEST_PAUSE = timedelta(minutes=10), timedelta(hours=12)
#: A worker that says nothing of its count for so long is taken for dead.
CLAIMED_FOR = timedelta(minutes=5)
#: When each part of what is kept was counted that takes a claim.
_MOMENTS = ("counted_at", "compared_at")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class TallyRenewal:
    """How a worker counts runs."""

    sessions: sessionmaker[Session]
    is_stopping: Callable[[], bool]
    #: By which texts name what is verified.
    policy: Policy = USUAL
    #: Until when (of the monotonic clock) nothing costly is counted that nobody asked for.
    _rests_until: float = 0.0

    def renew(self) -> int:
        """Count what is due, and return how many counts were made."""
        now, counted = clock.now(), 0
        with one_moment(self.sessions) as session:
            runs = [each for found in (_select_runs(), _select_small()) for each in session.execute(found)]
        for run in runs:
            if _are_states_due(run, now) and not self.is_stopping():
                self._count_states(run.id)
                counted += 1
        is_moving = any(run.state in MOVING for run in runs)
        for run in _in_turn(runs, now):
            may_be_counted = _is_wanted(run) or time.monotonic() >= self._rests_until
            if self.is_stopping() or not (may_be_counted and self._claim(run, is_counted=_is_due(run, now))):
                continue
            began = time.monotonic()
            counted += self._do(run, now)
            ended = time.monotonic()
            # Beside a run that is sent, what counts takes the processor from what sends.
            self._rests_until = ended + TIMES_AS_LONG * (ended - began) if is_moving else ended
            # What else there is to count, and what moves, may be another by now.
            return counted
        return counted

    def _do(self, run: Row[Any], now: datetime) -> int:
        """Count all of a run, and compare its receipts, where that is to be done; return how much of it was."""
        counts = {self._count: _is_due(run, now), self._compare: is_asked(run.compare_asked_at, run.compared_at)}
        due = [count for count, is_due in counts.items() if is_due]
        has_ended = False
        try:
            for count in due:
                count(run.id)
            has_ended = True
        finally:
            self._free(run.id, is_counted=has_ended)
        return len(due)

    def _count(self, run_id: int) -> None:
        """Count all of a run, and keep it; the states are of the same moment."""
        began = time.monotonic()
        with one_moment(self.sessions) as session:
            now = clock.now()
            run = session.get_one(Run, run_id)
            tally = replace(count_run(session, run_id, now=now), noted=run.planned)
            waves = count_waves(session, run_id)
            is_many = tally.by_state.get(SendState.UNCONFIRMED, 0) > FEW
            unconfirmed = self._count_groups(session, run) if is_many else None
            earlier = _read_states(session, run_id)
            kept = session.get_one(RunTally, run_id)
        states = QuickCount(now, tally.by_state).following(earlier)
        still_since = kept.still_since if kept.state == run.state else now
        counts = {"figures": figures_of(tally, waves, unconfirmed), "counted_at": now, "took_ms": _since(began)}
        counts |= {"state": run.state, "still_since": still_since}
        # What came since the count began has said that it is not settled.
        settled = RunTally.is_settled if is_settled(run, tally) else false()
        with self.sessions.begin() as session:
            write_kept(session, run_id, "counted_at", **counts, is_settled=settled)
            write_kept(session, run_id, "states_at", states=states.to_json(), states_at=now)

    def _count_groups(self, session: Session, run: Run) -> list[Group]:
        """Count what is unconfirmed; no group: the run is damaged, and all else of it is counted."""
        try:
            return count_groups(session, run, policy=self.policy)
        except DamagedDataError:
            _log.exception("unconfirmed messages of run %s cannot be counted", run.id)
            return []

    def _count_states(self, run_id: int) -> None:
        """Count the states of a run, and keep them."""
        began = time.monotonic()
        with one_moment(self.sessions) as session:
            states = count_states(session, run_id, now=clock.now()).following(_read_states(session, run_id))
        took = {"states_took_ms": _since(began)}
        with self.sessions.begin() as session:
            _add_row(session, run_id)
            write_kept(session, run_id, "states_at", states=states.to_json(), states_at=states.counted_at, **took)

    def _compare(self, run_id: int) -> None:
        """Compare the receipts of a run with its deliveries, and keep what was found."""
        began = time.monotonic()
        with one_moment(self.sessions) as session:
            now = clock.now()
            doubled = count_doubled(session, session.get_one(Run, run_id))
        counts = {"doubled": doubled, "compared_at": now, "compared_took_ms": _since(began)}
        with self.sessions.begin() as session:
            write_kept(session, run_id, "compared_at", **counts)

    def _claim(self, run: Row[Any], *, is_counted: bool) -> bool:
        """Take a run, and say whether no other worker has it, or counted it since it was read.

        One that is to be counted is held for settled until a receipt, or the count, says otherwise.
        """
        now = clock.now()
        free = or_(RunTally.claimed_until.is_(None), RunTally.claimed_until <= now)
        as_read = [getattr(RunTally, name).is_not_distinct_from(getattr(run, name)) for name in _MOMENTS]
        taken = update(RunTally).where(RunTally.run_id == run.id, free, *as_read)
        with self.sessions.begin() as session:
            _add_row(session, run.id)
            settled = or_(RunTally.is_settled, literal(is_counted))
            taken = taken.values(claimed_until=now + CLAIMED_FOR, is_settled=settled)
            return bool(session.execute(taken, execution_options=PAST_MEMORY).rowcount)  # type: ignore[attr-defined]

    def _free(self, run_id: int, *, is_counted: bool) -> None:
        """Let other workers have a run; of what could not be counted nothing is settled."""
        settled = RunTally.is_settled if is_counted else false()
        freed = update(RunTally).where(RunTally.run_id == run_id).values(claimed_until=None, is_settled=settled)
        with self.sessions.begin() as session:
            session.execute(freed, execution_options=PAST_MEMORY)


def count_states(session: Session, run_id: int, *, now: datetime) -> QuickCount:
    """Count the deliveries of a run by state from indexes that hold none which went well; `now` is UTC.

    What is in no other state was accepted. Both statements have to see one moment.
    """
    others = [state for state in SendState if state is not SendState.ACCEPTED]
    counts = union_all(
        *(
            select(literal(state.value), func.count()).where(Delivery.run_id == run_id, in_state(state))
            for state in others
        )
    )
    by_state = {SendState(state): people for state, people in session.execute(counts) if people}
    accepted = (session.scalar(_select_noted(run_id)) or 0) - sum(by_state.values())
    return QuickCount(now, by_state | ({SendState.ACCEPTED: accepted} if accepted > 0 else {}))


def _is_wanted(run: Row[Any]) -> bool:
    """Say whether somebody waits for a count of a run or of its receipts."""
    return _is_tally_wanted(run) or is_asked(run.compare_asked_at, run.compared_at)


def _is_tally_wanted(run: Row[Any]) -> bool:
    """Say whether a page or an act asked for all of a run since its last count, or its state changed."""
    # A count of which no state is known was made before states were kept.
    if run.counted_state is not None and run.counted_state != run.state:
        return True
    has_ended = run.finished_at is not None and run.counted_at is not None and run.counted_at < run.finished_at
    return has_ended or is_asked(run.asked_at, run.counted_at)


def _in_turn(runs: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """Return the runs of which something is to be counted: what is waited for first, then the newest."""
    due = [run for run in runs if _is_wanted(run) or _is_due(run, now)]
    return sorted(due, key=lambda run: (not _is_wanted(run), -run.id))


def _are_states_due(run: Row[Any], now: datetime) -> bool:
    """Say whether the states of a run that moves are to be counted, where not all of it is."""
    if run.planned <= LARGE_RUN or run.state not in MOVING or _is_tally_wanted(run):
        return False
    return run.states_at is None or bool(
        now - run.states_at >= max(STATES_EVERY, TIMES_AS_LONG * _took(run.states_took_ms))
    )


def _is_due(run: Row[Any], now: datetime) -> bool:
    """Say whether all of a run is to be counted."""
    if run.planned <= LARGE_RUN or _is_tally_wanted(run) or run.state in MOVING:
        return run.planned > LARGE_RUN and _is_tally_wanted(run)
    if run.counted_at is None:
        return True
    pause = max(EVERY, TIMES_AS_LONG * _took(run.took_ms))
    still = max(run.counted_at - (run.finished_at or run.still_since or run.counted_at), timedelta(0))
    return not run.is_settled and bool(now - run.counted_at >= min(pause * (1 + still / REST), LONGEST_PAUSE))


def _select_runs() -> Select[*tuple[Any, ...]]:
    """Select the large runs whose figures may move, or were asked for, with what is kept of them."""
    may_move = or_(
        RunTally.counted_at.is_(None),
        ~RunTally.is_settled,
        # A worker that counted it for the last time may have ended before it could say so.
        RunTally.claimed_until.is_not(None),
        Run.state.in_(sorted(MOVING)),
        RunTally.state.is_distinct_from(Run.state),
        RunTally.counted_at < Run.finished_at,
        RunTally.asked_at > RunTally.counted_at,
    )
    # In words, so that both databases see that an index has them.
    return _with_what_is_kept().where(text(LARGE), or_(may_move, _is_to_be_compared()))


def _select_small() -> Select[*tuple[Any, ...]]:
    """Select the other runs whose receipts are to be compared: there may be many receipts of others among them."""
    return _with_what_is_kept().where(Run.planned <= LARGE_RUN, _is_to_be_compared())


def _with_what_is_kept() -> Select[*tuple[Any, ...]]:
    kept = ("counted_at", "took_ms", "states_at", "states_took_ms", "compared_at", "asked_at", "compare_asked_at")
    of_run = ("id", "state", "planned", "created_at", "started_at", "finished_at")
    columns = [*(getattr(Run, name) for name in of_run), *(getattr(RunTally, name) for name in kept)]
    is_settled = and_(RunTally.is_settled, RunTally.claimed_until.is_(None)).label("is_settled")
    columns += [RunTally.state.label("counted_state"), RunTally.still_since, is_settled]
    return select(*columns).outerjoin(RunTally, RunTally.run_id == Run.id)


def _is_to_be_compared() -> ColumnElement[bool]:
    asked_at, compared_at = RunTally.compare_asked_at, RunTally.compared_at
    return and_(asked_at.is_not(None), or_(compared_at.is_(None), asked_at > compared_at))


def _add_row(session: Session, run_id: int) -> None:
    session.execute(insert_or(session, RunTally).values(run_id=run_id).on_conflict_do_nothing())


def _select_noted(run_id: int) -> Select[int]:
    return select(Run.planned).where(Run.id == run_id)


def _read_states(session: Session, run_id: int) -> QuickCount | None:
    row = session.execute(select(RunTally.states, RunTally.states_at).where(RunTally.run_id == run_id)).first()
    return QuickCount.from_json(row.states, row.states_at) if row and row.states is not None else None


def _took(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))
