"""What of an audience lies outside the working area is named only where that tells of nobody."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.planning.estimates.audience_counts import Tally, TallyRow
from campaigns.planning.gates.mandate import Outside, find_outside
from campaigns.planning.gates.safety import mandate_gate
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
