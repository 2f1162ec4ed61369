"""A newcomer adds a sender before the key of its provider is entered, wide and narrow, and without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, skip_without_browser
from tests.places.browsing import a_served_visit
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def visit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    skip_without_browser()
    language, width = request.param
    # Nobody owns the only key that there is.
    with pages_on_file(tmp_path_factory.mktemp("senders"), owners_twilio="") as pages:
        member = pages.member(Role.ADMIN, locale=language)
        with a_served_visit(pages, member, language=language, width=width) as visit:
            yield visit


@pytest.mark.long
def test_sender_is_added_before_its_key(visit: Visit) -> None:
    visit.go("/campaigns/senders/new")
    visit.look("sender-without-key")
    browser = visit.page.context.browser
    assert browser is not None
    without = browser.new_context(java_script_enabled=False, base_url=visit.address)
    without.add_cookies(
        [
            {"name": each["name"], "value": each["value"], "url": visit.address}
            for each in visit.page.context.cookies()
        ]
    )
    bare = without.new_page()
    bare.goto("/campaigns/senders/new")
    bare.locator("#name").fill("Line")
    bare.locator("#identity").fill("NGOINFO")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("code", has_text="FINGERPOST_SECRET_TWILIO_OURS=account:token").wait_for()
    visit.page.goto(bare.url)
    visit.look("sender-to-be-connected")
    without.close()
