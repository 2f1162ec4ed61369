"""A campaign gets its times here, and an approval takes them up: those that waited for it are due at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.planning import queries
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.models import Campaign, Schedule
from campaigns.planning.policy import Policy
from campaigns.planning.runs.firing import aim, hold_missed, write_firing
from campaigns.planning.schedules.recurrence import next_firings


def add_time(campaign: Campaign, schedule: Schedule, zones: Collection[str], *, now: datetime) -> None:
    """Add a time to a campaign and aim at its first occurrence; one on approval has no instant yet.

    Raises InputError for a second one that would start at the same approval, or at the same times.
    """
    if schedule.on_approval and any(each.awaits_approval for each in campaign.schedules):
        raise InputError(N_("It starts as soon as it is approved already."))
    timing, coming = queries.timing_of(schedule), [each for each in campaign.schedules if each.next_occurrence]
    if any(queries.timing_of(each) == timing for each in coming):
        raise InputError(N_("This campaign has this time already."))
    campaign.schedules.append(schedule)
    if schedule.on_approval:
        schedule.next_occurrence = schedule.starts_at
    else:
        aim(schedule, zones, after=now)


def check_urgent(campaign: Campaign, reason: str | None, recurrence: str | None = None) -> None:
    """Raise InputError when what is urgent for `reason` would be repeated, by its times or a new `recurrence`."""
    if reason and any((recurrence, *(each.recurrence for each in campaign.schedules))):
        raise InputError(
            N_("An urgent campaign is not repeated. Give it single times, or leave empty why it is urgent.")
        )


def take_up_times(
    session: Session,
    campaign: Campaign,
    start: Assessment,
    *,
    promised: Collection[Schedule],
    now: datetime,
    policy: Policy,
) -> None:
    """Aim each time of a campaign that is approved `now` (aware UTC); one on approval is due at this instant.

    What came due of those that were `promised` by an earlier approval becomes a held run. A time that started on
    an approval has had its run: another approval starts nothing more of it.
    """
    for schedule in campaign.schedules:
        if not schedule.on_approval:
            if schedule in promised:
                hold_missed(session, schedule, start, now=now, policy=policy)
            aim(schedule, start.tally.zones, after=now)
        elif schedule.next_occurrence is not None:
            write_firing(schedule, next_firings(queries.timing_of(schedule), (), after=now, count=1)[0])
