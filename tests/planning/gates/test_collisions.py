"""Campaigns of all organisations that meet: told as a fact, without a word of what others say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.directory.models import Service
from campaigns.places.models import PlaceCell, Region
from campaigns.planning.gates.assessment import assess
from campaigns.planning.gates.collisions import Collision, find_collisions
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff.models import Organisation
from tests.factories import (
    a_campaign,
    a_member,
    a_message,
    a_place,
    a_schedule,
    a_service,
    add,
    an_audience,
    an_organisation,
)
from tests.planning.story import DUE, EVENING, START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

CELL = 608_000_000_000_000_000


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """A campaign for this evening, for one place."""
    story = a_story(session, vault)
    story.campaign.audience.rule = rule_of(session, story.organisation)
    story.scheduled()
    return story


def rule_of(session: Session, organisation: Any, cell: int = CELL) -> dict[str, Any]:
    """The rule of people in one place of the organisation, which covers this cell."""
    place = a_place(session, organisation)
    add(session, PlaceCell(cell=cell, place_id=place.id))
    return {"place_ids": [place.id]}


def another(story: Story, *, days: float = 1, own: bool = False, **changes: Any) -> Campaign:
    """An approved campaign so many days later, of another organisation unless it is their own."""
    session = story.session
    organisation = story.organisation if own else an_organisation(session)
    rule = changes.pop("rule", None) or rule_of(session, organisation, changes.pop("cell", CELL))
    texts = changes.pop("texts", {"en": "Help: ((hotline))", "uk": "Допомога: ((hotline))"})
    message = a_message(session, organisation, texts, theme=changes.pop("theme", "docs_keep"))
    values: dict[str, Any] = {
        "message": message,
        "audience": an_audience(session, organisation, rule=rule),
        "state": CampaignState.APPROVED,
    }
    campaign = a_campaign(session, organisation, a_member(session, organisation), **values | changes)
    starts_at = EVENING.starts_at + timedelta(days=days)
    a_schedule(
        session, campaign, starts_at=starts_at, next_occurrence=starts_at, next_fire_at=DUE + timedelta(days=days)
    )
    return campaign


def collisions(story: Story) -> list[Collision]:
    found = assess(story.session, story.campaign, now=START)
    return find_collisions(story.session, story.campaign, found, now=START)


def test_same_place_theme_and_days_are_told(story: Story) -> None:
    another(story)
    assert collisions(story) == [Collision(None)]


@pytest.mark.both_databases
def test_own_campaign_is_named(story: Story) -> None:
    other = another(story, own=True)
    assert collisions(story) == [Collision(other)]


@pytest.mark.parametrize(
    "change",
    [
        {"days": 3.1},
        {"cell": CELL + 1},
        {"theme": "code_word"},
        {"state": CampaignState.DRAFT},
        {"rule": {"countries": ["KE"]}, "theme": "code_word"},
    ],
)
def test_what_does_not_meet_is_not_told(story: Story, change: dict[str, Any]) -> None:
    another(story, **change)
    assert collisions(story) == []


@pytest.mark.both_databases
def test_countries_decide_where_no_place_is_named(story: Story) -> None:
    story.campaign.audience.rule = {"region_codes": ["PL-18"]}
    another(story, rule={"countries": ["PL"]})
    assert collisions(story) == [Collision(None)]
    story.campaign.audience.rule = {"countries": ["RO"]}
    assert collisions(story) == []


@pytest.mark.both_databases
def test_several_of_others_are_one_fact(story: Story) -> None:
    another(story)
    another(story, days=2)
    assert collisions(story) == [Collision(None)]


def test_another_number_for_the_same_region_is_told(session: Session, vault: Vault) -> None:
    """Another organisation points the same readers to another line; the theme does not matter."""
    story = a_story(session, vault)
    story.campaign.audience.rule = {}
    story.scheduled()
    other = another(story, rule={"countries": ["PL"]}, theme="code_word")
    elsewhere = a_line(session, other, number="+48 800 120 002")
    region = session.scalars(select(Region)).one()
    assert collisions(story) == [Collision(None, (region,))]
    elsewhere.number_national = elsewhere.number_from_abroad = "0048 22 628 01 20"
    session.flush()
    assert collisions(story) == []


def a_line(session: Session, campaign: Campaign, *, number: str) -> Service:
    """A verified service of the campaign's organisation."""
    organisation = session.get_one(Organisation, campaign.organisation_id)
    return a_service(session, organisation, number_national=number, number_from_abroad=number)
