"""What a member states about a service is refused when it cannot be true."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.core.errors import InputError
from campaigns.directory.checks import FACTS, check_facts
from campaigns.directory.models import Service

LINE: dict[str, Any] = {
    "name": "Line",
    "kind": "trafficking",
    "country": "PL",
    "region_codes": ["PL-18"],
    "number_national": "800 100 100",
    "number_from_abroad": None,
    "works_from_foreign_sim": "unknown",
    "hours": {"mon": [["08:00", "16:00"]]},
    "time_zone": "Europe/Warsaw",
    "operator_type": "ngo",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "Name is missing"),
        ({"name": "x" * 201}, "longer than 200"),
        ({"name": "a\x00"}, "cannot be sent"),
        ({"country": "Poland"}, "longer than 2"),
        ({"country": "pl"}, "two-letter country code"),
        ({"kind": "psychic"}, "not one of"),
        ({"operator_type": "army"}, "not one of"),
        ({"region_codes": ["DE-BE"]}, "not a region of PL"),
        ({"time_zone": "Mars/Base"}, "not a time zone"),
        ({"number_national": "call me"}, "cannot be dialled"),
        ({"number_from_abroad": "+48 (22) 1"}, "cannot be dialled"),
        ({"number_national": " "}, "at least one number"),
        ({"hours": {"mon": [["8", "9"]]}}, "hours of mon"),
        ({"verified_on": "2026-03-01"}, "has no verified_on"),
    ],
)
def test_impossible_fact_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_facts(LINE | changes)


def test_facts_come_back_clean() -> None:
    facts = check_facts(LINE | {"name": "  La\u0301  Strada ", "number_from_abroad": " ", "cost": " "})
    assert (facts["name"], facts["number_from_abroad"], facts["cost"]) == ("Lá Strada", None, "")


def test_every_fact_is_a_column() -> None:
    assert set(FACTS) <= set(Service.__table__.columns.keys())
