"""Whoever forgot a password asks, opens the link and chooses another one, in a real browser without script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from campaigns.core.settings import Settings
from campaigns.members.forgotten.reset_mails import send_reset_mails
from campaigns.staff.models import Role
from campaigns.web.current import settings
from tests.browser.chromium import a_browser, a_guest, skip_without_browser
from tests.members.forgotten.test_forgotten import CHOSEN, SMTP, Box
from tests.places.browsing import served
from tests.web.pages import Pages, pages_on_file

# A browser begins for it, and pages are served: seconds.
pytestmark = [pytest.mark.browser, pytest.mark.long]


def settings_of(pages: Pages) -> Settings:
    with pages.app.app_context():
        return settings()


@pytest.mark.parametrize(("language", "width"), [("ar", 360), ("en", 1280)])
def test_forgotten_password_is_replaced(tmp_path: Path, language: str, width: int) -> None:
    skip_without_browser()
    with pages_on_file(tmp_path, smtp_url=SMTP) as pages:
        known = settings_of(pages)
        member, box = pages.member(Role.APPROVER), Box()
        pages.member(Role.ADMIN)
        with (
            served(pages.app) as address,
            a_browser() as browser,
            a_guest(browser, address, width=width, language=language) as visit,
        ):
            page = visit.page
            page.route(re.compile(r"\.js"), lambda route: route.abort())
            visit.go("/sign-in")
            visit.look("sign-in")
            page.click("a[href='/forgotten']")
            visit.look("forgotten")
            page.fill("input[name=email]", member.email)
            page.click("main button[type=submit]")
            visit.look("asked")
            send_reset_mails(pages.sessions, known, box)
            visit.go(box.path())
            visit.look("choose")
            page.fill("input[name=password]", CHOSEN["password"])
            page.click("main button[type=submit]")
            visit.look("waits")
            expect(page.locator("h1")).to_have_count(1)
