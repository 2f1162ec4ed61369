"""An author marks a campaign urgent, its approver ticks that too, and whoever answers is told on every page."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import Campaign, Priority, Run, RunState, Schedule
from campaigns.planning.queries import load_content
from campaigns.planning.service import fire_due
from campaigns.staff.models import Role
from tests.factories import a_run
from tests.planning.story import DUE, Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")

WHY = "The hotline of Przemyśl was closed."
UNDER_WAY = "An urgent campaign is under way."


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        story.campaign.urgent_reason = WHY
        story.scheduled()
        story.submitted()
        return story


def test_author_marks_it_on_the_form(pages: Pages, story: Story) -> None:
    author, at = pages.client(story.author), f"/campaigns/{story.campaign.id}"
    form = {
        "name": "Documents",
        "message_id": story.campaign.message_id,
        "audience_id": story.campaign.audience_id,
        "senders-0": story.campaign.sender_id,
        "fallback_policy": "do_not_send",
        "max_parts": 3,
        "save": "1",
    }
    assert author.post(f"{at}/edit", data=form | {"urgent_reason": "  A raid. "}).status_code == 302
    assert "A raid." in author.get(at).text
    with pages.sessions() as session:
        assert session.get_one(Campaign, story.campaign.id).urgent_reason == "A raid."
    author.post(f"{at}/edit", data=form | {"urgent_reason": ""})
    with pages.sessions() as session:
        assert session.get_one(Campaign, story.campaign.id).urgent_reason is None


def approve(pages: Pages, story: Story, **ticked: str) -> int:
    """Approve it as its approver does, and return the run that it becomes."""
    with pages.sessions() as session:
        digest = load_content(session, session.get_one(Campaign, story.campaign.id)).digest
    approver = pages.client(story.approver)
    approver.post(f"/campaigns/{story.campaign.id}/approve", data={"digest": digest} | ticked)
    with pages.sessions.begin() as session:
        (run,) = fire_due(session, now=DUE)
        run.state = RunState.RUNNING
        return run.id


def test_approver_reads_why_and_what_it_passes(pages: Pages, story: Story) -> None:
    page = pages.client(story.approver).get(f"/campaigns/{story.campaign.id}").text
    assert WHY in page
    assert "It never goes without consent" in page
    assert 'name="as_urgent"' in page


def test_whoever_answers_is_told_of_it(pages: Pages, story: Story) -> None:
    responder = pages.client(pages.member(Role.RESPONDER))
    stranger = pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs))
    run_id = approve(pages, story, as_urgent="1")
    with clock.running_on(lambda: DUE):
        told = responder.get("/inbox").text
        assert UNDER_WAY in told
        # Whoever looks over a shoulder reads nothing of what it is about.
        assert story.campaign.name not in told
        assert UNDER_WAY not in stranger.get("/").text
        page = responder.get(f"/delivery/runs/{run_id}").text
    assert "This run is urgent." in page
    assert WHY in page
    assert f"{story.approver.name} approved it as urgent" in page
    history = pages.client(story.author).get(f"/campaigns/{story.campaign.id}?tab=history").text
    assert 'badge is-warning">Urgent<' in history


def test_several_runs_are_one_line_with_their_count(pages: Pages, story: Story) -> None:
    run_id = approve(pages, story, as_urgent="1")
    with pages.sessions.begin() as session:
        run = session.get_one(Run, run_id)
        for _ in range(3):
            a_run(session, run.campaign, started_at=DUE, priority=Priority.URGENT)
    with clock.running_on(lambda: DUE):
        told = pages.client(pages.member(Role.RESPONDER)).get("/inbox/alerts").text
    assert UNDER_WAY not in told
    assert told.count("4 urgent runs are under way.") == 1
    assert told.count("Many may answer soon.") == 1


@pytest.mark.parametrize(("ticked", "waits"), [({"as_urgent": "1"}, False), ({}, True)])
def test_waves_and_people_are_those_of_the_approval(
    pages: Pages, story: Story, ticked: dict[str, str], waits: bool
) -> None:
    """Sent at eleven at night, to numbers of a country without quiet hours of its own."""
    with pages.sessions.begin() as session:
        schedule = session.scalars(select(Schedule)).one()
        schedule.starts_at = schedule.next_occurrence = datetime(2026, 3, 2, 23)
        campaign = session.get_one(Campaign, story.campaign.id)
        digest = load_content(session, campaign).digest
    approver, at = pages.client(story.approver), f"/campaigns/{story.campaign.id}"
    approver.post(f"{at}/approve", data={"digest": digest} | ticked)
    assert ("not at the hour that is meant" in approver.get(at).text) is waits
    assert ("It may be fewer when it starts" in approver.get(f"{at}?tab=people").text) is waits


def test_without_the_tick_it_goes_as_any_other(pages: Pages, story: Story) -> None:
    run_id = approve(pages, story)
    with clock.running_on(lambda: DUE):
        page = pages.client(pages.member(Role.RESPONDER)).get(f"/delivery/runs/{run_id}").text
    assert "This run is urgent." not in page
