"""What one or two members do in their first hour with a system in which there is nothing yet."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from campaigns.core import clock
from tests.browser.chromium import Visit
from tests.browser.instance import SENDER
from tests.browser.walk import Walk

#: How long a rehearsal may take to arrive, and a run to begin, in seconds.
PATIENCE = 120
TITLE, CORRECTION = "Papers", "Correction: Papers"
PLACE, AUDIENCE = "Station square", "Around the station"
TYPED = {
    "organisation": "Corridor Watch",
    "name": "Ada",
    "email": "ada@example.org",
    "password": "three patient herons wading",
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the organisation and the one person are that it writes to."""

    zone: str
    latitude: str
    longitude: str
    number: str


#: At any hour it is day in one of them; no country's rule is known there.
SPOTS = (
    Spot("Asia/Manila", "14.60", "120.98", "+639171234567"),
    Spot("Africa/Accra", "5.60", "-0.19", "+233241234567"),
    Spot("America/Mexico_City", "19.43", "-99.13", "+525512345678"),
)
#: Where nobody minds the hour: what is rehearsed goes to nobody.
CORRIDOR = Spot("Europe/Warsaw", "49.92", "22.16", "+48600123456")


def spot_by_day() -> Spot:
    """Return the spot where it is nearest to noon: a live instance waits where it is night."""

    def from_noon(spot: Spot) -> int:
        return abs(clock.now().astimezone(ZoneInfo(spot.zone)).hour - 13)

    return min(SPOTS, key=from_noon)


# --- Two members -----------------------------------------------------------------------------------------


def set_up(walk: Walk, code: str, spot: Spot | None = None) -> None:
    walk.visit.go("/")
    walk.fill("code", code)
    walk.press("main form button[type=submit]")
    walk.visit.look("set-up")
    if spot:
        walk.choose("time_zone", spot.zone)
    for name, value in TYPED.items():
        walk.fill(name, value)
    walk.press("main form button[type=submit]")


def invite(walk: Walk) -> str:
    """Invite somebody who reviews texts, and return the link for them."""
    walk.press("[aria-labelledby=steps-title] a[href='/settings/members']")
    walk.press("main a[href='/settings/members/add']")
    walk.fill("name", "Marek")
    walk.fill("email", "marek@example.org")
    walk.tick("[name=roles][value=approver]")
    walk.press("main form button[type=submit]")
    walk.visit.look("member-invited")
    return walk.visit.page.locator("#invitation").get_attribute("href") or ""


def accept(walk: Walk, link: str) -> None:
    walk.visit.page.goto(link)
    # It was opened from a mail.
    walk.clicks += 1
    walk.visit.look("invitation")
    walk.fill("password", "violet cupboards drift north")
    walk.press("main form button[type=submit]")


# --- What is needed once ---------------------------------------------------------------------------------


def mark_place(walk: Walk, spot: Spot) -> None:
    walk.step("/places")
    walk.press("a[href='/places/new']")
    for name, value in (("name", PLACE), ("latitude", spot.latitude), ("longitude", spot.longitude)):
        walk.fill(name, value)
    walk.press("#place-form button[type=submit]")


def add_sender(walk: Walk) -> None:
    walk.step("/settings")
    walk.press("main a[href='/campaigns/senders']")
    walk.press("main a[href='/campaigns/senders/new']")
    for name, value in (("name", "SMS number"), ("identity", SENDER), ("pace", "30")):
        walk.fill(name, value)
    walk.press("main form.form button[type=submit]")


def write(walk: Walk, text: str) -> None:
    walk.step("/messages")
    walk.press("a[href='/messages/new']")
    walk.fill("title", TITLE)
    walk.choose("theme", "docs_keep")
    walk.choose("base_language", "en")
    walk.fill("body", text)
    walk.press("form:has(textarea[name=body]) button[type=submit]")


def gather(walk: Walk) -> None:
    walk.step("/audience")
    walk.press("a[href='/audience/new']")
    walk.fill("name", AUDIENCE)
    walk.tick("details:has([name=place_ids]) > summary")
    # Places of the example stand there, too.
    walk.tick(f"label:has-text('{PLACE}') [name=place_ids]")
    walk.press("button[name=save]")


def add_person(walk: Walk, spot: Spot) -> None:
    today = f"{clock.now().astimezone(ZoneInfo(spot.zone)).date()}"
    walk.step("/audience")
    walk.press("main a[href='/audience/contacts']")
    walk.press("main a[href='/audience/contacts/new']")
    walk.fill("number", spot.number)
    walk.choose("language", "en")
    walk.fill("consent_on", today)
    walk.fill("consent_how", "form at the reception desk")
    walk.choose_named("place_id", PLACE)
    walk.fill("seen_on", today)
    walk.visit.look("person-added-by-hand")
    walk.press("main form.form button[type=submit]")


# --- The campaign ----------------------------------------------------------------------------------------


def plan(walk: Walk) -> None:
    walk.step("/campaigns")
    walk.press("a[href='/campaigns/new']")
    walk.fill("name", TITLE)
    # Those of the example stand in the lists, too.
    for select, label in (("message_id", TITLE), ("audience_id", AUDIENCE), ("senders-0", "SMS number")):
        walk.choose_named(select, label)
    walk.press("button[name=save]")


def set_time(walk: Walk, spot: Spot, *, headroom: int) -> None:
    """Say that it is sent at the next full minute that leaves `headroom` seconds to approve it."""
    later = clock.now().astimezone(ZoneInfo(spot.zone)) + timedelta(seconds=60 + headroom)
    walk.fill("starts_at", f"{later:%Y-%m-%dT%H:%M}")
    walk.press("button[name=save]")


def write_correction(walk: Walk, text: str) -> None:
    walk.press("main a[href$='/correction']")
    walk.visit.look("correction-to-write")
    walk.fill("body", text)
    walk.press("form[action$='/correction/text'] button[type=submit]")


def open_campaign(walk: Walk) -> None:
    walk.step("/campaigns")
    walk.press(f"main a[href^='/campaigns/']:has-text('{TITLE}')")


def rehearse(walk: Walk) -> str:
    """Rehearse the campaign that is open, and return the address of the practice phones."""
    walk.press("form[action$='/rehearse'] button")
    walk.visit.look("campaign-own-rehearsed")
    return walk.visit.page.locator("#rehearsals a[rel=noreferrer]").get_attribute("href") or ""


def review(walk: Walk, *titles: str) -> None:
    """Review one text by the link to its message, several on one page; those of the example wait, too."""
    walk.press(".brand")
    walk.visit.look("now-of-an-approver")
    if len(titles) == 1:
        walk.press(f"[aria-labelledby=waiting-title] a[href^='/messages/']:has-text('{titles[0]}')")
    else:
        walk.press("[aria-labelledby=waiting-title] a[href='/messages/reviews']")
    for title in titles:
        card = f"section.card:has(h2 bdi:text-is('{title}'))"
        walk.press(f"{card} form[action*='/approve'] button.is-primary")


def decide(walk: Walk) -> None:
    """Find the campaign on Now, answer each point of the checklist, and approve."""
    walk.press(".brand")
    walk.press("[aria-labelledby=waiting-title] a[href^='/campaigns/']")
    walk.visit.look("campaign-to-decide")
    walk.press("#answer-harm")
    points = walk.visit.page.locator("main input[type=radio][value=yes]")
    for name in [point.get_attribute("name") for point in points.all()]:
        walk.tick(f"[name={name}][value=yes]")
    walk.press("#answer")
    walk.press("#approve")
    walk.visit.look("campaign-approved")


def first_text(visit: Visit, phones: str) -> str:
    """Open the phones as soon as one has got something, and return what it got."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        visit.page.goto(phones)
        phone = visit.page.locator("a[href*='to=%2B']").first
        if phone.count():
            phone.click()
            visit.look("phone-of-the-example")
            return visit.page.locator(".theirs").first.inner_text().strip()
        time.sleep(0.5)
    raise AssertionError("no phone got anything")
