"""The waves of a run: when each time zone is written to, and how many of its messages still wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from campaigns.core.wallclock import wall_of
from campaigns.delivery.models import Delivery, RunZone
from campaigns.delivery.states import SendState
from campaigns.delivery.tally import LARGE_RUN
from campaigns.planning.models import Run


@dataclass(frozen=True, slots=True)
class RunWave:
    """The deliveries of a run that are due at one instant."""

    #: None: those that were put off since, because a call has to be tried again.
    due_at: datetime | None
    #: Time zone and what its clock shows then; "" stands for people whose zone is not known.
    clocks: tuple[tuple[str, datetime], ...]
    people: int
    #: Of them, those not called yet.
    waiting: int


def waves_of_run(session: Session, run: Run) -> list[RunWave]:
    """Return the waves of a run, soonest first, by one count of its deliveries."""
    zones: dict[datetime, set[str]] = {}
    for due_at, zone in session.execute(select(RunZone.due_at, RunZone.time_zone).where(RunZone.run_id == run.id)):
        zones.setdefault(due_at, set()).add(zone)
    # A retry moves the time of one delivery: there may be as many such times as deliveries.
    wave = case((Delivery.due_at.in_(zones), Delivery.due_at)) if zones else Delivery.due_at
    waits = func.sum(case((Delivery.send_state == SendState.QUEUED, 1), else_=0))
    counts = session.execute(
        select(wave.label("due_at"), func.count(), waits).where(Delivery.run_id == run.id).group_by("due_at")
    )
    default_zone = str(run.frozen.get("time_zone") or "UTC")
    waves = [
        RunWave(due_at, _clocks(due_at, zones.get(due_at, set()), default_zone), people, waiting)
        for due_at, people, waiting in counts
    ]
    return sorted(waves, key=lambda each: (each.due_at is None, each.due_at))


def is_long(waves: list[RunWave]) -> bool:
    """Say whether a run is too large for its waves to be counted at each look."""
    return sum(wave.people for wave in waves) > LARGE_RUN


def _clocks(due_at: datetime | None, zones: set[str], default_zone: str) -> tuple[tuple[str, datetime], ...]:
    if due_at is None:
        return ()
    return tuple((zone, wall_of(due_at, zone or default_zone)) for zone in sorted(zones))
