"""A run learns for each of its time zones when people are due, and which quiet hours fall into their time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core.wallclock import to_utc
from campaigns.delivery.models import RunQuiet, RunZone
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Priority, Run, ZonePolicy
from campaigns.planning.schedules.quiet_hours import first_allowed, quiet_between


def due_in(run: Run, frozen: FrozenRun, zone: str, country: str, *, now: datetime) -> datetime:
    """Return when numbers of `country` are written to in `zone`: in no quiet hours, unless it goes first.

    Whose zone is not known goes by that of the schedule, within a few hours that are day everywhere near it.
    """
    where = zone or frozen.time_zone
    due_at = to_utc(run.occurrence, frozen.time_zone if frozen.zone_policy == ZonePolicy.FIXED else where)
    if not _keeps_quiet(run, frozen):
        return due_at
    # What is sent late is sent now, and now may be quiet too.
    soonest = max(due_at, now)
    allowed = first_allowed(soonest, where, country, is_zone_known=zone != UNKNOWN_ZONE, is_urgent=run.is_urgent)
    return due_at if allowed == soonest else allowed


def add_zone(session: Session, run: Run, frozen: FrozenRun, zone: str, country: str, *, now: datetime) -> None:
    """Write when numbers of `country` in `zone` are due, and the quiet hours until they expire."""
    due_at = due_in(run, frozen, zone, country, now=now)
    begins_at = max(due_at, now)
    expires_at = begins_at + timedelta(minutes=frozen.expires_after_minutes)
    session.add(RunZone(run_id=run.id, time_zone=zone, country=country, due_at=due_at, expires_at=expires_at))
    _add_quiet(session, run, frozen, zone, country, since=begins_at, until=expires_at)


def extend_quiet(session: Session, run: Run, frozen: FrozenRun, *, since: datetime, until: datetime) -> None:
    """Write the quiet hours of a run between two instants that are not written yet, for each of its zones."""
    same = (RunQuiet.run_id == RunZone.run_id, RunQuiet.time_zone == RunZone.time_zone)
    known = select(func.max(RunQuiet.ends_at)).where(*same, RunQuiet.country == RunZone.country)
    zones = select(RunZone.time_zone, RunZone.country, known.scalar_subquery()).where(RunZone.run_id == run.id)
    for zone, country, known_until in session.execute(zones).all():
        begins_at = max(since, known_until or since)
        _add_quiet(session, run, frozen, zone, country, since=begins_at, until=until)
    session.flush()


def _add_quiet(
    session: Session, run: Run, frozen: FrozenRun, zone: str, country: str, *, since: datetime, until: datetime
) -> None:
    if not _keeps_quiet(run, frozen):
        return
    where, is_known = zone or frozen.time_zone, zone != UNKNOWN_ZONE
    for begins_at, ends_at in quiet_between(
        since, until, where, country, is_zone_known=is_known, is_urgent=run.is_urgent
    ):
        times = {"begins_at": begins_at, "ends_at": ends_at}
        session.add(RunQuiet(run_id=run.id, time_zone=zone, country=country, **times))


def _keeps_quiet(run: Run, frozen: FrozenRun) -> bool:
    return frozen.keeps_quiet and run.priority < Priority.FIRST
