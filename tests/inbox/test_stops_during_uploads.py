"""While a member has the server read the worst of files, a stop by SMS is answered and in force within seconds."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import Engine, select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.delivery.serving import ServerProcess, children_of, serve_instance
from tests.factories import a_contact, a_region, an_address
from tests.web.hostile_files import Hostile, few, many
from tests.web.pages import Pages, make_pages

PUBLIC_URL, TOKEN, INBOUND = "http://fingerpost.example", "token", "/hooks/twilio/inbound"
#: Longest that a stop may take, in seconds, and most memory of a process, in MB.
AT_MOST, MOST_MEGABYTES = 5.0, 400
#: Numbers that say stop, one after another.
PEOPLE = 1000


@dataclass
class Scene:
    """A server with somebody who hands in files, and people who say stop."""

    server: ServerProcess
    pages: Pages
    browser: requests.Session
    #: Of all forms of the session.
    token: str = ""
    #: Seconds of each stop, and answers of each file.
    people: int = 0
    stops: list[float] = field(default_factory=list)
    answers: list[tuple[str, int, float]] = field(default_factory=list)
    #: Most memory of a process that answers, and of one that reads, in MB.
    serving: float = 0.0
    reading: float = 0.0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def warm(self, files: Sequence[Hostile]) -> None:
        """Let the server do once what it does slower for the first time."""
        for page in sorted({file.page for file in files}):
            assert self.browser.get(self.base + page, timeout=60).ok
        self.stop()
        self.stops.clear()

    def hand_in(self, file: Hostile) -> None:
        began = time.monotonic()
        answer = self.browser.post(
            self.base + file.page,
            data=file.fields | {"csrf_token": self.token},
            files={"file": (file.name, file.content)},
            timeout=120,
        )
        self.answers.append((f"{file.page} {file.name}", answer.status_code, time.monotonic() - began))
        assert answer.status_code in (422, 503)
        assert answer.status_code == 503 or file.words in answer.text

    def stop(self) -> None:
        """Let one more person say stop, and see that it is in force once it is answered."""
        self.people += 1
        number = _number(self.people)
        form = {"MessageSid": f"SM{self.people}", "From": number, "To": "+15005550006", "Body": "STOP"}
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + INBOUND, MultiDict(form))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.monotonic()
        answer = requests.post(self.base + INBOUND, data=urlencode(form), headers=headers, timeout=60)
        self.stops.append(time.monotonic() - began)
        assert answer.status_code == 200
        with self.pages.sessions() as session:
            stopped = session.scalars(select(Address.id).where(Address.state == AddressState.OPTED_OUT)).all()
        assert len(stopped) == self.people

    def stop_during(self, acts: Sequence[Callable[[], None]]) -> None:
        """Do these at once, and let people say stop until all are done."""
        failed: list[BaseException] = []

        def run(act: Callable[[], None]) -> None:
            try:
                act()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.stop()
            self.serving = max(self.serving, self.server.peak_megabytes())
            for answering in children_of(self.server.pid):
                self.reading = max(self.reading, *map(_peak, children_of(answering)), 0.0)
            time.sleep(0.2)
        if failed:
            raise failed[0]


@pytest.fixture
def scene(engine: Engine, vault: Vault) -> Iterator[Scene]:
    with make_pages(engine, public_url=PUBLIC_URL) as pages:
        with pages.sessions.begin() as session:
            for code in ("PL-18", "UA-46"):
                a_region(session, code=code, country=code[:2], name=f"Region {code}")
            for at in range(PEOPLE + 1):
                an_address(session, a_contact(session, pages.ours), vault, number=_number(at))
        client = pages.client(pages.member(Role.AUTHOR, Role.STEWARD))
        with serve_instance(engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}") as server:
            browser = requests.Session()
            browser.trust_env = False
            cookie = client.get_cookie("session")
            assert cookie is not None
            browser.cookies.set("session", cookie.value, domain="127.0.0.1", path="/")
            browser.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=20))
            with browser:
                scene = Scene(server, pages, browser)
                page = browser.get(f"{scene.base}/places/import").text
                found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
                assert found is not None
                scene.token = found[1]
                yield scene


def _number(at: int) -> str:
    return f"+3805012{at:05}"


def _peak(pid: int) -> float:
    """Return the most memory that a process ever had, in MB; one that has ended had none."""
    try:
        with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")), 0.0)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


@pytest.mark.long
def test_stop_is_obeyed_while_hostile_files_are_read(scene: Scene) -> None:
    """All at once: two are read, others wait, and some are sent away."""
    files = [file for file in few() if len(file.content) < 2_000_000]
    scene.warm(files)
    scene.stop_during([lambda file=file: scene.hand_in(file) for file in files])  # type: ignore[misc] # bound at once
    assert len(scene.stops) >= 3
    assert max(scene.stops) < AT_MOST
    assert scene.serving < MOST_MEGABYTES
    assert 0 < scene.reading < MOST_MEGABYTES
    assert requests.get(f"{scene.base}/health", timeout=5).ok


@pytest.mark.slow
def test_stop_is_obeyed_during_each_of_the_worst_files(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    scene.warm(many())
    for file in many():
        before = len(scene.stops)
        scene.stop_during([lambda file=file: scene.hand_in(file)])  # type: ignore[misc] # bound at once
        name, status, seconds = scene.answers[-1]
        slowest = max(scene.stops[before:])
        record_property(name, f"{len(file.content)} bytes, {status} in {seconds:.1f} s, stop in {slowest:.2f} s")
        assert slowest < AT_MOST
    record_property("megabytes", f"{scene.serving:.0f} serving, {scene.reading:.0f} reading")
    assert scene.serving < MOST_MEGABYTES
    assert 0 < scene.reading < MOST_MEGABYTES
