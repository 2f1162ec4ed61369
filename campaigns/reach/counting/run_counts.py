"""A worker counts anew whatever may have changed in reach, one transaction a run."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Row
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.reach.counting.queries import RunToCount, select_runs_to_count
from campaigns.reach.counting.service import replace_counts, select_counts

#: A count younger than this is left as it is.
FRESH_FOR = timedelta(seconds=15)
#: A count stays fresh for longer, as long again for each of these: a run of a million takes seconds to count, and
#: receipts become rare after its end.
PEOPLE, REST = 200_000, timedelta(hours=1)
#: The same while the run is sent: what counts takes the processor from what sends.
PEOPLE_IN_FLIGHT = 50_000


def recount_due(sessions: sessionmaker[Session], *, fresh_for: timedelta = FRESH_FOR) -> int:
    """Count every run whose figures may have moved, and return how many were counted.

    Counting only reads, and a run of a million takes seconds; so on SQLite, where a writer keeps all others
    waiting, it happens before the transaction that writes the few rows it gives.
    """
    now = clock.now()
    with one_moment(sessions) as session:
        runs = session.execute(select_runs_to_count(now, fresh_for=fresh_for)).all()
    due = [run.id for run in runs if _is_due(run, now, fresh_for)]
    for run_id in due:
        with one_moment(sessions) as session:
            counts = session.execute(select_counts(run_id)).all()
        with sessions.begin() as session:
            replace_counts(session, run_id, counts)
    return len(due)


def _is_due(run: Row[*RunToCount], now: datetime, fresh_for: timedelta) -> bool:
    """Say whether the last count of a run is stale; of one that has just started all is known without counting."""
    if run.counted_at is None and run.finished_at is not None:
        return True
    since = run.counted_at or run.started_at
    return since is None or now - since >= _pause(run, fresh_for)


def _pause(run: Row[*RunToCount], fresh_for: timedelta) -> timedelta:
    """Return how long the last count of a run stays fresh."""
    rest = run.counted_at - run.finished_at if run.finished_at and run.counted_at else timedelta(0)
    return fresh_for * (share_of_size(run.planned, run.finished_at) + max(rest / REST, 0))


def share_of_size(planned: int, finished_at: datetime | None) -> float:
    """Return how many times as long as usual the count of a run of a size stays fresh."""
    return 1 + planned / (PEOPLE_IN_FLIGHT if finished_at is None else PEOPLE)
