"""A voice note is played and written down, a picture shown after a click and locked, in a browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, skip_without_browser
from tests.factories import a_sender
from tests.inbox.media.files import jpeg
from tests.inbox.media.test_pages import OURS, PICTURE, VOICE, hear
from tests.places.browsing import a_served_visit
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser

#: Draw a picture and record a second of sound, as a phone does.
DRAW = """() => {
    const canvas = document.createElement("canvas");
    canvas.width = 640; canvas.height = 420;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#8ab"; pen.fillRect(0, 0, 640, 420);
    pen.fillStyle = "#222"; pen.font = "64px sans-serif"; pen.fillText("Platform 4", 140, 230);
    return canvas.toDataURL("image/jpeg").split(",")[1];
}"""
RECORD = """async () => {
    const sound = new AudioContext(), tone = sound.createOscillator();
    const there = sound.createMediaStreamDestination();
    tone.connect(there); tone.start();
    const recorder = new MediaRecorder(there.stream), parts = [];
    recorder.ondataavailable = event => parts.push(event.data);
    const ended = new Promise(done => { recorder.onstop = done; });
    recorder.start(); setTimeout(() => recorder.stop(), 700); await ended;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""
#: The head of our JPEG of many kinds of metadata, up to its frame.
TOLD = jpeg(turn=1)[2 : jpeg(turn=1).index(b"\xff\xc0")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A tab in the conversation of somebody who sent a voice note and a picture, and what it asked for."""

    visit: Visit
    conversation: str
    asked: list[str]


@pytest.fixture(params=LOOKS, ids=str)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Opened]:
    skip_without_browser()
    language, width = request.param
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with pages.sessions.begin() as session:
            a_sender(session, organisation_id=pages.ours.id, identity=OURS, channel="whatsapp")
        member = pages.member(Role.STEWARD, Role.RESPONDER, locale=language)
        with a_served_visit(pages, member, language=language, width=width) as visit:
            picture, sound = (base64.b64decode(visit.page.evaluate(script)) for script in (DRAW, RECORD))
            which, _ = hear(pages, vault, VOICE, content=sound)
            hear(pages, vault, PICTURE, content=picture[:2] + TOLD + picture[2:])
            asked: list[str] = []
            visit.page.on("request", lambda asking: asked.append(asking.url))
            yield Opened(visit, f"/inbox/{which}", asked)


@pytest.mark.long
def test_files_of_a_conversation(opened: Opened) -> None:
    visit, page = opened.visit, opened.visit.page
    visit.go(opened.conversation)
    visit.look("conversation-with-files")
    # Nothing of theirs was asked for before a click.
    assert not any("/media/" in url for url in opened.asked)

    voice, picture = page.locator(".media").nth(0), page.locator(".media").nth(1)
    voice.locator("summary").nth(0).click()
    assert voice.locator("audio").evaluate("sound => sound.play().then(() => sound.readyState)") >= 2
    picture.locator("summary").nth(0).click()
    image = picture.locator("img")
    page.wait_for_function("() => document.querySelector('.media img').naturalWidth === 640")
    assert "blur" in image.evaluate("each => getComputedStyle(each).filter")
    visit.look("conversation-blurred")
    picture.locator("input[type=checkbox]").check()
    assert image.evaluate("each => getComputedStyle(each).filter") == "none"
    visit.look("conversation-clear")

    voice.locator("summary").nth(1).click()
    voice.locator("textarea").fill("Нас двоє, ми на вокзалі")
    voice.locator("form button").first.click()
    page.wait_for_load_state()
    expect(page.locator(".media blockquote")).to_contain_text("Нас двоє")
    picture.locator("summary").last.click()
    visit.look("conversation-locking")
    picture.locator("form button").click()
    page.wait_for_load_state()
    expect(picture.locator("img")).to_have_count(0)
    visit.look("conversation-locked")
    visit.go("/inbox/media")
    visit.look("locked-files")
