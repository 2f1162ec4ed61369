"""From an alert to help in a browser: answer, offer to a partner, accept, take along encrypted, confirm by code.

Then many are closed, and what people write about is published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pyrage
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation, ConversationState, Outcome
from campaigns.inbox.duty.models import Cause
from campaigns.inbox.duty.unreachable import note_unreachable
from campaigns.inbox.escalation import on_call
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.staff.models import Member, Role
from tests.browser.chromium import Visit, a_browser, skip_without_browser
from tests.factories import a_region, a_sender
from tests.inbox.builders import OURS
from tests.inbox.conversations.test_pages import hear
from tests.places.browsing import a_visit, served
from tests.reach.themes.noted import note
from tests.web.pages import Pages, pages_on_file

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: The first day of a month whose figures are settled.
SETTLED = (clock.now().date().replace(day=1) - timedelta(days=40)).replace(day=1)
SEND = "form.form button.is-primary[type=submit]:not([formaction])"
DANGER = "Він зачинив двері і б'є мене, допоможіть зараз"


@dataclass
class Story:
    """Two organisations, one of them on call for the other, and a browser."""

    pages: Pages
    browser: Browser
    address: str
    look: tuple[str, int]
    ours: Member
    partner: Member
    urgent: int
    others: tuple[int, int]


@pytest.fixture(params=[("uk", 1280), ("ar", 360)], ids=str)
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Story]:
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        facts = {"locale": request.param[0], "languages": ["uk", "en"]}
        ours = pages.member(Role.RESPONDER, Role.ADMIN, Role.STEWARD, **facts)
        partner = pages.member(Role.RESPONDER, Role.ADMIN, organisation=pages.theirs, **facts)
        with pages.sessions.begin() as session:
            a_sender(session, organisation_id=pages.ours.id, identity=OURS)
            on_call.ask(session, pages.ours.id, pages.theirs.id, by=ours.id)
            on_call.agree(session, pages.theirs.id, pages.ours.id, by=partner.id)
            note_unreachable(session, session.get_one(Member, ours.id), Cause.BOUNCED)
            month = SETTLED.replace(day=9)
            note(session, session.merge(pages.ours), Theme.SHELTER, a_region(session), 60, on=month)
        others = [hear(pages, vault, text, who=f"+38067999000{n}") for n, text in enumerate("ab")]
        urgent = hear(pages, vault, DANGER)
        with pages.sessions.begin() as session:
            waited = clock.now() - timedelta(minutes=40)
            theirs = update(Conversation).where(Conversation.id == urgent)
            session.execute(theirs.values(waiting_since=waited, urgent_since=waited))
        with served(pages.app) as address, a_browser() as browser:
            yield Story(pages, browser, address, request.param, ours, partner, urgent, (others[0], others[1]))


def visit(story: Story, member: Member) -> AbstractContextManager[Visit]:
    language, width = story.look
    return a_visit(story.browser, story.address, story.pages, member, width=width, language=language)


def test_from_an_alert_to_help(story: Story) -> None:
    here = f"/inbox/{story.urgent}"
    with visit(story, story.partner) as partner, visit(story, story.ours) as ours:
        partner.go("/")
        # The partner on call is told how many wait where, and nothing of them.
        expect(partner.page.locator(".alert-strip")).to_contain_text("Ours")
        partner.look("called")
        for path in ("/settings/duty", "/settings/escalation"):
            ours.go(path)
            ours.look(path.rpartition("/")[2])
        ours.go("/")
        ours.page.locator(".alert-strip a").click()
        ours.look("alert")
        answer(ours, here)
        ours.go("/")
        expect(ours.page.locator(".alert-strip")).to_have_count(0)
        code, case = offer(story, ours, here)
        accept_and_confirm(partner, case, code)
        ours.go(here)
        ours.page.select_option("[name=outcome]", "handed_over")
        ours.page.locator("form[action$='/close'] button").click()
        assert_closed(story, [story.urgent], Outcome.HANDED_OVER)
        close_many(ours, story)
        assert_closed(story, story.others, Outcome.NOT_FOR_US)
        publish_themes(ours, partner)


def answer(tab: Visit, here: str) -> None:
    tab.go(here)
    tab.page.fill("[name=words]", "Ми поруч. Чи можна передати це притулку?")
    tab.page.locator(SEND).click()
    tab.page.wait_for_load_state()
    tab.look("answered")


def offer(story: Story, tab: Visit, here: str) -> tuple[str, str]:
    tab.go(f"{here}/hand-over")
    tab.page.select_option("[name=receiver]", str(story.pages.theirs.id))
    tab.page.fill("[name=consent]", "Так, передайте.")
    tab.page.fill("[name=summary]", "Двоє шукають місце на ніч.")
    tab.look("offer")
    tab.page.locator("main form.form button[type=submit]").first.click()
    tab.page.wait_for_load_state()
    tab.look("offered")
    with story.pages.sessions() as session:
        handed = session.scalars(select(HandOver)).one()
        expect(tab.page.locator("main")).to_contain_text(handed.code)
        return handed.code, f"/inbox/handed-over/{handed.id}"


def accept_and_confirm(tab: Visit, case: str, code: str) -> None:
    tab.go(case)
    shown = tab.page.locator("main").inner_text()
    assert "Двоє шукають" in shown
    assert code not in shown
    assert "Він зачинив" not in shown
    tab.look("received")
    tab.page.locator("form[action$='/accept'] button").click()
    tab.page.wait_for_load_state()
    take_along(tab, case)
    tab.go("/inbox/handed-over")
    tab.page.fill("[name=code]", code)
    tab.page.locator("[name=what][value=helped]").check()
    tab.page.locator("form[action$='/confirm'] button").click()
    tab.page.wait_for_load_state()
    tab.look("confirmed")


def close_many(tab: Visit, story: Story) -> None:
    tab.go("/inbox?languages=all")
    for which in story.others:
        tab.page.locator(f"[name=conversation][value='{which}']").check()
    tab.look("ticked")
    tab.page.locator("form[action$='/close'] button[type=submit]").click()
    tab.page.wait_for_load_state()
    assert re.search(r"/inbox(\?|$)", tab.page.url)


def assert_closed(story: Story, which: Collection[int], outcome: Outcome) -> None:
    with story.pages.sessions() as session:
        rows = session.scalars(select(Conversation).where(Conversation.id.in_(which))).all()
        assert {(row.state, row.outcome) for row in rows} == {(ConversationState.CLOSED, outcome)}


def take_along(tab: Visit, case: str) -> None:
    """Confirm a key of the receiver's own, and keep the case as a file that only this key opens."""
    key = pyrage.x25519.Identity.generate()
    tab.go("/settings/export-key")
    tab.page.fill("[name=recipient]", str(key.to_public()))
    tab.page.locator("main form.form button[type=submit]").first.click()
    armoured = tab.page.locator("main pre").inner_text()
    tab.look("export-key")
    tab.page.fill("[name=word]", pyrage.decrypt(armoured.encode(), [key]).decode())
    tab.page.locator("form[action$='/confirm'] button").click()
    tab.page.wait_for_load_state()
    tab.go(case)
    tab.look("taking-along")
    with tab.page.expect_download() as file:
        tab.page.locator("form[action$='/export/json'] button").click()
    told = json.loads(pyrage.decrypt(file.value.path().read_bytes(), [key]))
    assert told["summary"] == "Двоє шукають місце на ніч."


def publish_themes(ours: Visit, partner: Visit) -> None:
    """Publish what people wrote about in a month that is over; the partner reads that, and no live figure."""
    ours.go("/reach/themes?" + urlencode({"since": SETTLED, "until": SETTLED.replace(day=28)}))
    expect(ours.page.locator("main table").first).to_contain_text("60")
    ours.look("themes")
    asked = {"view": "themes", "scope": "organisation", "period": f"{SETTLED:%Y-%m}"}
    ours.go("/reach/publications/preview?" + urlencode(asked))
    ours.page.locator("form[action$='/make'] button[type=submit]").click()
    ours.page.wait_for_url(re.compile(r"/reach/publications/\d+"))
    ours.look("themes-published")
    partner.go(ours.path)
    expect(partner.page.locator("main table tbody tr")).not_to_have_count(0)
    partner.go("/reach/themes")
    expect(partner.page.locator("main table")).to_have_count(0)
