"""The calendar of one zone shows what an organisation sends on which day: runs, and firings to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import takewhile

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, load_only

from campaigns.core.wallclock import to_utc, wall_of
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Schedule, ZonePolicy
from campaigns.planning.schedules.recurrence import WIDEST_OFFSET, occurrences
from campaigns.staff.queries import owned

#: Schedules that one look takes in; a programme has dozens.
MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One campaign on one day: at these hours."""

    campaign_id: int
    name: str
    state: CampaignState
    #: Times of the day, naive, by the clock of the zone looked at.
    times: tuple[time, ...]
    #: By each person's own clock, so at the same hours in every zone.
    is_local: bool
    #: The run that was made of it; None for a firing to come.
    run_id: int | None
    run_state: RunState | None
    #: It has no time before it is approved.
    awaits_approval: bool = False


@dataclass(frozen=True, slots=True)
class _Moment:
    campaign: Campaign
    local: datetime
    is_local: bool
    run: Run | None
    awaits_approval: bool = False


def load_agenda(
    session: Session, organisation_id: int, *, first: date, days: int, zone: str, now: datetime
) -> dict[date, list[Entry]]:
    """Return what is sent on each of `days` days from `first` on, by the clock of `zone` (IANA); `now` is aware.

    Days without anything are not in it. Raises ScheduleError for an unknown zone.
    """
    begin = datetime.combine(first, time())
    end = begin + timedelta(days=days)
    moments = [
        *_past(session, organisation_id, begin=begin, end=end, zone=zone),
        *_coming(session, organisation_id, begin=begin, end=end, zone=zone, now=now),
    ]
    found: defaultdict[date, list[_Moment]] = defaultdict(list)
    for moment in moments:
        if begin <= moment.local < end:
            found[moment.local.date()].append(moment)
    return {day: _entries(found[day]) for day in sorted(found)}


def _past(
    session: Session, organisation_id: int, *, begin: datetime, end: datetime, zone: str
) -> Iterator[_Moment]:
    # An hourly campaign makes a thousand in six weeks: of what each has frozen only this is read.
    policy, zone_of_run = (Run.frozen[name].as_string() for name in ("zone_policy", "time_zone"))
    rows = session.execute(
        owned(select(Run, policy, zone_of_run), Run, organisation_id)
        .join(Run.campaign)
        .options(contains_eager(Run.campaign), load_only(Run.occurrence, Run.state))
        .where(Run.occurrence >= begin - WIDEST_OFFSET, Run.occurrence < end + WIDEST_OFFSET)
        .where(Run.is_rehearsal.is_(False), Run.schedule_id.is_not(None))
        .order_by(Run.id)
    )
    for run, zone_policy, time_zone in rows:
        fixed = None if zone_policy == ZonePolicy.RECIPIENT else time_zone
        yield _Moment(run.campaign, _seen_from(run.occurrence, fixed, zone), fixed is None, run)


def _coming(
    session: Session, organisation_id: int, *, begin: datetime, end: datetime, zone: str, now: datetime
) -> Iterator[_Moment]:
    """Yield the firings to come: of a schedule that has fired, those after its last occurrence."""
    schedules = session.scalars(
        owned(select(Schedule), Campaign, organisation_id)
        .join(Schedule.campaign)
        .options(contains_eager(Schedule.campaign))
        .where(Schedule.removed_at.is_(None), Campaign.state != CampaignState.ARCHIVED)
        .where(Schedule.next_occurrence.is_not(None))
        .order_by(Schedule.id)
        .limit(MOST_ROWS)
    )
    for schedule in schedules:
        if schedule.on_approval:
            # It would be now, or was a moment ago.
            yield _Moment(schedule.campaign, wall_of(now, zone), False, None, schedule.awaits_approval)
            continue
        fixed = None if schedule.zone_policy == ZonePolicy.RECIPIENT else schedule.time_zone
        since = max(begin - WIDEST_OFFSET, schedule.next_occurrence or begin) - timedelta(minutes=1)
        walls = occurrences(schedule.starts_at, schedule.recurrence, after=since)
        for wall in takewhile(lambda wall: wall < end + WIDEST_OFFSET, walls):
            if to_utc(wall, schedule.time_zone) > now - WIDEST_OFFSET:
                yield _Moment(schedule.campaign, _seen_from(wall, fixed, zone), fixed is None, None)


def _seen_from(wall: datetime, fixed: str | None, zone: str) -> datetime:
    """Return what the clock of `zone` shows at an occurrence; None: it is meant on that very clock."""
    return wall if fixed is None else wall_of(to_utc(wall, fixed), zone)


def _entries(moments: list[_Moment]) -> list[Entry]:
    """Put what belongs to one campaign together, earliest first; each run stands for itself."""
    groups: defaultdict[tuple[int, int, bool], list[_Moment]] = defaultdict(list)
    for moment in sorted(moments, key=lambda each: each.local):
        key = (moment.campaign.id, moment.run.id if moment.run else 0, moment.awaits_approval)
        groups[key].append(moment)
    return [
        Entry(
            campaign_id=group[0].campaign.id,
            name=group[0].campaign.name,
            state=group[0].campaign.state,
            times=tuple(each.local.time() for each in group),
            is_local=group[0].is_local,
            run_id=group[0].run.id if group[0].run else None,
            run_state=group[0].run.state if group[0].run else None,
            awaits_approval=group[0].awaits_approval,
        )
        for group in groups.values()
    ]
