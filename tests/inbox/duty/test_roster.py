"""A roster tells who is on duty, who is told next, where it has gaps, and when the clocks change within a duty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.inbox.duty.duty_hours import DutyHours, Weekly
from campaigns.inbox.duty.roster import Roster, RosterEntry
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.urgency.levels import Urgency

EVERY_DAY, WORKDAYS = frozenset(range(7)), frozenset(range(5))
READERS = {1: ["uk"], 2: ["en"], 3: ["ar"], 4: [], 5: []}
#: A Monday.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def entry(number: int, days: frozenset[int], begin: int, end: int, **changes: Any) -> RosterEntry:
    return RosterEntry(number, f"Duty {number}", Weekly(days, begin * 60, end * 60), **changes)


def a_roster(*entries: RosterEntry, zone: str = "UTC") -> Roster:
    return Roster(entries, zone, DutyHours.daily(8, 20, zone), READERS)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


DAY = entry(1, WORKDAYS, 8, 16, answering=(1, 2), lead=4, reserve=(5,))
NIGHT = entry(2, EVERY_DAY, 16, 8, answering=(3,), lead=5)


@pytest.mark.parametrize(
    ("hours", "language", "told"),
    [(9, "uk", {1}), (9, "en", {2}), (9, "so", {1, 2}), (9, None, {1, 2}), (20, "uk", {3}), (28, "uk", {3})],
)
def test_whoever_is_on_duty_and_reads_it_is_told_first(hours: float, language: str | None, told: set[int]) -> None:
    assert set(a_roster(DAY, NIGHT).told(Step.ALERT, Urgency.DANGER, language, at=at(hours))) == told


def test_lead_and_reserve_come_later_and_then_everybody() -> None:
    roster = a_roster(DAY, NIGHT)
    assert set(roster.told(Step.LEAD, Urgency.DANGER, "uk", at=at(9))) == {4, 5}
    assert set(roster.told(Step.RESPONDERS, Urgency.DANGER, "uk", at=at(9))) == set(READERS)
    assert set(roster.told(Step.RED, Urgency.DANGER, "uk", at=at(9))) == set()


def test_in_a_gap_danger_wakes_the_lead_and_the_rest_waits_for_those_who_come_next() -> None:
    roster = a_roster(DAY)
    saturday = at(5 * 24 + 3)
    assert set(roster.told(Step.ALERT, Urgency.DANGER, "uk", at=saturday)) == {4, 5}
    assert set(roster.told(Step.ALERT, Urgency.DAY, "uk", at=saturday)) == {1, 2}


def test_nobody_is_never_told() -> None:
    lonely = entry(3, WORKDAYS, 8, 16)
    for roster in (a_roster(), a_roster(lonely)):
        for step in (Step.ALERT, Step.LEAD):
            assert set(roster.told(step, Urgency.DANGER, "uk", at=at(9))) == set(READERS)


def test_hours_are_those_of_the_language_or_of_all() -> None:
    arabic = entry(4, frozenset({0}), 9, 11, answering=(3,), languages=frozenset({"ar"}))
    roster = a_roster(entry(5, WORKDAYS, 8, 16, answering=(1,), languages=frozenset({"uk"})), arabic)
    assert roster.hours("ar").between(at(0), at(24)) == timedelta(hours=2)
    assert roster.hours("uk").between(at(0), at(24)) == timedelta(hours=8)
    # Nobody answers in Somali: somebody has to find a way, in the hours of all.
    assert roster.hours("so").between(at(0), at(24)) == timedelta(hours=8)
    groups = {(group.languages, group.is_others) for group in roster.groups()}
    assert groups == {(frozenset({"ar"}), False), (frozenset({"uk"}), False), (frozenset({"ar", "uk"}), True)}


def test_gaps_are_told_and_a_duty_that_nobody_keeps_is_one() -> None:
    empty_night = entry(2, EVERY_DAY, 16, 8)
    roster = a_roster(DAY, empty_night)
    assert roster.gaps(at(0), at(24)) == [(at(0), at(8)), (at(16), at(24))]
    assert a_roster(DAY, NIGHT).gaps(at(8), at(24)) == []
    # On Saturday the day is nobody's.
    assert a_roster(DAY, NIGHT).gaps(at(120), at(144)) == [(at(128), at(136))]


def test_change_of_the_clocks_makes_a_night_shorter_or_longer_and_leaves_no_gap() -> None:
    zone = "Europe/Kyiv"
    day = entry(1, EVERY_DAY, 8, 20, answering=(1,))
    night = entry(2, EVERY_DAY, 20, 8, answering=(3,))
    roster = a_roster(day, night, zone=zone)
    spring, autumn = datetime(2026, 3, 25, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)
    for since, hours in ((spring, 11.0), (autumn, 13.0)):
        changed = roster.clock_changes(since)
        assert [(each.entry.id, each.hours, each.usual_hours) for each in changed] == [(2, hours, 12.0)]
        assert roster.gaps(since, since + timedelta(days=14)) == []
    assert roster.clock_changes(datetime(2026, 6, 1, tzinfo=UTC)) == []


def test_hour_that_comes_twice_is_nobodys_gap() -> None:
    # In the night of 25 October 2026 the clocks of Warsaw show 2:30 twice.
    first = entry(1, EVERY_DAY, 14, 2, answering=(1,))
    second = entry(2, EVERY_DAY, 2, 14, answering=(2,))
    roster = a_roster(first, second, zone="Europe/Warsaw")
    night = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert roster.gaps(night, night + timedelta(days=2)) == []
    for minutes in range(0, 24 * 60, 30):
        assert roster.on_duty(night + timedelta(minutes=minutes))


def test_hour_that_never_comes_is_nobodys_gap() -> None:
    early = Weekly(EVERY_DAY, 12 * 60, 2 * 60 + 30)
    late = Weekly(EVERY_DAY, 2 * 60 + 30, 12 * 60)
    roster = a_roster(
        RosterEntry(1, "Early", early, answering=(1,)),
        RosterEntry(2, "Late", late, answering=(2,)),
        zone="Europe/Warsaw",
    )
    night = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert roster.gaps(night, night + timedelta(days=2)) == []
