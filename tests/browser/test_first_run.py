"""From an empty folder to a text that a provider takes of a live instance: two members, and their browsers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from twilio.rest import Client

from tests.browser.chromium import a_browser, a_guest, skip_without_browser
from tests.browser.first_hour import (
    CORRECTION,
    PATIENCE,
    TITLE,
    accept,
    add_person,
    add_sender,
    decide,
    first_text,
    gather,
    invite,
    mark_place,
    open_campaign,
    plan,
    rehearse,
    review,
    set_time,
    set_up,
    spot_by_day,
    write,
    write_correction,
)
from tests.browser.live import Empty, a_live_instance
from tests.browser.walk import KeyboardWalk, Walk

pytestmark = pytest.mark.browser

#: What the walk may take both members together.
MOST_CLICKS = 70
TEXT, RIGHT = "Keep your papers with you. ((stop))", "Forget our last message: keep a copy, too. ((stop))"


@pytest.fixture
def browser() -> Iterator[Browser]:
    skip_without_browser()
    with a_browser() as browser:
        yield browser


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Empty, Client]]:
    with a_live_instance(tmp_path, monkeypatch) as live:
        yield live


@pytest.mark.slow  # It takes two minutes: a campaign begins at a full minute.
@pytest.mark.parametrize(
    ("kind", "width", "headroom"), [(Walk, 1280, 45), (Walk, 320, 45), (KeyboardWalk, 1280, 75)]
)
def test_two_members_send_a_first_text(
    live: tuple[Empty, Client],
    browser: Browser,
    kind: type[Walk],
    width: int,
    headroom: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty, provider = live
    code, spot = empty.code(), spot_by_day()
    empty.processes.start("worker", "worker")
    with (
        a_guest(browser, empty.address, width=width, believes=True) as ada,
        a_guest(browser, empty.address, width=width, believes=True) as marek,
        a_guest(browser, empty.sandbox, width=width) as phone,
    ):
        author, approver = kind(ada), kind(marek)
        set_up(author, code, spot)
        accept(approver, invite(author))
        add_sender(author)
        mark_place(author, spot)
        add_person(author, spot)
        gather(author)
        write(author, TEXT)
        plan(author)
        set_time(author, spot, headroom=headroom)
        write_correction(author, RIGHT)
        review(approver, TITLE, CORRECTION)
        open_campaign(author)
        practised = first_text(phone, rehearse(author))
        # They opened the page of phones, and one of them.
        author.clicks += 2
        author.press("#submit")
        decide(approver)
        accepted = first_accepted(provider, within=headroom + PATIENCE)
        watch_run(author)
    took = {name: (getattr(author, name), getattr(approver, name)) for name in ("clicks", "fields", "pages")}
    counted = ", ".join(f"{name} {one} + {two} = {one + two}" for name, (one, two) in took.items())
    with capsys.disabled():
        print(f"\nfrom nothing to “{accepted}” ({kind.__name__}, {width} px): {counted}")  # noqa: T201 - asked for
    said = TEXT.partition(" ((")[0]
    assert said in practised
    assert accepted.startswith(said)
    if width > 1000:
        assert sum(took["clicks"]) <= MOST_CLICKS


def first_accepted(provider: Client, *, within: int) -> str:
    """Return the first text that the provider took within so many seconds, asked with its own client."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        for message in provider.messages.list():
            return str(message.body)
        time.sleep(0.5)
    raise AssertionError("the provider took nothing")


def watch_run(walk: Walk) -> None:
    """Find the run that began on the campaign's page, and open it."""
    walk.visit.page.reload()
    walk.press(":is(.strip-next, [aria-labelledby=sent-title]) a[href^='/delivery/runs/']")
    walk.visit.page.wait_for_selector("#progress:not([hx-get])", timeout=PATIENCE * 1000)
    walk.visit.look("first-run")
