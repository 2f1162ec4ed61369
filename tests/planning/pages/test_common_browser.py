"""The correction of the organisation in a real browser: written without script, then followed by a campaign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.staff.models import Member, Role
from tests.browser.chromium import a_browser, skip_without_browser
from tests.factories import a_campaign
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Console:
    """A served instance, with an author who has a campaign in English and Ukrainian."""

    browser: Browser
    address: str
    pages: Pages
    author: Member
    campaign_id: int


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("common")) as pages:
        author = pages.member(Role.AUTHOR)
        with pages.sessions.begin() as session:
            campaign_id = a_campaign(session, session.merge(pages.ours), session.merge(author)).id
        with served(pages.app) as address, a_browser() as browser:
            yield Console(browser, address, pages, author, campaign_id)


def test_it_is_written_without_script_and_a_campaign_follows_it(console: Console) -> None:
    where = (console.browser, console.address, console.pages, console.author)
    with a_visit(*where, width=360, script=False) as visit:
        visit.go("/campaigns")
        visit.page.get_by_role("link", name="Correction for all").click()
        # The languages of the organisation's messages are ticked already.
        expect(visit.page.locator("[name=languages]:checked")).to_have_count(2)
        visit.page.get_by_role("button", name="Write it in these languages").click()
        expect(visit.page.get_by_text("It is written. Somebody else must review it")).to_be_in_viewport()
    with console.pages.sessions.begin() as session:
        of_common = select(Message.id).where(Message.title == "Correction for all campaigns")
        for text in session.scalars(select(Translation).where(Translation.message_id.in_(of_common))):
            text.state = TranslationState.REVIEWED
    with a_visit(*where, width=360, language="ar") as visit:
        for path in ("/campaigns/correction", f"/campaigns/{console.campaign_id}/correction"):
            visit.go(path)
            visit.look(path.replace("/", "-"))
        assert "اختير تلقائيًا" in visit.page.content()
