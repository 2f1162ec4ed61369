"""From an empty instance to a first run by two people: nobody is invented for it, nobody gets round the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from campaigns.core import clock
from tests.browser.chromium import Visit, a_browser, a_guest, skip_without_browser
from tests.browser.founding import Founded, a_new_instance
from tests.browser.instance import PEOPLE, SENDER, people_file
from tests.browser.steps import (
    CORRECTION,
    PATIENCE,
    TITLE,
    answer_checklist,
    approve_campaign,
    choose_audience,
    mark_hotspot,
    plan_campaign,
    press,
    review_texts,
    submit_campaign,
    walk_to,
    write_message,
)

pytestmark = pytest.mark.browser

ADA, MAREK, SOFIA = "ada@example.org", "marek@example.org", "sofia@example.org"
PASSWORDS = {ADA: "three patient herons wading", MAREK: "violet cupboards drift north"}
WRONG, RIGHT = "+48 22 000 00 01", "+48 22 000 00 00"
#: Invented people of each language and sender to whom a rehearsal goes.
REHEARSED = 20


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Founded]:
    skip_without_browser()
    with a_new_instance(tmp_path, first=ADA, first_name="Ada") as instance:
        yield instance


@pytest.fixture
def browser(instance: Founded) -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.mark.slow  # It takes two minutes: a campaign begins at a full minute.
@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ar", 360), ("en", 360), ("ar", 1280)])
def test_two_people_get_from_nothing_to_a_first_run(
    instance: Founded, browser: Browser, language: str, width: int
) -> None:
    with (
        a_guest(browser, instance.address, width=width, language=language) as ada,
        a_guest(browser, instance.address, width=width, language=language) as marek,
    ):
        first_sign_in(ada, ADA, instance.first_password)
        ada.look("now-founding-alone")
        steward_waits_for_somebody(ada)
        one_time = appoint(ada, MAREK, "Marek", "admin", "approver")
        first_sign_in(marek, MAREK, one_time)
        marek.look("now-founding-second")
        agree_to_steward(ada, marek)
        add_sender(ada)
        mark_hotspot(ada)
        list_service(ada, marek)
        correct_number(ada, marek)
        import_people(ada)
        choose_audience(ada)
        write_message(ada, TITLE)
        write_message(ada, CORRECTION)
        review_texts(marek)
        path = plan_campaign(ada)
        rehearse(ada, path, instance)
        submit_campaign(ada, path)
        approve_alone(ada, path)
        check_and_approve(marek, path)
        messages = watch_first_run(ada, path, instance)
        assert messages == sum(PEOPLE.values()) - PEOPLE["ru"]
        founding_is_over(ada, marek)


# --- Two people ------------------------------------------------------------------------------------------


def first_sign_in(visit: Visit, email: str, one_time: str) -> None:
    """Sign in with a password that somebody else made, and replace it by one of one's own."""
    visit.go("/")
    visit.page.fill("[name=email]", email)
    visit.page.fill("[name=password]", one_time)
    press(visit, "main form button[type=submit]")
    assert visit.path == "/settings/password"
    visit.look("first-password")
    visit.page.fill("[name=current]", one_time)
    for name in ("new", "again"):
        visit.page.fill(f"[name={name}]", PASSWORDS[email])
    press(visit, "main form button[type=submit]")
    visit.go("/")


def steward_waits_for_somebody(ada: Visit) -> None:
    """Ask for one more role of one's own: nobody is there to agree, and asking oneself does not help."""
    walk_to_members(ada)
    ada.look("members-alone")
    press(ada, "main td a, main th a")
    ada.look("member-own")
    ada.page.check("[name=roles][value=steward]")
    press(ada, "main form:has([name=roles]) button[type=submit]")
    assert ada.path.startswith("/proposals/")
    ada.look("proposal-own")
    assert refused(ada, f"{ada.path}/agree")
    assert ada.page.request.get(f"{ada.address}/audience/contacts").status == 403


def walk_to_members(visit: Visit) -> None:
    visit.go("/settings")
    press(visit, "main a[href='/settings/members']")


def appoint(visit: Visit, email: str, name: str, *roles: str) -> str:
    """Add a member with these roles and return the password that is shown once."""
    walk_to_members(visit)
    press(visit, "main a[href='/settings/members/add']")
    visit.look("member-add")
    visit.page.fill("[name=name]", name)
    visit.page.fill("[name=email]", email)
    for role in roles:
        visit.page.check(f"[name=roles][value={role}]")
    press(visit, "main form button[type=submit]")
    visit.look("member-added")
    return visit.page.locator(".secret").inner_text().strip()


def agree_to_steward(ada: Visit, marek: Visit) -> None:
    press(marek, "main a[href^='/proposals/']")
    marek.look("proposal-other")
    press(marek, "form[action$='/agree'] button")
    marek.look("proposal-agreed")
    # A member with other roles signs in anew.
    sign_in_again(ada, ADA)


def sign_in_again(visit: Visit, email: str) -> None:
    visit.go("/")
    visit.page.fill("[name=email]", email)
    visit.page.fill("[name=password]", PASSWORDS[email])
    press(visit, "main form button[type=submit]")
    assert visit.path == "/"


def refused(visit: Visit, path: str, **fields: str) -> bool:
    """Post what no button offers; return whether the answer was no."""
    token = visit.page.locator("[name=csrf_token]").first.get_attribute("value")
    answer = visit.page.request.post(
        visit.address + path, form={**fields, "csrf_token": token or ""}, headers={"Referer": visit.page.url}
    )
    return answer.status in (403, 409, 422)


# --- What is needed once ---------------------------------------------------------------------------------


def add_sender(visit: Visit) -> None:
    visit.go("/settings")
    press(visit, "main a[href='/campaigns/senders']")
    visit.look("senders-empty")
    press(visit, "main a[href='/campaigns/senders/new']")
    visit.look("sender-new")
    for name, value in (("name", "SMS number"), ("identity", SENDER), ("pace", "30")):
        visit.page.fill(f"main [name={name}]", value)
    visit.page.select_option("main [name=channel]", "sms")
    press(visit, "main form.form button[type=submit]")
    press(visit, "form[action$='/test'] button")
    visit.look("sender-tested")
    expect(visit.page.locator("main .badge.is-good")).to_have_count(1)


def list_service(ada: Visit, marek: Visit) -> None:
    """Write down a helpline; whoever wrote it cannot say that it is right."""
    walk_to(ada, "/directory")
    ada.look("services-empty")
    press(ada, "main a[href='/directory/new']")
    facts = {
        "name": "Helpline (invented)",
        "country": "PL",
        "number_national": WRONG,
        "number_from_abroad": WRONG,
        "languages_text": "uk, en, ar, ru",
        "hours_text": "24/7",
        "source": "invented for a test",
    }
    for name, value in facts.items():
        ada.page.fill(f"main [name={name}]", value)
    ada.page.select_option("main [name=works_from_foreign_sim]", "yes")
    ada.page.select_option("main [name=operator_type]", "ngo")
    ada.page.check("main [name=is_sourced]")
    ada.look("service-new")
    press(ada, "main form.form button[type=submit]")
    ada.look("service-own")
    verify_service(marek, ada)


def verify_service(marek: Visit, ada: Visit) -> None:
    tried = {"on": f"{clock.now():%Y-%m-%d}", "how": "test call, local SIM"}
    assert refused(ada, f"{ada.path}/verify", **tried)
    marek.go(ada.path)
    marek.look("service-other")
    marek.page.select_option("form[action$='/verify'] [name=how]", tried["how"])
    press(marek, "form[action$='/verify'] button")


def correct_number(ada: Visit, marek: Visit) -> None:
    """Change the number of a verified service: texts name the old one until the other has agreed."""
    service = ada.path
    press(ada, "main a[href$='/edit']")
    for name in ("number_national", "number_from_abroad"):
        ada.page.fill(f"main [name={name}]", RIGHT)
    ada.page.fill("main [name=reason]", "The last digit was wrong.")
    ada.look("service-edit")
    press(ada, "main form.form button[type=submit]")
    ada.look("proposal-number-own")
    assert refused(ada, f"{ada.path}/agree")
    marek.go("/")
    marek.look("now-proposal")
    press(marek, "main a[href^='/proposals/']:not([href='/proposals'])")
    marek.look("proposal-number")
    press(marek, "form[action$='/agree'] button")
    marek.look("proposal-number-agreed")
    ada.go(service)
    verify_service(marek, ada)


def import_people(visit: Visit) -> None:
    walk_to(visit, "/audience")
    press(visit, "main a[href='/audience/contacts']")
    visit.look("contacts-empty")
    press(visit, "main a[href='/audience/contacts/files']")
    visit.page.set_input_files(
        "[name=file]", {"name": "people.csv", "mimeType": "text/csv", "buffer": people_file().encode()}
    )
    visit.look("people-import")
    press(visit, "main form.form button[type=submit]")
    visit.look("people-checked")
    press(visit, "form[action$='/import'] button")
    visit.look("people-imported")


# --- Campaign and run ------------------------------------------------------------------------------------


def rehearse(visit: Visit, path: str, instance: Founded) -> None:
    """Rehearse with invented people; nobody of the contacts is written to."""
    visit.go(path)
    press(visit, "form[action$='/rehearse'] button")
    visit.look("rehearsing")
    press(visit, "#rehearsals a[href^='/delivery/runs/']")
    visit.page.wait_for_selector("#progress:not([hx-get])", timeout=PATIENCE * 1000)
    visit.look("rehearsed")
    contacts = {line.split(",")[0] for line in people_file().splitlines()}
    rehearsed = instance.delivered()
    assert len(rehearsed) == REHEARSED * 3
    assert contacts.isdisjoint(rehearsed)
    visit.go("/")
    visit.look("now-rehearsed")


def check_and_approve(visit: Visit, path: str) -> None:
    """Go from Now to the campaign that waits, answer the checklist first, as the page says, and approve."""
    visit.go("/")
    visit.look("now-submitted")
    press(visit, f"main a[href='{path}']")
    visit.look("campaign-unanswered")
    expect(visit.page.locator("#approve")).to_have_count(0)
    press(visit, "#answer-harm")
    answer_checklist(visit, visit.path.removesuffix("/harm"))
    approve_campaign(visit)


def approve_alone(visit: Visit, path: str) -> None:
    """Find no button to approve one's own campaign, and no way without it."""
    expect(visit.page.locator("#approve")).to_have_count(0)
    assert refused(visit, f"{path}/approve", digest="0" * 64)


def watch_first_run(visit: Visit, path: str, instance: Founded) -> int:
    """Wait until the run begins and is over; return how many phones got a message."""
    visit.go("/")
    visit.look("now-before-first-run")
    run = visit.page.locator("[aria-labelledby=runs-title] a[href^='/delivery/runs/']")
    deadline = time.monotonic() + PATIENCE
    # So few messages are sent so quickly that Now may never show them in flight.
    while not run.count() and time.monotonic() < deadline:
        visit.page.wait_for_timeout(1000)
        visit.go(f"{path}?tab=history")
    press(visit, "[aria-labelledby=runs-title] a[href^='/delivery/runs/']")
    visit.page.wait_for_selector("#progress:not([hx-get])", timeout=PATIENCE * 1000)
    visit.look("first-run-done")
    contacts = {line.split(",")[0] for line in people_file().splitlines()}
    return len([handle for handle in instance.delivered() if handle in contacts])


def founding_is_over(ada: Visit, marek: Visit) -> None:
    """Find on Now what founding did, and that one administrator appoints nobody any more."""
    for visit in (ada, marek):
        visit.go("/")
        expect(visit.page.locator(".notice.is-info")).to_have_count(0)
        expect(visit.page.locator("[aria-labelledby=appointed-title] li")).to_have_count(1)
    ada.look("now-founded")
    appoint(ada, SOFIA, "Sofia", "approver")
    press(ada, "main a[href^='/proposals/']")
    ada.look("proposal-after-founding")
    assert refused(ada, f"{ada.path}/agree")
