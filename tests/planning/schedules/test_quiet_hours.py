"""Quiet hours hold in local time, with a stated default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.country_rules import all_country_rules
from campaigns.planning.models import EXPIRES_AFTER_MINUTES
from campaigns.planning.schedules.quiet_hours import (
    QuietHours,
    first_allowed,
    next_allowed,
    next_quiet,
    quiet_between,
    quiet_hours_of,
)

RULES = {country: quiet_hours_of(rule) for country, rule in all_country_rules().items()}


ZONES = ["Europe/Warsaw", "America/New_York", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return at(text).replace(tzinfo=UTC)


def nights(since: str, until: str, zone: str, country: str, **known: bool) -> list[str]:
    """Return the quiet hours between two instants (UTC) as text."""
    found = quiet_between(utc(since), utc(until), zone, country, **known)
    return [f"{begins:%d %H:%M} {ends:%d %H:%M}" for begins, ends in found]


@pytest.mark.parametrize(
    ("country", "local", "allowed"),
    [
        ("PL", "2026-03-02T12:00", "2026-03-02T12:00"),
        ("PL", "2026-03-02T20:00", "2026-03-03T09:00"),
        ("PL", "2026-03-02T08:59", "2026-03-02T09:00"),
        ("RO", "2026-03-02T21:59", "2026-03-02T21:59"),
        ("RO", "2026-03-02T22:00", "2026-03-03T08:00"),
        ("CZ", "2026-03-06T18:00", "2026-03-09T08:00"),
        ("JO", "2026-03-02T21:30", "2026-03-03T09:00"),
    ],
)
def test_quiet_hours_move_to_the_next_free_moment(country: str, local: str, allowed: str) -> None:
    assert next_allowed(at(local), [RULES[country]]) == at(allowed)


def test_all_destinations_must_be_awake() -> None:
    assert next_allowed(at("2026-03-02T07:00"), [RULES["RO"], RULES["PL"]]) == at("2026-03-02T09:00")


def test_unknown_country_keeps_the_default_hours() -> None:
    assert next_allowed(at("2026-03-02T23:00"), [quiet_hours_of(None)]) == at("2026-03-03T09:00")


@given(st.datetimes(at("2026-01-01"), at("2027-12-31")), st.lists(st.sampled_from(sorted(RULES)), max_size=4))
def test_allowed_moment_is_never_quiet_nor_earlier(local: datetime, countries: list[str]) -> None:
    rules = [RULES[country] for country in countries]
    moment = next_allowed(local, rules)
    assert local <= moment <= local + timedelta(days=4)
    assert not any(rule.covers(moment) for rule in rules)


def test_rules_without_a_free_moment_give_up() -> None:
    day, night = QuietHours(at("2026-01-01T06:00").time(), at("2026-01-01T18:00").time(), False), None
    night = QuietHours(day.end, day.start, False)
    assert next_allowed(at("2026-03-02T12:00"), [day, night]) == at("2026-03-02T12:00")


@pytest.mark.parametrize(
    ("zone", "country", "known", "quiet"),
    [
        ("Europe/Warsaw", "", True, "2026-03-02T19:00"),
        ("Europe/Warsaw", "RO", True, "2026-03-02T21:00"),
        ("Europe/Warsaw", "KE", True, "2026-03-02T17:00"),
        ("Europe/Warsaw", "RO", False, "2026-03-02T16:00"),
        ("Asia/Kathmandu", "AE", True, "2026-03-02T14:15"),
        ("America/New_York", "", True, "2026-03-03T01:00"),
    ],
)
def test_it_gets_quiet_by_the_stricter_rule(zone: str, country: str, known: bool, quiet: str) -> None:
    assert next_quiet(utc("2026-03-02T12:00"), zone, country, is_zone_known=known) == utc(quiet)


def test_quiet_hours_of_a_stretch_span_midnight() -> None:
    found = nights("2026-03-02T12:00", "2026-03-04T12:00", "Europe/Warsaw", "PL")
    assert found == ["02 19:00 03 08:00", "03 19:00 04 08:00"]
    assert nights("2026-03-02T12:00", "2026-03-02T19:00", "Europe/Warsaw", "PL") == []


def test_stretch_that_begins_at_night_counts_from_there() -> None:
    assert nights("2026-03-02T23:00", "2026-03-03T12:00", "Europe/Warsaw", "PL") == ["02 23:00 03 08:00"]


def test_quiet_days_are_one_stretch() -> None:
    found = nights("2026-03-06T12:00", "2026-03-10T06:00", "Europe/Prague", "CZ")
    assert found == ["06 17:00 09 07:00", "09 17:00 10 07:00"]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        ("2026-03-28T12:00", "2026-03-29T12:00", ["28 19:00 29 07:00"]),
        ("2026-10-24T12:00", "2026-10-25T12:00", ["24 18:00 25 08:00"]),
    ],
)
def test_quiet_hours_follow_the_change_of_clocks(since: str, until: str, found: list[str]) -> None:
    assert nights(since, until, "Europe/Warsaw", "PL") == found


@given(
    st.datetimes(at("2026-01-01"), at("2027-12-31"), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.sampled_from(["", *sorted(RULES)]),
    st.booleans(),
    st.integers(0, 7 * 24 * 60),
)
def test_it_is_quiet_exactly_in_quiet_hours(
    since: datetime, zone: str, country: str, known: bool, minutes: int
) -> None:
    found = quiet_between(since, since + timedelta(days=7), zone, country, is_zone_known=known)
    moment = since + timedelta(minutes=minutes)
    is_quiet = any(begins <= moment < ends for begins, ends in found)
    assert (first_allowed(moment, zone, country, is_zone_known=known) > moment) is is_quiet


@pytest.mark.parametrize("country", sorted({"", *RULES}))
def test_message_outlives_the_night_that_holds_it_back(country: str) -> None:
    """By default who is held back on a Tuesday evening is still written to in the morning."""
    hours = RULES.get(country, quiet_hours_of(None))
    evening = datetime.combine(at("2026-03-03"), hours.start)
    assert next_allowed(evening, [hours]) < evening + timedelta(minutes=EXPIRES_AFTER_MINUTES)
