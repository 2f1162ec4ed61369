"""A person on the move, from the page of a place to the last text on their phone, and not one line of script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, expect

from campaigns.inbox.unnamed.form_stamp import SOONEST
from campaigns.web.people.public_words import public_words
from campaigns.web.people.visits import START
from tests.browser.chromium import Visit, a_browser, a_guest, skip_without_browser
from tests.browser.instance import Instance, an_instance
from tests.browser.on_the_move import CAMPAIGNS, HELPLINE, REGION, RESPONDER, Phone, open_to_people, send_campaign
from tests.browser.steps import press, sign_in

pytestmark = pytest.mark.browser


@dataclass(frozen=True, slots=True)
class Person:
    """Who is on the move, and what they write."""

    language: str
    width: int
    number: str
    #: Their number among the languages that a welcome offers.
    language_number: str
    moved: str
    town: str
    report: str
    answer: str
    #: Whether they leave by a code that is typed; else by a word.
    types_code: bool


PEOPLE = (
    Person(
        "uk",
        360,
        "+380671234511",
        "2",
        "Я зараз у Перемишлі",
        "Перемишль",
        "Чоловік на вокзалі забирає в жінок паспорти.",
        "Дякуємо. Ми прочитали це і передамо тим, хто може діяти.",
        types_code=True,
    ),
    Person(
        "ar",
        320,
        "+380671234512",
        "8",
        "انتقلت إلى جيشوف",
        "جيشوف",
        "رجل في المحطة يأخذ جوازات سفر النساء.",
        "شكرًا لك. قرأنا ما كتبت، وسنبلغ من يستطيع المساعدة.",
        types_code=False,
    ),
)


@dataclass
class Told:
    """Says how long each step took."""

    _at: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)

    def __call__(self, step: str) -> None:
        now = time.monotonic()
        self.steps.append(f"  {step}: {now - self._at:.1f} s")
        self._at = now


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    skip_without_browser()
    with an_instance(tmp_path_factory.mktemp("round")) as instance:
        open_to_people(instance)
        yield instance


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.mark.slow  # Every text goes through a worker and a sandbox; each of the pages has quick tests beside it.
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: f"{person.language}-{person.width}")
def test_person_joins_moves_tells_and_leaves(
    instance: Instance, browser: Browser, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    phone, told = Phone(instance.sandbox, person.number), Told()
    with (
        a_guest(browser, instance.address, width=person.width, language=person.language, script=False) as visit,
        a_guest(browser, instance.address, width=1280) as member,
    ):
        visit.page.set_default_timeout(5000)
        find_helpline(visit, person)
        told("a helpline near a place")
        join(visit, person, phone)
        told("joined, asked for a language and welcomed")
        move(person, phone)
        told("moved, and told of help there")
        send_campaign(instance, "before")
        assert phone.next() == CAMPAIGNS["before"][person.language]
        told("a campaign reaches the phone")
        code = tell(visit, person)
        told("told something, and kept the code")
        answer(member, person)
        told("answered by a member")
        read_answer(visit, person, code)
        told("read the answer by the code")
        leave(visit, person, phone)
        told("left")
        send_campaign(instance, "after")
        assert CAMPAIGNS["after"][person.language] not in phone.all()
        assert phone.is_quiet
        told("a campaign passes the phone by")
        # Others got it.
        sent = [each["body"] for each in instance.sandbox.whole_truth() if each["direction"] == "outbound-api"]
        assert CAMPAIGNS["after"][person.language] in sent
    with capsys.disabled():
        print(f"\n{person.language}, {person.width} px", *told.steps, sep="\n")  # noqa: T201 - asked for


def say(person: Person, name: str) -> str:
    return public_words(person.language)[name]


def follow(visit: Visit, path: str) -> None:
    """Tap a link of the page, unfolding what it stands in."""
    link = visit.page.locator(f"a[href='{path}']")
    if not link.is_visible():
        visit.page.locator("details").filter(has=link).locator("summary").click()
    with visit.page.expect_navigation():
        link.click()


def find_helpline(visit: Visit, person: Person) -> None:
    language = person.language
    visit.go(START)
    visit.page.locator(f"main a[lang='{language}']").click()
    visit.look("countries")
    follow(visit, f"/{language}/pl")
    visit.look("country")
    follow(visit, f"/{language}/{REGION}")
    visit.look("region")
    expect(visit.page.locator(".card .tel").filter(has_text=HELPLINE)).not_to_have_count(0)


def join(visit: Visit, person: Person, phone: Phone) -> None:
    follow(visit, f"/{person.language}/{REGION}/b")
    visit.look("join")
    link = visit.page.locator("main a[href^='sms:']").get_attribute("href")
    phone.tap(link or "")
    assert person.language_number in phone.next()
    phone.write(person.language_number)
    assert "STOP" in phone.next()


def move(person: Person, phone: Phone) -> None:
    phone.write(person.moved)
    text = phone.next()
    if re.search(r"^1 ", text, re.MULTILINE):
        # A name that is not written as the list has it is asked back.
        phone.write("1")
        text = phone.next()
    assert person.town in text
    assert re.sub(r"\D", "", HELPLINE) in re.sub(r"\D", "", text)


def tell(visit: Visit, person: Person) -> str:
    """Report something, and return the code that is shown once."""
    visit.go(f"/{person.language}/{REGION}")
    follow(visit, f"/{person.language}/{REGION}/w")
    visit.look("tell")
    visit.page.fill("#text", person.report)
    # A form that comes back sooner is a machine's.
    visit.page.wait_for_timeout(1000 * SOONEST.total_seconds())
    press(visit, "main form button[type=submit]")
    visit.look("code-once")
    code = visit.page.locator(".code").inner_text()
    follow(visit, f"/{person.language}/n")
    visit.look("code")
    return code


def answer(member: Visit, person: Person) -> None:
    """Find the report in the inbox and answer it, as the member at a desk does."""
    if member.page.url == "about:blank":
        sign_in(member, RESPONDER)
    member.go("/inbox")
    member.look("inbox")
    press(member, ".queue > .question a[href^='/inbox/']")
    expect(member.page.locator(".thread")).to_contain_text(person.report)
    member.look("report")
    member.page.fill("[name=words]", person.answer)
    press(member, "form.form button.is-primary[type=submit]:not([formaction])")
    member.look("report-answered")


def read_answer(visit: Visit, person: Person, code: str) -> None:
    visit.page.fill("#code", code)
    press(visit, "main form button[type=submit]")
    visit.look("thread")
    shown = visit.page.locator("main").inner_text()
    assert person.report in shown
    assert person.answer in shown
    assert say(person, "told_answered") in shown
    # What is written keeps its lines; so does whatever stands around it in the page.
    expect(visit.page.locator(".said .said")).to_have_count(0)


def leave(visit: Visit, person: Person, phone: Phone) -> None:
    visit.go(f"/{person.language}/pl/e")
    visit.look("leave")
    if not person.types_code:
        link = visit.page.locator("main a[href^='sms:']").get_attribute("href")
        phone.tap(link or "")
        return
    visit.page.fill("#number", person.number)
    press(visit, "main form button[type=submit]")
    visit.look("leave-code")
    code = re.search(r"\d[\d-]{5,}", phone.next())
    assert code is not None
    visit.page.fill("#code", code[0])
    press(visit, "main form button[type=submit]")
    visit.look("left")
    expect(visit.page.locator("h1")).to_have_text(say(person, "leave_done"))
