"""A worker counts people once, and compares all counts with the deliveries at night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.delivery.models import Delivery
from campaigns.planning.lifecycle import MOVING
from campaigns.planning.models import Run, RunState
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.crowd_pass import count_crowds
from campaigns.reach.counting.queries import SETTLES_AFTER
from campaigns.reach.counting.run_counts import PEOPLE
from campaigns.reach.counting.service import COLUMNS, count_crowd, replace_counts, replace_crowd, select_counts
from campaigns.reach.counting.unique_people import Crowd
from campaigns.reach.models import PeopleCount, ReachCheck, RunCount, RunReach, Scope

#: People counted once stay as they are for so long, and as long again for each `PEOPLE` planned.
CROWD_FRESH_FOR = timedelta(minutes=1)
#: So many times as long beside a run that is being sent.
BESIDE_A_RUN = 5
#: From one comparison of everything to the next.
CHECK_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a comparison found, in people."""

    runs: int
    #: Changes since the last count of runs that are not closed; they are put right now.
    moved: int
    #: Changes after a run had closed; its figures stay.
    late: int
    #: Counts that hold another number of people than the run has deliveries. Never anything but 0.
    drift: int


def recount_crowds(sessions: sessionmaker[Session], *, fresh_for: timedelta = CROWD_FRESH_FOR) -> int:
    """Count every crowd anew of which a run was counted since, and return how many were counted.

    Beside a run that is being sent they stay fresh for longer: what counts takes the processor from what sends.
    """
    now = clock.now()
    with one_moment(sessions) as session:
        if session.scalar(select(Run.id).where(Run.state.in_(MOVING)).limit(1)) is not None:
            fresh_for *= BESIDE_A_RUN
        due = {
            organisation.id: list(_crowds_of(session, organisation.id, organisation.counted_at, now))
            for organisation in session.execute(_select_organisations())
            if _is_due(organisation, now, fresh_for)
        }
    return sum(_count_all(sessions, organisation_id, crowds) for organisation_id, crowds in due.items())


def check_all(sessions: sessionmaker[Session]) -> Checked:
    """Hold every stored count against the deliveries, put right what may move, and write down what was found."""
    now = clock.now()
    with one_moment(sessions) as session:
        runs = session.execute(_select_counted()).all()
    found: Counter[str] = Counter()
    for run in runs:
        found.update(_check_run(sessions, run, now))
    with one_moment(sessions) as session:
        organisations = session.execute(_select_organisations()).all()
        crowds = [crowd for each in organisations for crowd in _crowds_of(session, each.id, None, now)]
    for crowd in [*crowds, Crowd(Scope.INSTANCE, 0)]:
        _count(sessions, crowd)
    checked = Checked(len(runs), found["moved"], found["late"], found["drift"])
    with sessions.begin() as session:
        values = {"runs": checked.runs, "drift": checked.drift, "late": checked.late, "moved": checked.moved}
        session.add(ReachCheck(checked_at=clock.now(), **values))
    return checked


def check_nightly(sessions: sessionmaker[Session]) -> Checked | None:
    """Compare everything when the last time was a day ago; None when it was not."""
    with one_moment(sessions) as session:
        last = session.scalar(select(func.max(ReachCheck.checked_at)))
        first = session.scalar(select(func.min(RunCount.counted_at)))
    since = last or first
    return check_all(sessions) if since is not None and clock.now() - since >= CHECK_EVERY else None


def is_closed(run: Row[Any], now: datetime) -> bool:
    """Say whether receipts move the figures of a run no more: 72 hours after its end."""
    return run.finished_at is not None and run.finished_at + SETTLES_AFTER <= now


def _count_all(sessions: sessionmaker[Session], organisation_id: int, crowds: Sequence[Crowd]) -> int:
    """Count the crowds of an organisation in one pass: those whose deliveries are all there."""
    began = clock.now()
    with one_moment(sessions) as session:
        whole = [crowd for crowd in crowds if session.scalar(_select_removed(crowd)) is None]
        counted = count_crowds(session, organisation_id, whole) if whole else {}
    for crowd, rows in counted.items():
        with sessions.begin() as session:
            replace_crowd(session, crowd, rows, counted_at=began)
    return len(crowds)


def _count(sessions: sessionmaker[Session], crowd: Crowd) -> None:
    """Count a crowd while all its deliveries are there; what retention removed survives as its last count."""
    began = clock.now()
    with one_moment(sessions) as session:
        is_whole = session.scalar(_select_removed(crowd)) is None
        rows = count_crowd(session, crowd) if is_whole else []
    if is_whole:
        with sessions.begin() as session:
            replace_crowd(session, crowd, rows, counted_at=began)


def _check_run(sessions: sessionmaker[Session], run: Row[Any], now: datetime) -> dict[str, int]:
    with one_moment(sessions) as session:
        if session.scalar(select(Delivery.id).where(Delivery.run_id == run.id).limit(1)) is None:
            return {}
        fresh = session.execute(select_counts(run.id)).all()
        columns = [getattr(RunReach, name) for name in COLUMNS]
        stored = session.execute(select(*columns).where(RunReach.run_id == run.id)).all()
    differing = _differing(stored, fresh)
    if is_closed(run, now):
        return {"late": differing}
    with sessions.begin() as session:
        replace_counts(session, run.id, fresh)
    planned = sum(int(row[-1]) for row in fresh)
    is_over = run.state in (RunState.DONE, RunState.STOPPED)
    return {"moved": differing, "drift": abs(planned - run.planned) if is_over else 0}


def _differing(stored: Sequence[Row[Any]], fresh: Sequence[Row[Any]]) -> int:
    """Return how many people stand elsewhere than they are counted."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for sign, rows in ((1, fresh), (-1, stored)):
        for row in rows:
            counts[tuple(row[:-1])] += sign * int(row[-1])
    return max(sum(count for count in counts.values() if count > 0), -sum(c for c in counts.values() if c < 0))


def _is_due(organisation: Row[Any], now: datetime, fresh_for: timedelta) -> bool:
    if organisation.counted_at is None:
        return True
    pause = fresh_for * (1 + organisation.planned / PEOPLE)
    return bool(organisation.run_counted_at > organisation.counted_at and now - organisation.counted_at >= pause)


def _crowds_of(session: Session, organisation_id: int, since: datetime | None, now: datetime) -> Iterable[Crowd]:
    """Return the crowds that runs counted after `since` belong to; a closed month stays as it is.

    The organisation's is the last: its count says that all the others are written.
    """
    runs = _select_counted().where(Run.organisation_id == organisation_id)
    if since is not None:
        runs = runs.where(RunCount.counted_at >= since)
    crowds: dict[Crowd, None] = {}
    for run in session.execute(runs):
        crowds[Crowd(Scope.CAMPAIGN, run.campaign_id)] = None
        for month in months_between(run.created_at, run.finished_at or now):
            crowds[Crowd(Scope.MONTH, organisation_id, month)] = None
    crowds[Crowd(Scope.ORGANISATION, organisation_id)] = None
    counted = dict(session.execute(_select_months(organisation_id)).all())
    return [crowd for crowd in crowds if not _is_settled(crowd.period, counted.get(crowd.period), now)]


def months_between(start: date, end: date) -> list[str]:
    """Return the calendar months (UTC, "2026-03") that a stretch of time touches."""
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(first, last + 1)]


def _is_settled(month: str, counted_at: datetime | None, now: datetime) -> bool:
    """Say whether a month (UTC) has closed and was counted after that: 72 hours after its end."""
    if not month or counted_at is None:
        return False
    return month < months_between(counted_at - SETTLES_AFTER, now)[0]


def _select_months(organisation_id: int) -> Select[str, datetime]:
    """Select when each month of an organisation was counted last."""
    months = select(PeopleCount.period, PeopleCount.counted_at)
    return months.where(PeopleCount.scope == Scope.MONTH, PeopleCount.scope_id == organisation_id)


def _select_counted() -> Select[*tuple[Any, ...]]:
    columns = (Run.id, Run.campaign_id, Run.state, Run.planned, Run.created_at, Run.finished_at)
    counted = select(*columns, RunCount.counted_at).join(RunCount, RunCount.run_id == Run.id)
    return counted.where(counts_as_reach()).order_by(Run.id)


def _select_organisations() -> Select[*tuple[Any, ...]]:
    """Select the organisations with counted runs, and when their people were counted last."""
    of_people = and_(PeopleCount.scope == Scope.ORGANISATION, PeopleCount.scope_id == Run.organisation_id)
    return (
        select(
            Run.organisation_id.label("id"),
            func.sum(Run.planned).label("planned"),
            func.max(RunCount.counted_at).label("run_counted_at"),
            PeopleCount.counted_at,
        )
        .join(RunCount, RunCount.run_id == Run.id)
        .outerjoin(PeopleCount, of_people)
        .where(counts_as_reach())
        .group_by(Run.organisation_id, PeopleCount.counted_at)
    )


def _select_removed(crowd: Crowd) -> Select[int]:
    """Select a run of a crowd whose deliveries are not there any more."""
    there = select(Delivery.id).where(Delivery.run_id == Run.id).exists()
    return select(Run.id).where(Run.id.in_(crowd.runs()), Run.planned > 0, ~there).limit(1)
