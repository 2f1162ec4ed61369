"""The page of phones in a real browser: both widths, light and dark, axe, keyboard, Ukrainian and Arabic."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect
from twilio.rest import Client

from tests.browser.chromium import WIDTHS, Visit, a_browser, a_guest, skip_without_browser
from tests.sandbox.process import SENDER, SandboxProcess

pytestmark = pytest.mark.browser

UKRAINIAN, ARABIC, CHAT = "+380671112233", "+963944555666", "telegram:77"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    skip_without_browser()
    with a_browser() as browser:
        yield browser


@pytest.fixture(params=WIDTHS)
def visit(
    request: pytest.FixtureRequest, browser: Browser, client: Client, sandbox: SandboxProcess
) -> Iterator[Visit]:
    """A tab before three phones: Ukrainian and Arabic by SMS, and a chat with buttons."""
    client.messages.create(to=UKRAINIAN, from_=SENDER, body="Паспорт тримайте при собі. Гаряча лінія: 527")
    client.messages.create(to=ARABIC, from_=SENDER, body="احتفظ بجواز سفرك معك دائمًا")
    sandbox.call("POST", "inbound", {"from": CHAT, "start": "uk"})
    sandbox.settle()
    with a_guest(browser, sandbox.url, width=request.param) as visit:
        yield visit


def test_pages_hold_in_light_and_dark(visit: Visit) -> None:
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        for name, path in {
            "all": "/",
            "ukrainian": f"/?to={quote(UKRAINIAN)}",
            "arabic": f"/?to={quote(ARABIC)}",
            "telegram": f"/?to={CHAT}",
        }.items():
            visit.go(path)
            visit.look(f"phones-{name}-{scheme}")


def test_received_words_stand_where_reading_begins(visit: Visit) -> None:
    for person, side in ((UKRAINIAN, "left"), (ARABIC, "right")):
        visit.go(f"/?to={quote(person)}")
        talk, bubble = (visit.page.locator(one).bounding_box() for one in (".talk", ".theirs"))
        assert talk
        assert bubble
        before, after = bubble["x"] - talk["x"], talk["x"] + talk["width"] - bubble["x"] - bubble["width"]
        assert ("left" if before < after else "right") == side


def test_person_answers_by_keyboard(visit: Visit, sandbox: SandboxProcess) -> None:
    visit.go(f"/?to={quote(UKRAINIAN)}")
    for _ in range(20):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate("() => document.activeElement.name") == "text":
            break
    visit.page.keyboard.type("Дякую")
    with visit.page.expect_navigation():
        visit.page.keyboard.press("Enter")
    expect(visit.page.locator(".mine .text")).to_have_text("Дякую")
    assert sandbox.truth()[-1]["body"] == "Дякую"
