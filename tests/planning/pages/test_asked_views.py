"""What waits for a count returns at once, and every member sees how far it is and how it ended."""

from __future__ import annotations

import pytest

from campaigns.audience.figures import init_counts
from campaigns.audience.kept.renewing import Renewal
from campaigns.audience.models import Audience
from campaigns.core.keys.crypto import Vault
from campaigns.planning.acts import asked_acts
from campaigns.planning.acts.acting import Acting
from campaigns.planning.models import Campaign
from campaigns.planning.service import submit_campaign
from campaigns.upkeep import COUNTS
from campaigns.web.current import settings
from tests.factories import safeguarded
from tests.moments import standing_at
from tests.planning.story import START, Story, a_story
from tests.web.pages import Pages


@pytest.fixture
def story(pages: Pages, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A campaign of many people, as beside a worker."""
    init_counts(pages.app)
    monkeypatch.setattr(asked_acts, "FEW", 0)
    with pages.sessions.begin() as session, standing_at(START):
        story = a_story(session, vault, organisation=pages.ours)
        story.scheduled()
        safeguarded(session, story.campaign, story.reader)
    return story


def work(pages: Pages) -> None:
    """Do what a worker does beside these pages."""
    Renewal(pages.sessions, COUNTS, lambda _: True).renew()
    with pages.app.app_context():
        Acting(pages.sessions, settings(), lambda _: True).act()


def test_act_returns_at_once_and_both_members_see_it(pages: Pages, story: Story) -> None:
    with standing_at(START):
        author, approver = pages.client(story.author), pages.client(story.approver)
        address = f"/campaigns/{story.campaign.id}"
        author.get(address)
        work(pages)
        assert "Submit for approval" in author.get(address).text
        author.post(f"{address}/submit")
        for member in (author, approver):
            page = member.get(address).text
            assert "Its people are counted first" in page
            assert "Waiting to be counted." in page
            assert 'id="submit"' not in page
        assert "Waiting to be counted." in approver.get(f"{address}/asked").text
        work(pages)
        assert approver.get(f"{address}/asked").headers["HX-Refresh"] == "true"
        page = approver.get(address).text
        assert "Waits for approval" in page
        assert "asked for it" not in page


@pytest.mark.parametrize(
    ("ticked", "told"), [({"as_urgent": "1"}, "Approve as urgent:"), ({}, "Approve, not as urgent:")]
)
def test_notice_says_whether_it_is_approved_as_urgent(
    pages: Pages, story: Story, ticked: dict[str, str], told: str
) -> None:
    with standing_at(START), pages.sessions.begin() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        campaign.urgent_reason = "The border closes."
        digest = submit_campaign(session, campaign, by=story.author.id).content.digest
    with standing_at(START):
        approver, address = pages.client(story.approver), f"/campaigns/{story.campaign.id}"
        approver.post(f"{address}/approve", data={"digest": digest} | ticked)
        assert told in approver.get(address).text


def test_page_says_why_it_was_not_done_until_it_is_changed(pages: Pages, story: Story) -> None:
    with standing_at(START):
        author = pages.client(story.author)
        address = f"/campaigns/{story.campaign.id}"
        author.get(address)
        author.post(f"{address}/submit")
        with pages.sessions.begin() as session:
            session.get_one(Audience, story.campaign.audience_id).rule = {"languages": ["uk"]}
        work(pages)
        assert "It was changed while its people were counted." in author.get(address).text
        with pages.sessions.begin() as session:
            campaign = session.get_one(Campaign, story.campaign.id)
            campaign.updated_at = START.replace(year=START.year + 1)
        assert "It was changed while its people were counted." not in author.get(address).text
