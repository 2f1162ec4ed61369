"""A newcomer adds a sender before the key of its provider is entered, wide and narrow, and without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, a_browser, skip_without_browser
from tests.places.browsing import a_visit, served
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def tabs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visit, Page]]:
    """A tab of the newcomer, and another of theirs without script."""
    skip_without_browser()
    language, width = request.param
    # Nobody owns the only key that there is.
    with pages_on_file(tmp_path_factory.mktemp("senders"), owners_twilio="") as pages:
        member = pages.member(Role.ADMIN, locale=language)
        with (
            served(pages.app) as address,
            a_browser() as browser,
            a_visit(browser, address, pages, member, width=width, language=language) as visit,
            a_visit(browser, address, pages, member, width=width, language=language, script=False) as bare,
        ):
            yield visit, bare.page


@pytest.mark.long
def test_sender_is_added_before_its_key(tabs: tuple[Visit, Page]) -> None:
    visit, bare = tabs
    visit.go("/campaigns/senders/new")
    visit.look("sender-without-key")
    bare.goto("/campaigns/senders/new")
    bare.locator("#name").fill("Line")
    bare.locator("#identity").fill("NGOINFO")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("code", has_text="FINGERPOST_SECRET_TWILIO_OURS=account:token").wait_for()
    visit.page.goto(bare.url)
    visit.look("sender-to-be-connected")
