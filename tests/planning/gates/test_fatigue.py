"""Who had enough messages lately is left out, but an urgent campaign reaches them and costs more."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.planning import service
from campaigns.planning.campaign_overview import Overview, load_overview
from campaigns.planning.estimates.cost import Capped
from campaigns.planning.estimates.kept_people import UNREADABLE, KeptPeople
from campaigns.planning.gates.assessment import assess
from campaigns.planning.policy import USUAL
from tests.planning.story import START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

EVERYBODY = 60


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    return a_story(session, vault, people=EVERYBODY)


def overview(story: Story, *, capped: int) -> Overview:
    """Return what its page shows when so many of its people had enough messages lately."""
    tally = assess(story.session, story.campaign, now=START).tally
    enough = (Capped("uk", story.campaign.sender_id, "UA", capped),)
    people = KeptPeople(tally, enough, UNREADABLE)
    return load_overview(story.session, story.campaign, now=START, policy=USUAL, people=people)


def approved(story: Story, *, as_urgent: bool) -> None:
    story.campaign.urgent_reason = "The border closes."
    story.scheduled()
    digest, by = story.submitted(), story.approver.id
    service.approve_campaign(story.session, story.campaign, by=by, digest=digest, as_urgent=as_urgent)


@pytest.mark.parametrize(("why", "blocks"), [(None, True), ("The border closes.", False)])
def test_urgent_one_is_submitted_also_when_everybody_had_enough(
    story: Story, why: str | None, blocks: bool
) -> None:
    story.campaign.urgent_reason = why
    view = overview(story, capped=EVERYBODY)
    assert ("fatigue" in {gate.name for gate in view.assessed.red}) is blocks
    (gate,) = (gate for gate in view.assessed.gates if gate.name == "fatigue")
    assert ("60 people have reached the message limit per person: they get it" in str(gate.sentence)) is not blocks


def test_approver_reads_what_an_urgent_one_costs_at_most(story: Story) -> None:
    left_out = overview(story, capped=40).matrix.estimate.usd
    story.campaign.urgent_reason = "The border closes."
    assert overview(story, capped=40).matrix.estimate.usd == 3 * left_out


@pytest.mark.parametrize(("as_urgent", "blocks"), [(True, False), (False, True)])
def test_approval_says_whether_the_limit_holds(story: Story, as_urgent: bool, blocks: bool) -> None:
    approved(story, as_urgent=as_urgent)
    view = overview(story, capped=EVERYBODY)
    assert ("fatigue" in {gate.name for gate in view.assessed.red}) is blocks
    assert (view.matrix.estimate.usd == 0) is blocks
