"""Joining and leaving on a narrow phone without script, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import token_of
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from campaigns.web.people.public_words import public_words
from tests.browser.chromium import a_browser, skip_without_browser
from tests.factories import a_contact, a_sender, an_address
from tests.places.browsing import served
from tests.web.pages import Pages, pages_on_file
from tests.web.people.test_in_browser import FINGER

pytestmark = [pytest.mark.browser, pytest.mark.long]

LOOKS = [("uk", 360), ("ar", 320)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str, Pages]]:
    """A browser, where the pages are, and what stands behind them."""
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("leaving")) as pages:
        admin = pages.member(Role.ADMIN)
        with pages.sessions.begin() as session:
            ours = pages.ours.id
            set_profile(session, ours, Profile(is_open=True, contact="info@example.org"), by=admin.id)
            a_sender(session, identity="+48500100200", organisation_id=ours)
            bot = {"channel": "telegram", "gateway": "telegram", "identity": "fingerpost_bot"}
            a_sender(session, organisation_id=ours, **bot)
            create_entry_point(session, ours, name="Page", code="PAGE-1", by=admin.id)
        with served(pages.app) as address, a_browser() as browser:
            yield browser, address, pages


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def visit(site: tuple[Browser, str, Pages], request: pytest.FixtureRequest) -> Iterator[tuple[str, Page]]:
    """A language, and a tab of somebody who reads it, without script."""
    browser, address, _ = site
    language, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 568}, java_script_enabled=False, locale=language, base_url=address
    )
    yield language, context.new_page()
    assert context.cookies() == []
    context.close()


def test_each_way_in_can_be_tapped(visit: tuple[str, Page]) -> None:
    language, page = visit
    page.goto(f"/{language}/pl/b")
    check_shape(page, language)
    links = page.locator("main a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert {"https://t.me/fingerpost_bot?start=PAGE-1", "sms:+48500100200?body=PAGE-1"} <= set(links)


def test_one_tap_on_the_link_of_a_text_ends_it(
    visit: tuple[str, Page], site: tuple[Browser, str, Pages], vault: Vault
) -> None:
    language, page = visit
    with site[2].sessions.begin() as session:
        contact = a_contact(session, site[2].ours)
        address = an_address(session, contact, vault, number=f"+3805012345{contact.id:02}")
    page.goto(f"/{language}/e/{token_of(address.id, address.lookup, vault)}")
    check_shape(page, language)
    page.locator("button").click()
    expect(page.locator("h1")).to_have_text(public_words(language)["leave_done"])
    with site[2].sessions() as session:
        assert session.get_one(Address, address.id).state == AddressState.OPTED_OUT


def test_number_and_code_are_typed(visit: tuple[str, Page]) -> None:
    language, page = visit
    page.goto(f"/{language}/pl/e")
    check_shape(page, language)
    page.locator("#number").fill("+48 500 100 201")
    page.locator("button").click()
    check_shape(page, language)
    page.locator("#code").fill("123-456")
    page.locator("button").click()
    expect(page.locator("[role=alert]")).to_have_text(public_words(language)["leave_wrong"])


def check_shape(page: Page, language: str) -> None:
    """Check that a page reads in its direction, fits, and has nothing too small for a finger."""
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    sizes = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert sizes[0] <= sizes[1]
    shown = page.locator("header a, main > ul a, button, summary")
    boxes = [shown.nth(number).bounding_box() for number in range(shown.count())]
    assert [box for box in boxes if box is None or box["height"] < FINGER] == []
