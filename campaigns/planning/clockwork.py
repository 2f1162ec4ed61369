"""The clock of a worker: APScheduler wakes it, the rows decide what is due.

The scheduler keeps its jobs in memory and computes no recurrence: one interval job re-reads the rows, and one
date job for each schedule makes its next firing prompt. Any number of clocks may run on one database.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.planning.aiming import Aimer
from campaigns.planning.digest import Cap
from campaigns.planning.firing import fire_due
from campaigns.planning.queries import select_upcoming

log = logging.getLogger(__name__)

#: How far ahead date jobs are set; later firings get theirs from a later tick.
HORIZON = timedelta(hours=1)
#: How many schedules one look takes in; the others wait for the next.
MOST_AT_ONCE = 1000


class Clockwork:
    """Fires due schedules until it is stopped; a database that does not answer is asked again at the next tick."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self._sessions = sessions
        self._reader = _reader_of(sessions)
        self._settings = settings
        self._cap = Cap(settings.cap_messages, settings.cap_days)
        self._aimer = Aimer(sessions, self._reader)
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        """Start the clock in threads of its own; the first look at the rows is immediate."""
        every = IntervalTrigger(seconds=self._settings.clock_tick_seconds, timezone=UTC)
        self._scheduler.add_job(self.tick, every, id="tick", next_run_time=datetime.now(UTC))
        self._scheduler.start()

    def stop(self) -> None:
        """Stop the clock; the one firing under way is finished first."""
        self._stopping.set()
        # The scheduler shuts down under the lock that add_job needs: a tick that still sets alarms would wait
        # for it for ever, and it for the tick. So the tick ends first, and later ones see the flag.
        with self._one_at_a_time:
            pass
        # A scheduler that shuts down while its thread drops an alarm that has just rung would not find it: so that
        # thread finishes first (this waits for it), and finds nothing to ring afterwards.
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=True)

    def tick(self) -> None:
        """Fire what is due and set alarms for what comes next. Failures are logged and tried again."""
        with self._one_at_a_time:
            if self._stopping.is_set():
                return
            try:
                self._fire()
                self._aimer.look()
                self._set_alarms()
            except SQLAlchemyError:
                log.exception("The clock could not read the schedules; it tries again")

    def _fire(self) -> None:
        """Fire each due schedule, and those it leaves due again after a standstill."""
        broken: set[int] = set()
        while not self._stopping.is_set():
            due = [schedule_id for schedule_id, _ in self._upcoming(clock.now()) if schedule_id not in broken]
            fired = [schedule_id for schedule_id in due if self._fire_one(schedule_id, broken)]
            if not fired:
                return

    def _fire_one(self, schedule_id: int, broken: set[int]) -> bool:
        """Fire one schedule in a transaction of its own; say whether it made a run."""
        try:
            with self._sessions.begin() as session:
                runs = fire_due(
                    session,
                    now=clock.now(),
                    only=schedule_id,
                    max_age_days=self._settings.service_max_age_days,
                    valid_days=self._settings.approval_valid_days,
                    cap=self._cap,
                    keeps_quiet=self._settings.keeps_quiet,
                )
                made = [(run.id, str(run.state)) for run in runs]
        except Exception:
            # One broken schedule must not keep the others from firing: it is left due and tried at the next tick.
            log.exception("Schedule %s could not be fired; the clock tries again", schedule_id)
            broken.add(schedule_id)
            return False
        for run_id, state in made:
            log.info("Schedule %s fired: run %s is %s", schedule_id, run_id, state)
        return bool(made)

    def _upcoming(self, until: datetime) -> list[tuple[int, datetime | None]]:
        """Read what fires by `until`, without the writer's lock: SQLite has one, and most ticks do nothing."""
        with self._sessions(bind=self._reader) as session:
            found = session.execute(select_upcoming(until).limit(MOST_AT_ONCE))
            return [(schedule_id, fire_at) for schedule_id, fire_at in found]

    def _set_alarms(self) -> None:
        for schedule_id, fire_at in self._upcoming(clock.now() + HORIZON):
            self._scheduler.add_job(
                self.tick, DateTrigger(fire_at, timezone=UTC), id=f"schedule {schedule_id}", replace_existing=True
            )


def _reader_of(sessions: sessionmaker[Session]) -> Engine:
    engine = sessions.kw["bind"]
    options = {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
    reader: Engine = engine.execution_options(read_only=True, **options)
    return reader
