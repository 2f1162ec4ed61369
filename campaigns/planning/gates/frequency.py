"""Pages show, before a campaign is sent, how many of its people had enough messages lately.

Messages belong to a later step, which counts them: the application hands its function over when it is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, cast

from flask import current_app
from flask.sansio.app import App
from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns.core.errors import AudienceRuleError
from campaigns.planning.campaign_content import Cap
from campaigns.planning.estimates.audience_counts import load_resolution, select_people
from campaigns.planning.estimates.cost import Capped
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.gates.safety import fatigue_gate
from campaigns.planning.models import Campaign
from campaigns.planning.queries import default_zone_of

_KEY = "planning_count_capped"


class CountCapped(Protocol):
    """Counts those of `people`, as select_resolved has them, who had `cap.messages` or more lately."""

    def __call__(
        self, session: Session, people: Select[*tuple[Any, ...]], organisation_id: int, cap: Cap, *, now: datetime
    ) -> list[Capped]:
        """Return them by language, sender and country."""


def init_fatigue(app: App, *, count_capped: CountCapped) -> None:
    """Tell the pages how messages are counted."""
    app.extensions[_KEY] = count_capped


def find_capped(
    session: Session, campaign: Campaign, assessed: Assessment, cap: Cap, *, now: datetime
) -> list[Capped]:
    """Count the people of an assessed campaign who would be left out now; `now` is aware UTC."""
    if not cap.messages or not assessed.tally.people:
        return []
    content = assessed.content
    zone = default_zone_of(session, campaign)
    resolution = load_resolution(session, content, default_zone=zone, now=now)
    try:
        people = select_people(content, campaign.organisation_id, resolution=resolution)
    except AudienceRuleError:
        # The audience gate says so.
        return []
    count_capped = cast(CountCapped, current_app.extensions[_KEY])
    return count_capped(session, people, campaign.organisation_id, cap, now=now)


def with_fatigue(campaign: Campaign, assessed: Assessment, capped: Sequence[Capped]) -> Assessment:
    """Return an assessment that says how many people had enough messages, as authors may see it."""
    gate = fatigue_gate(campaign, sum(each.people for each in capped), assessed.tally.people)
    return replace(assessed, gates=[*assessed.gates, gate])
