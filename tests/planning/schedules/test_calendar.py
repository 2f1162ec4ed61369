"""The calendar: each occurrence on its day by the clock of the zone looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import ScheduleError
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import RunState, ZonePolicy
from campaigns.planning.pages.calendar_views import make_sheet
from campaigns.planning.schedules import calendar
from campaigns.planning.schedules.calendar import Entry, load_agenda
from campaigns.planning.schedules.recurrence import Timing
from tests.factories import a_run
from tests.planning.story import START, Story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

LATE = Timing(datetime(2026, 3, 4, 23, 30), "FREQ=WEEKLY;COUNT=3", ZonePolicy.FIXED, "Europe/Warsaw")


def march(story: Story, zone: str = "Europe/Warsaw", now: datetime = START) -> dict[date, list[Entry]]:
    first = date(2026, 3, 1)
    return load_agenda(story.session, story.organisation.id, first=first, days=31, zone=zone, now=now)


def test_weekly_campaign_stands_on_its_days(story: Story) -> None:
    story.scheduled(LATE)
    assert {day.day: entry.times for day, [entry] in march(story).items()} == {
        4: (time(23, 30),),
        11: (time(23, 30),),
        18: (time(23, 30),),
    }


def test_fixed_time_falls_on_another_day_elsewhere(story: Story) -> None:
    story.scheduled(LATE)
    found = march(story, "Asia/Kathmandu")
    assert {day.day: entry.times[0] for day, [entry] in found.items()} == {
        5: time(4, 15),
        12: time(4, 15),
        19: time(4, 15),
    }


def test_local_time_is_the_same_everywhere(story: Story) -> None:
    story.scheduled(replace(LATE, zone_policy=ZonePolicy.RECIPIENT))
    assert march(story, "Asia/Kathmandu") == march(story, "Pacific/Apia")
    [entry] = march(story)[date(2026, 3, 4)]
    assert entry.is_local


def test_times_of_one_day_stand_together(story: Story) -> None:
    story.scheduled(
        replace(LATE, starts_at=datetime(2026, 3, 4, 8, 0), recurrence="FREQ=DAILY;BYHOUR=8,18;COUNT=2")
    )
    [[entry]] = march(story).values()
    assert entry.times == (time(8), time(18))


@pytest.mark.both_databases
def test_run_takes_the_place_of_its_firing(story: Story) -> None:
    schedule = story.scheduled(LATE)
    run = a_run(story.session, story.campaign, schedule=schedule, state=RunState.DONE)
    run.frozen = {"zone_policy": "fixed", "time_zone": "Europe/Warsaw"}
    schedule.next_occurrence = LATE.starts_at + timedelta(days=7)
    story.session.flush()
    found = march(story, now=datetime(2026, 3, 5, tzinfo=UTC))
    assert [entry.run_id for [entry] in found.values()] == [run.id, None, None]
    assert found[date(2026, 3, 4)][0].run_state == RunState.DONE


@pytest.mark.both_databases
def test_of_many_runs_none_is_left_out(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "MOST_ROWS", 1)
    schedule = story.scheduled(LATE)
    weeks = [LATE.starts_at + timedelta(days=7 * week) for week in range(3)]
    of_schedule = {"schedule": schedule, "state": RunState.DONE}
    runs = [a_run(story.session, story.campaign, occurrence=wall, **of_schedule) for wall in weeks]
    schedule.next_occurrence = None
    story.session.flush()
    assert [entry.run_id for [entry] in march(story).values()] == [run.id for run in runs]


def test_other_organisations_see_nothing(story: Story, session: Session, vault: Vault) -> None:
    story.scheduled(LATE)
    found = load_agenda(session, story.organisation.id + 1, first=date(2026, 3, 1), days=31, zone="UTC", now=START)
    assert found == {}


def test_unknown_zone_is_refused(story: Story) -> None:
    with pytest.raises(ScheduleError):
        march(story, "Europe/Atlantis") if story.scheduled(LATE) else None


@pytest.mark.parametrize(("first_weekday", "weeks", "start"), [(0, 6, 23), (5, 5, 28), (6, 5, 1)])
def test_month_is_whole_weeks(first_weekday: int, weeks: int, start: int) -> None:
    sheet = make_sheet(date(2026, 3, 17), is_week=False, first_weekday=first_weekday)
    assert (len(sheet.weeks), sheet.weeks[0][0].day) == (weeks, start)
    assert {day for week in sheet.weeks for day in week} >= {date(2026, 3, day) for day in range(1, 32)}


def test_week_is_one_row(story: Story) -> None:
    sheet = make_sheet(date(2026, 3, 17), is_week=True, first_weekday=0)
    assert (sheet.weeks[0][0], len(sheet.weeks), sheet.holds(date(2026, 4, 1))) == (date(2026, 3, 16), 1, True)
