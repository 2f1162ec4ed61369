"""A campaign's page in a real browser: what is next is in sight at once, and its parts work without script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import ZonePolicy
from campaigns.planning.schedules.recurrence import Timing
from tests.browser.chromium import LOOKS, a_browser, skip_without_browser
from tests.places.browsing import a_visit, served
from tests.planning.story import Story, a_story
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_on_file(tmp_path_factory.mktemp("campaign")) as pages:
        yield pages


@pytest.fixture(scope="module")
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        tomorrow = (clock.now() + timedelta(days=1)).replace(
            tzinfo=None, hour=12, minute=0, second=0, microsecond=0
        )
        story.scheduled(Timing(tomorrow, None, ZonePolicy.FIXED, "Europe/Warsaw"))
        story.submitted()
        return story


@pytest.fixture(scope="module")
def console(pages: Pages, story: Story) -> Iterator[tuple[Browser, str]]:
    skip_without_browser()
    with served(pages.app) as address, a_browser() as browser:
        yield browser, address


@pytest.mark.long  # Six pages, each looked at whole; what they say has quick tests beside it.
@pytest.mark.parametrize("look", LOOKS)
def test_approver_finds_the_act_and_the_parts(
    console: tuple[Browser, str], pages: Pages, story: Story, look: tuple[str, int]
) -> None:
    language, width = look
    with a_visit(*console, pages, story.approver, width=width, language=language) as visit:
        visit.page.route("**/*.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
        visit.go(f"/campaigns/{story.campaign.id}?tab=overview")
        visit.look("campaign-overview")
        top = visit.page.locator(".strip .button.is-primary").bounding_box()
        assert top is not None
        assert top["y"] < 800
        for part in ("texts", "people", "cost", "history"):
            visit.page.locator(f".tabs a[href$='tab={part}']").click()
            visit.look(f"campaign-{part}")
        visit.page.locator(".strip .button.is-primary").click()
        visit.look("campaign-decide")
        expect(visit.page.locator("#approve")).to_have_count(1)
