"""A member enters a phone, types its code and sends a test, in a real browser, with script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.own_phone.models import TestText
from campaigns.staff.models import Role
from tests.browser.chromium import a_browser, skip_without_browser
from tests.factories import a_message, a_sender
from tests.own_phone.test_pages import NUMBER, PAGE, code_in
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages

# A browser begins for it, and pages are served: seconds.
pytestmark = [pytest.mark.browser, pytest.mark.long]


def last_code(pages: Pages, vault: Vault) -> str:
    with pages.sessions() as session:
        found = select(RunText).join(TestText, TestText.run_id == RunText.run_id).where(TestText.is_code)
        text = session.scalars(found.order_by(RunText.id.desc())).first()
        assert text is not None
        return code_in(open_body(text.body, text.sealed_body, text.id, vault) or "")


@pytest.mark.parametrize(
    ("language", "width", "has_script"), [("ar", 360, True), ("en", 1280, True), ("en", 360, False)]
)
def test_phone_is_proved_and_gets_a_test(
    pages: Pages, vault: Vault, language: str, width: int, has_script: bool
) -> None:
    skip_without_browser()
    member = pages.member(Role.AUTHOR, Role.ADMIN, locale=language)
    with pages.sessions.begin() as session:
        sender = a_sender(session, organisation_id=pages.ours.id)
        message = a_message(session, pages.ours)
    with (
        served(pages.app) as address,
        a_browser() as browser,
        a_visit(browser, address, pages, member, width=width, language=language) as visit,
    ):
        page, name = visit.page, "scripted" if has_script else "plain"
        if not has_script:
            page.route("**/*.js*", lambda route: route.abort())
        visit.go(PAGE)
        if has_script:
            visit.look(f"phone-none-{name}")
        page.fill("input[name=number]", NUMBER)
        page.click("details[open] button[type=submit]")
        if has_script:
            visit.look(f"phone-code-{name}")
        page.fill("input[name=code]", last_code(pages, vault))
        page.click("form[action$='/code'] button[type=submit]")
        visit.go(f"/messages/{message.id}/uk")
        if has_script:
            visit.look(f"composer-{name}")
        page.click("form[action*='/tests/messages/'] button")
        assert visit.path == PAGE
        expect(page.locator("#last-tests li")).to_have_count(1)
        if has_script:
            visit.look(f"phone-tests-{name}")
            visit.go(f"/campaigns/senders/{sender.id}")
            visit.look(f"sender-{name}")
