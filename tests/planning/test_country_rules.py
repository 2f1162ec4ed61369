"""Warnings of country rules name their source."""

from __future__ import annotations

from campaigns.planning.country_rules import warnings_for


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
