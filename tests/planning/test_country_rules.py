"""Country rules: quiet hours in local time with a stated default, and warnings that name their source."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.country_rules import (
    QuietHours,
    all_country_rules,
    next_allowed,
    quiet_hours_of,
    warnings_for,
)

RULES = {country: quiet_hours_of(rule) for country, rule in all_country_rules().items()}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


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


def test_broken_rule_is_marked_with_its_source() -> None:
    found = warnings_for(["PL"], identity="NGOINFO", texts={"en": "See bit.ly/abc"}, link=None)
    broken = [warning for warning in found if warning.broken]
    assert [warning.rule for warning in broken] == ["shortener"]
    assert broken[0].source


def test_sender_that_needs_registration_is_warned_of() -> None:
    found = warnings_for(["UA"], identity="NGOINFO", texts={}, link=None)
    assert ("sender", "name_reg") in {(warning.kind, warning.rule) for warning in found}


def test_country_without_a_row_is_unknown() -> None:
    (warning,) = warnings_for(["NZ"], identity="+4812", texts={}, link=None)
    assert (warning.country, warning.rule) == ("NZ", "unknown")
