"""A campaign whose times have passed and whose runs are done reads *Sent*, and nothing about it is red."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs.firing import fire_due
from campaigns.planning.runs.rehearsal import rehearse
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.standing import Standing, standings_of
from campaigns.reach.counting.unique_people import Measure, Part
from campaigns.reach.models import PeopleCount, PeopleReach, Scope
from tests.factories import add
from tests.planning.story import DUE, EVENING, Story, a_story
from tests.web.pages import Pages

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


def standing_of(story: Story) -> Standing:
    return standings_of(story.session, [story.campaign])[story.campaign.id]


def fired(story: Story, timing: Timing = EVENING) -> Run:
    """Approve it, let its time come and return the run of it."""
    story.approved(timing)
    with clock.running_on(lambda: DUE):
        (run,) = fire_due(story.session, now=DUE)
    story.session.flush()
    return run


def end(story: Story, run: Run, state: RunState = RunState.DONE) -> None:
    run.state, run.finished_at = state, DUE + timedelta(minutes=5)
    story.session.flush()


def test_it_is_sent_when_its_run_is_done(story: Story) -> None:
    assert standing_of(story) is Standing.DRAFT
    run = fired(story)
    assert standing_of(story) is Standing.APPROVED
    end(story, run)
    assert standing_of(story) is Standing.SENT


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.DONE])
def test_it_is_not_while_its_only_run_is(story: Story, state: RunState) -> None:
    end(story, fired(story), state)
    assert standing_of(story) is Standing.APPROVED


def test_it_is_not_while_a_time_is_to_come(story: Story) -> None:
    end(story, fired(story, Timing(EVENING.starts_at, "FREQ=DAILY;COUNT=2", EVENING.zone_policy, "Europe/Warsaw")))
    assert standing_of(story) is Standing.APPROVED


def test_a_rehearsal_sends_nothing(story: Story) -> None:
    run = fired(story)
    rehearsed = rehearse(story.session, story.campaign, by=story.author.id, now=DUE)
    end(story, run, RunState.STOPPED)
    end(story, rehearsed)
    assert standing_of(story) is Standing.APPROVED
    end(story, run)
    rehearsed.state = RunState.RUNNING
    story.session.flush()
    assert standing_of(story) is Standing.SENT


def test_time_that_has_passed_is_red_only_before_it_is_sent(story: Story) -> None:
    run, after = fired(story), DUE + timedelta(hours=1)

    def gate() -> tuple[bool, str]:
        found = assess(story.session, story.campaign, now=after).gates
        return next((each.passed, str(each.sentence)) for each in found if each.name == "schedule")

    assert gate() == (False, "Its time has passed: choose a later one.")
    end(story, run)
    assert gate() == (True, "All its times have passed, and it was sent.")
    with clock.running_on(lambda: after):
        story.scheduled(Timing(EVENING.starts_at + timedelta(days=1), None, EVENING.zone_policy, "Europe/Warsaw"))
    assert standing_of(story) is Standing.DRAFT


@pytest.fixture
def sent(pages: Pages, vault: Vault) -> tuple[Story, Run]:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        run = fired(story)
        end(story, run)
        of_it = {"scope": Scope.CAMPAIGN, "scope_id": story.campaign.id, "period": ""}
        add(session, PeopleCount(**of_it, counted_at=DUE))
        for key, people in (("1", 140), ("2", 63)):
            found = of_it | {"key": key}
            add(session, PeopleReach(**found, measure=Measure.ACCEPTED, part=Part.REGION, people=people))
            add(session, PeopleReach(**found, measure=Measure.PLANNED, part=Part.REGION, people=people * 2))
            add(session, PeopleReach(**found, measure=Measure.ACCEPTED, part=Part.CHANNEL, people=people))
    return story, run


def test_page_says_what_came_of_it_and_what_is_next(pages: Pages, sent: tuple[Story, Run]) -> None:
    story, run = sent
    with clock.running_on(lambda: DUE + timedelta(hours=1)):
        page = pages.client(story.author).get(f"/campaigns/{story.campaign.id}").get_data(as_text=True)
    card = re.search(r'<section class="card is-action".*?</section>', page, re.DOTALL)
    assert card is not None
    assert re.search(r"<h2[^>]*>Sent</h2>", card[0])
    assert "The providers accepted it for 200 people." in card[0]
    assert f'href="/delivery/runs/{run.id}"' in card[0]
    assert f'href="/reach/campaigns/{story.campaign.id}"' in card[0]
    assert f'href="/campaigns/{story.campaign.id}/times/new"' in card[0]
    assert f'action="/campaigns/{story.campaign.id}/duplicate"' in card[0]
    assert "is-bad" not in card[0]
    assert "It is sent by itself" not in card[0]


def test_list_says_it_too(pages: Pages, sent: tuple[Story, Run]) -> None:
    with clock.running_on(lambda: DUE + timedelta(hours=1)):
        page = pages.client(sent[0].author).get("/campaigns").get_data(as_text=True)
    assert re.search(r'badge is-good">\s*(<[^>]*>)*\s*Sent', page), page
    assert "All times have passed" not in page


@pytest.mark.parametrize(
    ("is_counted", "sentence"),
    [
        (False, "How many people it reached is being counted."),
        (True, "The providers accepted it for fewer than 20 people."),
    ],
)
def test_uncounted_people_are_not_said_to_be_none(
    pages: Pages, vault: Vault, is_counted: bool, sentence: str
) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        end(story, fired(story))
        if is_counted:
            count = PeopleCount(scope=Scope.CAMPAIGN, scope_id=story.campaign.id, period="", counted_at=DUE)
            add(session, count)
    with clock.running_on(lambda: DUE + timedelta(hours=1)):
        page = pages.client(story.author).get(f"/campaigns/{story.campaign.id}").get_data(as_text=True)
    assert sentence in page
