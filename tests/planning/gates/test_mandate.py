"""What lies outside the working area, and whose rules an audience meets, is named where that tells of nobody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.planning.country_rules import CountryWarning
from campaigns.planning.estimates.audience_counts import Tally, TallyRow
from campaigns.planning.gates.mandate import Outside, find_outside
from campaigns.planning.gates.safety import country_gate, mandate_gate
from campaigns.planning.models import Campaign
from tests.factories import a_region, an_organisation


@pytest.mark.parametrize(
    ("people", "rule", "outside"),
    [
        (1, {}, Outside((), has_few=True)),
        (SMALLEST_SHOWN, {}, Outside(("PL-18",))),
        # Its author has written so.
        (1, {"region_codes": ("PL-18",)}, Outside(("PL-18",))),
    ],
)
def test_region_of_few_people_is_not_named(
    session: Session, people: int, rule: dict[str, Any], outside: Outside
) -> None:
    region = a_region(session)
    ours = an_organisation(session)
    ours.mandate = ["RO"]
    tally = Tally((TallyRow(None, "en", region.id, "Europe/Warsaw", "PL", 1, people),))
    assert find_outside(session, ours, AudienceRule(**rule), tally) == outside
    gate = mandate_gate(Campaign(audience_id=1), outside)
    assert (gate.passed, "PL-18" in str(gate.sentence)) == (False, bool(outside.named))


def test_country_of_few_numbers_is_not_named_unless_its_rule_is_broken() -> None:
    """Else whoever narrows an audience reads where the number of a single person is from."""
    known = CountryWarning("AE", "requires", "sender_registration", False, "", "", "single")
    told = CountryWarning("PL", "requires", "sender_registration", False, "", "", "single")
    campaign = Campaign(id=1)

    def words(*warnings: CountryWarning, told: Collection[str] = ("PL",)) -> str:
        return str(country_gate(campaign, warnings, (), told=told).sentence.values)

    assert ("AE" in words(told, known), "PL" in words(told, known)) == (False, True)
    assert "AE" not in words(known, told=())
    assert "AE" in words(told, replace(known, broken=True))
