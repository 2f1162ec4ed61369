"""The worker's part of reach: counts anew whatever may have changed, one transaction a run."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.reach.queries import select_runs_to_count
from campaigns.reach.service import recount_run

#: A count younger than this is left as it is; a run of a million takes seconds.
FRESH_FOR = timedelta(seconds=15)


def recount_due(sessions: sessionmaker[Session], *, fresh_for: timedelta = FRESH_FOR) -> int:
    """Count every run whose figures may have moved, and return how many were counted."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        due = list(session.scalars(select_runs_to_count(clock.now(), fresh_for=fresh_for)))
    for run_id in due:
        with sessions.begin() as session:
            recount_run(session, run_id)
    return len(due)
