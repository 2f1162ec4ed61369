"""Schedules are aimed anew, because people of further zones join and zones change their clocks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine, Select, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.errors import FingerpostError
from campaigns.planning.estimates.audience_counts import find_clocks
from campaigns.planning.models import Campaign, Schedule, ZonePolicy
from campaigns.planning.queries import select_upcoming, timing_of
from campaigns.planning.schedules.recurrence import FURTHEST_START, WIDEST_OFFSET, aimed_at

log = logging.getLogger(__name__)

#: Between two looks at one schedule: when somebody joined meanwhile, and when nobody did, but some may have moved.
AFTER_JOINING, AT_LEAST = timedelta(seconds=30), timedelta(minutes=10)
#: Schedules of one look; the others wait for the next.
MOST_AT_ONCE = 1000


@dataclass
class Aimer:
    """Keeps the instants of occurrences right: of all at its first look, then of those by people's own clocks."""

    sessions: sessionmaker[Session]
    #: Reads without the writer's lock.
    reader: Engine
    #: By id of a schedule: when it was aimed last, and the newest contact of its organisation then.
    _looks: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    _knows_all: bool = False

    def look(self) -> None:
        """Aim anew what may have moved; a schedule that cannot be aimed keeps no other from it."""
        now = clock.now()
        with self.sessions(bind=self.reader) as session:
            upcoming = {row.id: row.newest for row in session.execute(self._select(now))}
        self._looks = {schedule_id: look for schedule_id, look in self._looks.items() if schedule_id in upcoming}
        for schedule_id, newest in upcoming.items():
            if self._is_due(schedule_id, newest, now):
                self._aim(schedule_id, now)
                self._looks[schedule_id] = (now, newest)
        self._knows_all = True

    def _select(self, now: datetime) -> Select[int, int | None]:
        """Select what is to come: everything at first, later what is by people's own clocks and near."""
        of_theirs = Contact.organisation_id == Campaign.organisation_id
        newest = select(func.max(Contact.id)).where(of_theirs).correlate(Campaign).scalar_subquery()
        until = now + (WIDEST_OFFSET if self._knows_all else FURTHEST_START)
        to_come = (Schedule.next_fire_at > now, ~Schedule.on_approval)
        upcoming = select_upcoming(until).where(*to_come).limit(MOST_AT_ONCE)
        if self._knows_all:
            upcoming = upcoming.where(Schedule.zone_policy == ZonePolicy.RECIPIENT)
        return upcoming.with_only_columns(Schedule.id, newest.label("newest"))

    def _is_due(self, schedule_id: int, newest: int | None, now: datetime) -> bool:
        if schedule_id not in self._looks:
            return True
        at, newest_then = self._looks[schedule_id]
        return not timedelta() <= now - at < (AT_LEAST if newest == newest_then else AFTER_JOINING)

    def _aim(self, schedule_id: int, now: datetime) -> None:
        try:
            with self.sessions(bind=self.reader) as session:
                schedule = session.get_one(Schedule, schedule_id)
                occurrence, before = schedule.next_occurrence, schedule.next_fire_at
                fire_at = _aimed(session, schedule, now)
            if fire_at is None or fire_at == before:
                return
            # What fired or was edited meanwhile stays as it is.
            same = (Schedule.next_occurrence == occurrence, Schedule.next_fire_at == before)
            with self.sessions.begin() as session:
                session.execute(
                    update(Schedule).where(Schedule.id == schedule_id, *same).values(next_fire_at=fire_at)
                )
            log.info("Schedule %s fires at %s instead of %s", schedule_id, fire_at, before)
        except FingerpostError:
            log.warning("Schedule %s cannot be aimed anew", schedule_id, exc_info=True)


def _aimed(session: Session, schedule: Schedule, now: datetime) -> datetime | None:
    if schedule.next_occurrence is None or schedule.next_fire_at is None or schedule.next_fire_at <= now:
        return None
    timing = timing_of(schedule)
    zones = find_clocks(session, schedule.campaign, timing, now=now)
    grace = timedelta(minutes=schedule.grace_minutes)
    return aimed_at(timing, zones, occurrence=schedule.next_occurrence, now=now, grace=grace)
