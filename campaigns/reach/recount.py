"""The worker's part of reach: counts anew whatever may have changed, one transaction a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.reach.queries import select_runs_to_count
from campaigns.reach.service import replace_counts, select_counts

#: A count younger than this is left as it is; a run of a million takes seconds.
FRESH_FOR = timedelta(seconds=15)


def recount_due(sessions: sessionmaker[Session], *, fresh_for: timedelta = FRESH_FOR) -> int:
    """Count every run whose figures may have moved, and return how many were counted.

    Counting only reads, and a run of a million takes seconds; so on SQLite, where a writer keeps all others
    waiting, it happens before the transaction that writes the few rows it gives.
    """
    with _reading(sessions) as session:
        due = list(session.scalars(select_runs_to_count(clock.now(), fresh_for=fresh_for)))
    for run_id in due:
        with _reading(sessions) as session:
            counts = session.execute(select_counts(run_id)).all()
        with sessions.begin() as session:
            replace_counts(session, run_id, counts)
    return len(due)


@contextmanager
def _reading(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        yield session
