"""A campaign that starts when it is approved, as urgent, in a real browser; without script too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due, remove_schedule
from tests.browser.chromium import LOOKS, Visit, a_browser, skip_without_browser
from tests.places.browsing import a_visit, served
from tests.planning.story import Story, a_story
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_on_file(tmp_path_factory.mktemp("on-approval")) as pages:
        yield pages


@pytest.fixture(scope="module")
def console(pages: Pages) -> Iterator[tuple[Browser, str]]:
    skip_without_browser()
    with served(pages.app) as address, a_browser() as browser:
        yield browser, address


@pytest.fixture(scope="module")
def campaign(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        return a_story(session, vault, organisation=pages.ours, people=50)


@pytest.fixture
def story(pages: Pages, campaign: Story) -> Story:
    """The campaign as a draft without times, whatever the test before did."""
    with pages.sessions.begin() as session:
        here = campaign.in_session(session)
        for schedule in list(here.campaign.schedules):
            remove_schedule(session, schedule, by=campaign.author.id)
        here.campaign.urgent_reason = "The hotline of Przemyśl was closed."
    return campaign


def choose(visit: Visit, story: Story) -> None:
    visit.go(f"/campaigns/{story.campaign.id}/times/new")
    visit.page.locator("[name=begins][value=approved]").check()
    assert not visit.page.locator("#starts_at").is_visible()


@pytest.mark.long  # Six pages, each looked at whole; what they say has quick tests beside it.
@pytest.mark.parametrize("look", LOOKS)
def test_author_chooses_it_and_approver_starts_it(
    console: tuple[Browser, str], pages: Pages, story: Story, look: tuple[str, int]
) -> None:
    language, width = look
    at = f"/campaigns/{story.campaign.id}"
    with a_visit(*console, pages, story.author, width=width, language=language) as visit:
        choose(visit, story)
        visit.page.locator("#coming p:not(.is-timed)").wait_for()
        visit.look("on-approval-form")
        visit.page.locator("[name=save]").click()
        visit.look("on-approval-draft")
        visit.go(f"{at}/edit")
        visit.look("on-approval-edit")
        visit.go("/campaigns")
        visit.look("on-approval-list")
        visit.go("/campaigns/calendar?view=week")
        visit.look("on-approval-calendar")
    with pages.sessions.begin() as session:
        story.in_session(session).submitted()
    with a_visit(*console, pages, story.approver, width=width, language=language) as visit:
        visit.go(at)
        visit.look("on-approval-decide")
        visit.page.locator("[name=as_urgent]").check()
        visit.page.locator("#approve").click()
        visit.look("on-approval-approved")
        with pages.sessions.begin() as session:
            (run,) = fire_due(session, now=clock.now())
            run_id = run.id
        fan_out(pages.sessions, run_id, policy=USUAL)
        visit.go(f"/delivery/runs/{run_id}")
        visit.look("on-approval-run")
        visit.go("/")
        visit.look("on-approval-now")


def test_it_is_chosen_without_script(console: tuple[Browser, str], pages: Pages, story: Story) -> None:
    with a_visit(*console, pages, story.author, width=360, script=False) as visit:
        choose(visit, story)
        visit.page.locator("#starts_at").evaluate("each => { each.value = ''; }")
        visit.page.locator("[name=save]").click()
        expect(visit.page.locator(".strip")).to_contain_text("As soon as it is approved")
