"""The pages say that a campaign starts as soon as it is approved, for whom, and until when night holds it up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.places.models import Region
from campaigns.planning.models import Campaign, Run
from campaigns.planning.policy import USUAL
from campaigns.planning.queries import load_content
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import approve_campaign, fire_due
from tests.factories import a_contact, an_address
from tests.planning.story import START, Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")

#: Eleven at night in Warsaw, whose quiet hours end at nine.
NIGHT, MORNING = datetime(2026, 3, 2, 22, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)
SAYS = "As soon as it is approved"


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        return a_story(session, vault, organisation=pages.ours, people=50)


@pytest.fixture
def submitted(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        story.scheduled(Timing.at_approval("Europe/Warsaw", now=START))
        story.submitted()
        return story


def test_author_chooses_it_without_a_date(pages: Pages, story: Story) -> None:
    author, at = pages.client(story.author), f"/campaigns/{story.campaign.id}"
    form = {"begins": "approved", "starts_at": "", "zone_policy": "recipient", "time_zone": "Europe/Warsaw"}
    form |= {"repeats": "once", "grace_minutes": "60", "expires_after_minutes": "720", "save": "1"}
    assert author.post(f"{at}/times/new", data=form).status_code == 302
    for page in (at, "/campaigns", "/campaigns/calendar"):
        assert SAYS in author.get(page).text, page
    assert "at that moment" in author.post(f"{at}/times/new", data=form | {"preview": "1", "save": ""}).text


def decision(approver: FlaskClient, story: Story) -> str:
    return approver.get(f"/campaigns/{story.campaign.id}").text


def test_approver_reads_for_how_many_it_starts(pages: Pages, submitted: Story) -> None:
    page = decision(pages.client(submitted.approver), submitted)
    assert "It starts as soon as it is approved, for 50 people." in page
    assert "its first message leaves at once" in page
    assert "I have read it: approve and start" in page


def test_approver_reads_what_urgent_would_change(pages: Pages, submitted: Story) -> None:
    """The country of these numbers has no quiet hours of its own."""
    with pages.sessions.begin() as session:
        session.get_one(Campaign, submitted.campaign.id).urgent_reason = "The border closes."
    with clock.running_on(lambda: NIGHT):
        page = decision(pages.client(submitted.approver), submitted)
    assert f'Approved as urgent, it leaves on <time datetime="{NIGHT.isoformat()}"' in page


def test_single_person_is_not_told_of_by_when_it_leaves(pages: Pages, submitted: Story, vault: Vault) -> None:
    """It is evening in New York, where one is, while all others have night."""
    with pages.sessions.begin() as session:
        region_id = session.scalars(select(Region.id)).one()
        contact = a_contact(session, pages.ours, region_id=region_id, time_zone="America/New_York")
        an_address(session, contact, vault, number="+380670000001")
    with clock.running_on(lambda: NIGHT):
        page = decision(pages.client(submitted.approver), submitted)
    assert "its first message leaves at once" not in page
    assert f'it leaves on <time datetime="{MORNING.isoformat()}"' in page


def test_of_small_groups_alone_nothing_is_told(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        zones = ("Europe/Warsaw", "America/New_York", "Asia/Dubai")
        story = a_story(session, vault, organisation=pages.ours, people=30, zones=zones)
        story.scheduled(Timing.at_approval("Europe/Warsaw", now=START))
        story.submitted()
    with clock.running_on(lambda: NIGHT):
        page = decision(pages.client(story.approver), story)
    assert "Whoever has quiet hours then gets it when they end." in page


def test_page_says_when_it_started(pages: Pages, submitted: Story) -> None:
    with pages.sessions.begin() as session:
        campaign = session.get_one(Campaign, submitted.campaign.id)
        digest = load_content(session, campaign).digest
        approve_campaign(session, campaign, by=submitted.approver.id, digest=digest)
        fire_due(session, now=START)
    page = decision(pages.client(submitted.approver), submitted)
    assert "As soon as it was approved:" in page
    assert SAYS not in page
    assert "Next times" not in page


def test_what_is_approved_at_night_waits_and_says_until_when(pages: Pages, submitted: Story) -> None:
    approver, at = pages.client(submitted.approver), f"/campaigns/{submitted.campaign.id}"
    with pages.sessions() as session:
        digest = load_content(session, session.get_one(Campaign, submitted.campaign.id)).digest
    with clock.running_on(lambda: NIGHT):
        page = decision(approver, submitted)
        assert "Quiet hours hold it up now" in page
        assert f'datetime="{MORNING.isoformat()}"' in page
        assert "Approved as urgent" not in page
        said = approver.post(f"{at}/approve", data={"digest": digest}, follow_redirects=True).text
        assert "Approved. It starts within seconds." in said
        with pages.sessions.begin() as session:
            (run,) = fire_due(session, now=NIGHT)
            run_id = run.id
        fan_out(pages.sessions, run_id, policy=USUAL)
        with pages.sessions() as session:
            assert set(session.scalars(select(Delivery.due_at).where(Delivery.run_id == run_id))) == {MORNING}
            assert session.get_one(Run, run_id).planned == 50
        page = approver.get(f"/delivery/runs/{run_id}").text
    assert "Nobody is written to in quiet hours" in page
    assert f'datetime="{MORNING.isoformat()}"' in page
