"""The waves of a run tell when each time zone is written to, and how many of its messages still wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.wallclock import wall_of
from campaigns.delivery.models import Delivery, RunQuiet, RunZone
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run

#: When the deliveries of a wave are due (None: at moments of their own, because a call has to be tried again), how
#: many they are, and how many of them wait.
WaveCount = tuple[datetime | None, int, int]


class PutOff(StrEnum):
    """Why a wave is due at another time than was planned."""

    #: It had to wait for the end of quiet hours.
    QUIET = "quiet"
    #: It is not sent any more: quiet hours last longer than its time.
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class RunWave:
    """The deliveries of a run that are due at one instant."""

    #: None: those of which a call has to be tried again.
    due_at: datetime | None
    #: Time zone and what its clock shows then; "" stands for people whose zone is not known.
    clocks: tuple[tuple[str, datetime], ...]
    people: int
    #: Of them, those not called yet.
    waiting: int
    #: None: it is due as planned, or again.
    put_off: PutOff | None = None


@dataclass(slots=True)
class _Time:
    """An instant at which deliveries of a run are due, and where."""

    put_off: PutOff | None = None
    zones: set[str] = field(default_factory=set)


def count_waves(session: Session, run_id: int) -> list[WaveCount]:
    """Count the deliveries of a run by when they are due, in one pass over them."""
    times = _times_of(session, run_id)
    # A retry moves the time of one delivery: there may be as many such times as deliveries.
    wave = case((Delivery.due_at.in_(times), Delivery.due_at)) if times else Delivery.due_at
    waits = func.sum(case((Delivery.send_state == SendState.QUEUED, 1), else_=0))
    counts = session.execute(
        # By another name than the column's, which both databases would group by instead.
        select(wave.label("wave_at"), func.count(), waits).where(Delivery.run_id == run_id).group_by("wave_at")
    )
    return [(due_at, people, waiting) for due_at, people, waiting in counts]


def waves_of_run(session: Session, run: Run) -> list[RunWave]:
    """Return the waves of a run, soonest first, by a count of its deliveries now."""
    return waves_from(session, run, count_waves(session, run.id))


def waves_from(session: Session, run: Run, counts: Sequence[WaveCount]) -> list[RunWave]:
    """Return the waves of a run, soonest first, by a count of its deliveries."""
    times = _times_of(session, run.id)
    default_zone = str(run.frozen.get("time_zone") or "UTC")
    waves = []
    for due_at, people, waiting in counts:
        at = times.get(due_at, _Time()) if due_at else _Time()
        waves.append(RunWave(due_at, _clocks(due_at, at.zones, default_zone), people, waiting, at.put_off))
    return sorted(waves, key=lambda each: (each.due_at is None, each.due_at))


def first_leaves_at(waves: Sequence[RunWave], *, now: datetime) -> datetime | None:
    """Return when the first message of a run leaves, as long as nobody's hour has come; else None."""
    due = [wave.due_at for wave in waves if wave.due_at is not None and wave.waiting == wave.people]
    return min(due) if due and len(due) == len(waves) and min(due) > now else None


def _times_of(session: Session, run_id: int) -> dict[datetime, _Time]:
    """Return when deliveries of a run were planned to be due, and when those are that quiet hours put off."""
    times: dict[datetime, _Time] = {}
    planned = select(RunZone.due_at, RunZone.time_zone).where(RunZone.run_id == run_id)
    for due_at, zone in session.execute(planned):
        times.setdefault(due_at, _Time()).zones.add(zone)
    same = and_(RunZone.time_zone == RunQuiet.time_zone, RunZone.country == RunQuiet.country)
    quiet = (
        select(RunQuiet.time_zone, RunQuiet.begins_at, RunQuiet.ends_at, RunZone.expires_at)
        .join(RunZone, and_(RunZone.run_id == RunQuiet.run_id, same))
        .where(RunQuiet.run_id == run_id, RunQuiet.begins_at <= clock.now())
    )
    for zone, begins_at, ends_at, expires_at in session.execute(quiet):
        is_too_late = begins_at < expires_at < ends_at
        due_at, put_off = (expires_at, PutOff.TOO_LATE) if is_too_late else (ends_at, PutOff.QUIET)
        times.setdefault(due_at, _Time(put_off)).zones.add(zone)
    return times


def _clocks(due_at: datetime | None, zones: set[str], default_zone: str) -> tuple[tuple[str, datetime], ...]:
    if due_at is None:
        return ()
    return tuple((zone, wall_of(due_at, zone or default_zone)) for zone in sorted(zones))
