"""The clock of a worker: APScheduler wakes it, the rows decide what is due.

The scheduler keeps its jobs in memory and computes no recurrence: one interval job re-reads the rows, and one
date job for each schedule makes its next firing prompt. Any number of clocks may run on one database.

APScheduler waits for times of day: set the clock back by an hour and it sleeps for an hour. So a thread that
counts seconds, whatever the time is, sees to it that a look comes with every tick.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.settings import Settings
from campaigns.planning.policy import Policy
from campaigns.planning.queries import select_upcoming
from campaigns.planning.runs.aim import Aimer
from campaigns.planning.runs.firing import fire_due
from campaigns.planning.senders.connections import find_faults

log = logging.getLogger(__name__)

#: How far ahead date jobs are set; later firings get theirs from a later tick.
HORIZON = timedelta(hours=1)
#: How many schedules one look takes in; the others wait for the next.
MOST_AT_ONCE = 1000
#: A look that is this number of ticks late does not come by itself.
OVERDUE_TICKS = 1.5


class Clockwork:
    """Fires due schedules until it is stopped; a database that does not answer is asked again at the next tick."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        is_astray: Callable[[], bool] = lambda: False,
        may_fire: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare a clock; while `is_astray()`, the time may be wrong and nothing is fired.

        Nor is anything while `may_fire()` says no, since its database may be a backup.
        """
        self._sessions, self._is_astray, self._may_fire = sessions, is_astray, may_fire
        self._reader = _reader_of(sessions)
        self._settings = settings
        self._aimer = Aimer(sessions, self._reader)
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        #: Monotonic moment of the last look.
        self._looked_at = time.monotonic()
        self._supervisor = threading.Thread(target=self._supervise, name="clock supervisor", daemon=True)
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        """Start the clock in threads of its own; the first look at the rows is immediate."""
        every = IntervalTrigger(seconds=self._settings.clock_tick_seconds, timezone=UTC)
        self._scheduler.add_job(self.tick, every, id="tick", next_run_time=datetime.now(UTC))
        self._scheduler.start()
        self._supervisor.start()

    def stop(self) -> None:
        """Stop the clock; the one firing under way is finished first."""
        self._stopping.set()
        if self._supervisor.ident is not None:
            self._supervisor.join()
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
            self._looked_at = time.monotonic()
            if self._stopping.is_set() or not self._may_fire() or self._judged_now() is None:
                return
            try:
                tried = self._fire()
                self._aimer.look()
                self._set_alarms(tried)
            except SQLAlchemyError as error:
                OUTAGES.tell(error, "reading the schedules")

    def _judged_now(self) -> datetime | None:
        """Return the time, or None while it may be wrong.

        It is read before it is judged: who sets the clock afterwards changes nothing of what was read.
        """
        now = clock.now()
        return None if self._is_astray() else now

    def _supervise(self) -> None:
        """Wake the scheduler when a look is overdue by the seconds that passed, whatever its clock says."""
        every = self._settings.clock_tick_seconds
        while not self._stopping.wait(every):
            is_looking = self._one_at_a_time.locked()
            if not is_looking and time.monotonic() - self._looked_at > OVERDUE_TICKS * every:
                log.warning("The clock of this machine was set back; the schedules are read by seconds that pass")
                self._scheduler.modify_job("tick", next_run_time=datetime.now(UTC))

    def _fire(self) -> set[int]:
        """Fire each due schedule, and those it leaves due again after a standstill; return which were tried."""
        broken: set[int] = set()
        tried: set[int] = set()
        while not self._stopping.is_set() and (now := self._judged_now()) is not None:
            due = [schedule_id for schedule_id, _ in self._upcoming(now) if schedule_id not in broken]
            tried |= set(due)
            fired = [schedule_id for schedule_id in due if self._fire_one(schedule_id, broken)]
            if not fired:
                break
        return tried

    def _fire_one(self, schedule_id: int, broken: set[int]) -> bool:
        """Fire one schedule in a transaction of its own, which may have to wait; say whether it made a run."""
        try:
            with self._sessions.begin() as session:
                if (now := self._judged_now()) is None:
                    return False
                runs = fire_due(
                    session,
                    now=now,
                    only=schedule_id,
                    policy=Policy.of(self._settings),
                    find_faults=partial(find_faults, self._settings),
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

    def _set_alarms(self, tried: set[int]) -> None:
        if (now := self._judged_now()) is None:
            return
        for schedule_id, fire_at in self._upcoming(now + HORIZON):
            if fire_at is None or (fire_at <= now and schedule_id in tried):
                # It could not be fired. Its alarm would ring at once, and again; the next tick tries it. What has
                # become due since the look for what to fire was not tried: its alarm rings at once.
                continue
            self._scheduler.add_job(
                self.tick, DateTrigger(fire_at, timezone=UTC), id=f"schedule {schedule_id}", replace_existing=True
            )


def _reader_of(sessions: sessionmaker[Session]) -> Engine:
    engine = sessions.kw["bind"]
    options = {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
    reader: Engine = engine.execution_options(read_only=True, **options)
    return reader
