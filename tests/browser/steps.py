"""Steps of a campaign as members take them by hand: by mouse at a desk, and on a phone."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from campaigns.core import clock
from campaigns.demo.scenario import MAX_PARTS, message_texts
from tests.browser.chromium import Visit
from tests.browser.instance import PASSWORD, PEOPLE, SPOT, TIME_ZONE

PLACE, AUDIENCE, TITLE, CAMPAIGN = "Station square", "Around the station", "Documents", "Keep your documents"
CORRECTION = "Wrong number"
TRANSLATIONS = ("uk", "ar")
#: What is left to submit and approve before the minute begins, in seconds.
HEADROOM = 25
#: How long a run may take to begin, to end and to be counted, in seconds.
PATIENCE = 120


def sign_in(visit: Visit, email: str) -> None:
    visit.go("/")
    visit.look("sign-in")
    visit.page.fill("[name=email]", email)
    visit.page.fill("[name=password]", PASSWORD)
    with visit.page.expect_navigation():
        visit.page.keyboard.press("Enter")
    assert visit.path == "/"


def walk_to(visit: Visit, path: str) -> None:
    """Go to a step by the console's own navigation, which a phone folds into a menu."""
    menu = visit.page.locator(".menu > summary")
    if menu.is_visible():
        menu.click()
    visit.page.locator(f".route a[href='{path}']").locator("visible=true").click()
    visit.page.wait_for_url(f"**{path}")


def press(visit: Visit, selector: str) -> None:
    """Press a button or link and wait for the page it leads to."""
    with visit.page.expect_navigation():
        visit.page.locator(selector).locator("visible=true").first.click()


# --- Places ---------------------------------------------------------------------------------------------


def mark_hotspot(visit: Visit) -> None:
    walk_to(visit, "/places")
    visit.wait_for_map()
    visit.look("places-empty")
    press(visit, "a[href='/places/new']")
    visit.wait_for_map()
    (draw_circle if visit.width > 1000 else enter_circle)(visit)
    visit.page.fill("#place-form [name=name]", PLACE)
    visit.look("place")
    press(visit, "#place-form button[type=submit]")
    visit.wait_for_map()
    expect(visit.page.locator(".map-item", has_text=PLACE)).to_have_count(1)
    visit.look("places")


def draw_circle(visit: Visit) -> None:
    """Find the region by name, then draw a circle of about 30 km around its middle."""
    visit.page.fill("#find", "Podkarpackie")
    visit.page.keyboard.press("Enter")
    visit.page.locator("a.found").first.click()
    visit.page.locator(".leaflet-pm-icon-circle").click()
    x, y = visit.middle_of(".map")
    visit.page.mouse.click(x, y)
    visit.page.wait_for_timeout(100)
    visit.page.mouse.move(x + 100, y, steps=5)
    visit.page.mouse.click(x + 150, y)
    assert float(visit.page.input_value("[name=radius_km]")) > 20


def enter_circle(visit: Visit) -> None:
    longitude, latitude = SPOT
    for name, value in (("latitude", latitude), ("longitude", longitude), ("radius_km", 6)):
        visit.page.fill(f"#place-form [name={name}]", str(value))


# --- Audience and message -------------------------------------------------------------------------------


def choose_audience(visit: Visit) -> None:
    walk_to(visit, "/audience")
    visit.look("audiences-empty")
    press(visit, "a[href='/audience/new']")
    visit.page.fill("[name=name]", AUDIENCE)
    places = visit.page.locator("details", has=visit.page.locator("[name=place_ids]"))
    places.locator("summary").click()
    visit.page.check("[name=place_ids]")
    visit.page.wait_for_selector("#preview .figure-number")
    visit.look("audience-new")
    press(visit, "button[name=save]")
    expect(visit.page.locator("#preview .figure-number")).to_have_text(str(sum(PEOPLE.values())))
    visit.look("audience")


def write_message(visit: Visit, title: str) -> None:
    texts = message_texts()
    walk_to(visit, "/messages")
    visit.look("messages-empty")
    press(visit, "a[href='/messages/new']")
    visit.page.fill("[name=title]", title)
    visit.page.select_option("[name=theme]", "docs_keep")
    visit.page.select_option("[name=base_language]", "en")
    write_text(visit, texts["en"])
    for language in TRANSLATIONS:
        visit.page.select_option("select#language", language)
        press(visit, "form[action$='/languages'] button[type=submit]")
        write_text(visit, texts[language])
    visit.look("message")


def write_text(visit: Visit, text: str) -> None:
    with visit.page.expect_response(lambda answer: answer.url.endswith("/measure")):
        visit.page.fill("textarea[name=body]", text)
    visit.page.locator("#measure mark.slot").first.wait_for()
    visit.look("message-writing")
    press(visit, "form:has(textarea[name=body]) button[type=submit]")


def review_texts(visit: Visit) -> None:
    visit.look("now-approver")
    for title in (TITLE, CORRECTION):
        walk_to(visit, "/messages")
        press(visit, f"main .card h3 a:has-text('{title}')")
        for language in ("en", *TRANSLATIONS):
            press(visit, f"main .tabs a[href$='/{language}']")
            visit.look("review")
            press(visit, "form[action$='/review'] button")
            expect(visit.page.locator("form[action$='/review']")).to_have_count(0)


# --- Campaign -------------------------------------------------------------------------------------------


def plan_campaign(visit: Visit) -> str:
    """Write the campaign down with its correction and return its path."""
    walk_to(visit, "/campaigns")
    visit.look("campaigns-empty")
    press(visit, "a[href='/campaigns/new']")
    visit.page.fill("[name=name]", CAMPAIGN)
    # What was written last is proposed, and that is the correction.
    visit.page.select_option("[name=message_id]", label=TITLE)
    visit.page.fill("[name=max_parts]", str(MAX_PARTS))
    visit.page.click("button[name=count]")
    visit.page.wait_for_selector("#counts .figure-number")
    visit.look("campaign-new")
    press(visit, "button[name=save]")
    path = visit.path.removesuffix("/times/new")
    visit.go(f"{path}/checks")
    visit.look("gates-closed")
    press(visit, f"main a[href='{path}/correction']")
    visit.page.select_option("[name=message_id]", label=CORRECTION)
    visit.look("correction")
    press(visit, "main form:has([name=message_id]) button[type=submit]")
    return path


def answer_checklist(visit: Visit, path: str) -> None:
    visit.go(f"{path}/harm")
    for box in visit.page.locator("main input[type=radio][value=yes]").all():
        box.check()
    visit.look("checklist")
    press(visit, "main form.form button[type=submit]")


def submit_campaign(visit: Visit, path: str) -> None:
    visit.go(f"{path}/times/new")
    set_time(visit)
    visit.look("campaign-gates")
    press(visit, "form[action$='/left-out'] button")
    press(visit, "#submit")
    visit.look("campaign-submitted")


def set_time(visit: Visit) -> None:
    visit.page.fill("[name=starts_at]", f"{next_minute():%Y-%m-%dT%H:%M}")
    visit.page.check("[name=zone_policy][value=fixed]")
    visit.page.click("button[name=preview]")
    visit.page.wait_for_selector("#coming .firings")
    visit.look("campaign-time")
    press(visit, "button[name=save]")


def next_minute() -> datetime:
    """Return the next full minute, by the organisation's clock, that leaves time to approve."""
    later = clock.now().astimezone(ZoneInfo(TIME_ZONE)) + timedelta(seconds=60 + HEADROOM)
    return later.replace(second=0, microsecond=0, tzinfo=None)


def approve_campaign(visit: Visit) -> None:
    visit.go("/")
    press(visit, "[aria-labelledby=waiting-title] a[href^='/campaigns/']")
    visit.look("campaign-approval")
    press(visit, "#approve")
    expect(visit.page.locator("#approve")).to_have_count(0)
    visit.look("campaign-approved")


# --- Run and reach --------------------------------------------------------------------------------------


def watch_run(visit: Visit) -> None:
    """Wait on the page Now until the run appears by itself, open it, and stay until it stops moving."""
    visit.go("/")
    visit.look("now-scheduled")
    sending = visit.page.locator("section[aria-labelledby='sending-title'] a[id^='run-']")
    sending.wait_for(timeout=PATIENCE * 1000)
    visit.look("now-sending")
    sending.click()
    visit.page.wait_for_url("**/delivery/runs/*")
    visit.page.wait_for_selector("#progress progress")
    visit.look("run-moving")
    visit.page.wait_for_selector("#progress:not([hx-get])", timeout=PATIENCE * 1000)
    bar = visit.page.locator("#progress progress").first
    assert bar.get_attribute("value") == bar.get_attribute("max")
    visit.look("run-done")


def read_reach(visit: Visit, *, delivered: int, accepted: int) -> None:
    """Read how many people got the message, as soon as the last receipts are counted."""
    press(visit, "main a[href^='/reach/runs/']")
    deadline = time.monotonic() + PATIENCE
    while reached(visit, "delivered") != delivered and time.monotonic() < deadline:
        visit.page.wait_for_timeout(1000)
        visit.page.reload()
    visit.look("reach")
    assert reached(visit, "delivered") == delivered
    assert reached(visit, "accepted") == accepted
    walk_to(visit, "/reach")
    visit.look("reach-list")


def reached(visit: Visit, rung: str) -> int:
    number = visit.page.locator(f"[data-rung={rung}] .ladder-number")
    return int(number.evaluate("(element) => element.firstChild.textContent.trim()")) if number.count() else -1
