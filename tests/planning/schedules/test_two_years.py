"""Two simulated years in twelve zones, with the real clock, firing and fan-out: each local occurrence once.

Two years hold four changes of the clocks where there are any: 30 minutes on Lord Howe, two hours in Troll, at
midnight in Cairo and Beirut, before and after Ramadan in Casablanca. Whether a run came at its hour is judged
by the local time that its instant shows, not by the code that chose the instant.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Run, RunState, Schedule, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.runs.ticker import Clockwork
from campaigns.planning.schedules.recurrence import ClockChange, Timing, clock_change
from campaigns.planning.service import approve_campaign
from tests.moments import standing_at
from tests.planning.story import START, Story, a_story
from tests.web.pages import page_settings

# What is proved here is arithmetic of hours; firing and fan-out meet both databases in their own tests.
pytestmark = pytest.mark.one_database

ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Nuuk",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Kyiv",
    "Pacific/Apia",
    "Pacific/Chatham",
)
#: One hour for each zone at which its clocks are put forward or back, or 02:15.
HOURS = {
    "Africa/Cairo": "00:30",
    "America/Nuuk": "23:30",
    "America/Santiago": "00:00",
    "Asia/Beirut": "00:00",
    "Australia/Lord_Howe": "02:15",
    "Europe/Kyiv": "03:30",
    "Pacific/Chatham": "03:00",
}
FIRST = datetime(2026, 3, 8)
LAST = datetime(2028, 3, 5)


def approved(story: Story, timings: list[Timing]) -> None:
    """Give the story's campaign these times and have it approved, as of the beginning."""
    with clock.running_on(lambda: START):
        for timing in timings:
            story.scheduled(timing)
        approve_campaign(story.session, story.campaign, by=story.approver.id, digest=story.submitted())


def settings_of(engine: Engine) -> Settings:
    """Services and the approval are good for two years: nobody looks at them meanwhile."""
    lasting = {"service_max_age_days": "9999", "approval_valid_days": "9999"}
    return page_settings(engine, cap_messages="0", quiet_hours="false", **lasting)


def run_the_clock(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Tick twice at every instant at which a schedule fires."""
    clockwork = Clockwork(sessions, settings)
    while True:
        with sessions() as session:
            coming = session.scalar(select(func.min(Schedule.next_fire_at)))
        if coming is None:
            return
        with standing_at(coming):
            clockwork.tick()
            clockwork.tick()


def starts_in(zone: str) -> datetime:
    return datetime.combine(FIRST, datetime.strptime(HOURS.get(zone, "02:15"), "%H:%M").time())


def changes_in(zone: str) -> list[datetime]:
    """Local days of the two years on which the clocks are changed there, by looking at every midnight."""
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days)]
    offsets = [day.replace(tzinfo=ZoneInfo(zone)).utcoffset() for day in (*days, LAST)]
    return [day for day, one, other in zip(days, offsets, offsets[1:], strict=False) if one != other]


def around_changes(zone: str) -> str:
    """A rule that fires on the days of the month of each change, in both years."""
    days = changes_in(zone) or [FIRST]
    months = ",".join(map(str, sorted({day.month for day in days})))
    numbers = ",".join(map(str, sorted({day.day for day in days})))
    return f"FREQ=YEARLY;BYMONTH={months};BYMONTHDAY={numbers}"


def local_days(zone: str, rule: str) -> list[datetime]:
    """Every occurrence there is, by looking at each day."""
    parts = dict(part.split("=") for part in rule.split(";"))
    months, numbers = (parts.get(name, "").split(",") for name in ("BYMONTH", "BYMONTHDAY"))
    every = parts["FREQ"] == "DAILY"
    days = [starts_in(zone) + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    return [day for day in days if every or (str(day.month) in months and str(day.day) in numbers)]


def is_the_hour(moment: datetime, occurrence: datetime, zone: str) -> bool:
    """Say whether the clock of `zone` first shows the occurrence at `moment`, or has just jumped over it."""
    local = moment.astimezone(ZoneInfo(zone))
    if local.replace(tzinfo=None, fold=0) == occurrence:
        return local.fold == 0
    before = (moment - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    return before.replace(tzinfo=None) < occurrence < local.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("zones", "is_daily"),
    [
        (("America/Santiago", "Europe/Kyiv", "Pacific/Chatham"), False),
        pytest.param(ZONES, False, marks=pytest.mark.long),
        pytest.param(ZONES, True, marks=pytest.mark.slow),
    ],
    ids=["some", "all", "daily"],
)
def test_each_local_occurrence_fires_once(
    sessions: sessionmaker[Session], engine: Engine, vault: Vault, zones: tuple[str, ...], is_daily: bool
) -> None:
    rules = {zone: "FREQ=DAILY" if is_daily else around_changes(zone) for zone in zones}
    timings = [
        Timing(starts_in(zone), f"{rule};UNTIL={LAST:%Y%m%d}", ZonePolicy.FIXED, zone)
        for zone, rule in rules.items()
    ]
    with sessions.begin() as session:
        approved(a_story(session, vault), timings)
    run_the_clock(sessions, settings_of(engine))
    with sessions() as session:
        found = session.execute(
            select(Schedule.time_zone, Run.occurrence, Run.created_at, Run.state).join(Run)
        ).all()
    assert {state for *_, state in found} == {RunState.PLANNING}
    for zone, rule in rules.items():
        fired = Counter(occurrence for where, occurrence, *_ in found if where == zone)
        assert fired == Counter(local_days(zone, rule)), zone
    assert [row for row in found if not is_the_hour(row.created_at, row.occurrence, row.time_zone)] == []


def test_changes_of_the_clocks_are_met() -> None:
    """The rules above do hit gaps and folds: else the test before would show little."""
    met = [clock_change(day, zone) for zone in ZONES for day in local_days(zone, around_changes(zone))]
    assert Counter(met)[ClockChange.GAP] >= 8
    assert Counter(met)[ClockChange.FOLD] >= 8


def test_each_person_is_due_at_their_own_hour_once(
    sessions: sessionmaker[Session], engine: Engine, vault: Vault
) -> None:
    """One schedule by each person's clock, people in all twelve zones: one delivery a person and occurrence."""
    rule = f"FREQ=MONTHLY;BYDAY=-1SU;UNTIL={LAST:%Y%m%d}"
    starts_at = datetime.combine(FIRST, time(3, 30))
    with sessions.begin() as session:
        story = a_story(session, vault, people=len(ZONES), zones=ZONES)
        approved(story, [Timing(starts_at, rule, ZonePolicy.RECIPIENT, "Europe/Warsaw")])
    run_the_clock(sessions, settings_of(engine))
    with sessions() as session:
        runs = dict(session.execute(select(Run.id, Run.occurrence)).all())
    for run_id in runs:
        fan_out(sessions, run_id, policy=Policy(9999))
    with sessions() as session:
        due = session.execute(
            select(Delivery.run_id, Contact.time_zone, Delivery.due_at).join(
                Contact, Contact.id == Delivery.contact_id
            )
        ).all()
    assert Counter((run_id, zone) for run_id, zone, _ in due) == Counter(
        (run_id, zone) for run_id in runs for zone in ZONES
    )
    assert [row for row in due if not is_the_hour(row.due_at, runs[row.run_id], row.time_zone)] == []
    assert len(runs) >= 23
