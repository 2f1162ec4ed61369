"""The composer in a real browser: written in at both widths, in English and Arabic, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import delete
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.messages.glossary.service import save_term
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.staff.models import Member, Role
from campaigns.staff.typed.models import TypedForm
from tests.audience.people import person
from tests.browser.chromium import LOOKS, Visit, a_browser, skip_without_browser
from tests.factories import a_message, a_service, an_audience
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser

BASE = "Keep your passport with you. Only officials may ask for it. Call ((hotline))."
ARABIC = "احتفظ بجواز سفرك معك. اتصل ((hotline))."
#: Two parts long, dear because of its dashes, loud, and with a number typed by hand.
FAULTY = "NEVER GIVE your passport away – not even for a moment. Call 0800 123 456 – it’s free. ((hotline))"


@dataclass(frozen=True, slots=True)
class Scene:
    """A served console, whose author has a message with a stale Arabic text."""

    browser: Browser
    address: str
    pages: Pages
    author: Member
    message_id: int


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Iterator[Scene]:
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("composer")) as pages:
        author, reviewer = pages.member(Role.AUTHOR), pages.member(Role.APPROVER)
        with pages.sessions.begin() as session:
            message_id = write(session, pages, author=author.id, reviewer=reviewer.id)
            for number in range(30):
                person(session, pages.ours, vault, language="uk" if number < 25 else "en")
        with served(pages.app) as address, a_browser() as browser:
            yield Scene(browser, address, pages, author, message_id)


def write(session: Session, pages: Pages, *, author: int, reviewer: int) -> int:
    """Set up a message, a partner's message, services of two countries and a term; return the message's id."""
    ours, today = pages.ours, clock.now().date()
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    message = create_message(session, ours.id, by=author, **values)
    save_translation(session, message, language="ar", text=ARABIC, back_translation="Keep it.", by=author)
    review_translation(session, message.translations[1], by=reviewer)
    save_translation(session, message, language="en", text=BASE.replace("officials", "the police"), by=author)
    for name, country in (("La Strada", "PL"), ("Pro Refugiu", "RO")):
        a_service(session, ours, name=name, country=country, languages=["en", "ar"], verified_on=today)
    term = {"source_language": "en", "term": "passport", "language": "ar", "wording": "*جواز سفر*", "note": ""}
    save_term(session, ours.id, by=author, **term)
    a_message(session, pages.theirs, title="Stay together", theme="stay_together", is_shared=True)
    an_audience(session, ours)
    return message.id


@pytest.fixture(params=LOOKS, ids=str)
def visit(request: pytest.FixtureRequest, scene: Scene) -> Iterator[Visit]:
    language, width = request.param
    with scene.pages.sessions.begin() as session:
        session.get_one(Member, scene.author.id).locale = language
        # What was typed in one look is kept after some seconds, and would be there in the next.
        session.execute(delete(TypedForm))
    with a_visit(scene.browser, scene.address, scene.pages, scene.author, width=width) as visit:
        visit.language = language
        yield visit


def test_composer_is_written_in(visit: Visit, scene: Scene) -> None:
    page, message = visit.page, f"/messages/{scene.message_id}"
    visit.go(f"{message}/en")
    body = page.locator("#body")
    body.fill(FAULTY)
    expect(page.locator("#measure .hints").first).to_be_visible()
    page.locator(".arrivals summary").click()
    visit.look("composer-measured")
    picker = page.locator(".picker button").filter(has_text="((place))")
    body.focus()
    body.press("End")
    picker.press("Enter")
    expect(body).to_have_value(FAULTY + "((place))")
    page.locator(".fields summary").press("Enter")
    page.locator("#sms").fill("Passport! ((hotline))")
    visit.go(f"{message}/ar")
    assert page.locator("#body").get_attribute("dir") == "rtl"
    expect(page.locator("del")).to_have_count(1)
    visit.look("composer-stale")


@pytest.mark.long
def test_other_pages_of_texts_are_in_order(visit: Visit, scene: Scene) -> None:
    message = f"/messages/{scene.message_id}"
    for name, path in (
        ("version", f"{message}/versions/3?since=1"),
        ("partners", "/messages/partners"),
        ("glossary", "/messages/glossary"),
        ("exchange", "/messages/exchange"),
        ("coverage", f"/campaigns/languages/{scene.message_id}?audience=1"),
    ):
        visit.go(path)
        visit.look(name)
