"""What somebody with an account, or who tries passwords, does to a server: sign-ins at once, and hostile files."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any

import requests
from sqlalchemy import select

from campaigns.staff.models import Organisation, Role
from campaigns.staff.sign_in.passwords import hash_password
from tests.factories import a_member, a_region
from tests.faults.scene import Scene
from tests.web.hostile_files import Hostile, few, many

#: Addresses of strangers: each has fewer connections than one may have, so that only their sum is too many.
STRANGERS = 50
EMAIL, PASSWORD = "attacker@example.org", "seven wooden signposts"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def prepare_member(scene: Scene) -> None:
    """Add a member who may hand in every kind of file; the organisation is that of the scene's first run."""
    with scene.sessions.begin() as session:
        for code in ("PL-18", "UA-46"):
            a_region(session, code=code, country=code[:2], name=f"Region {code}")
        ours = session.scalars(select(Organisation).order_by(Organisation.id)).first()
        assert ours is not None
        a_member(session, ours, Role.AUTHOR, Role.STEWARD, email=EMAIL, password=hash_password(PASSWORD))


@contextmanager
def sign_ins(scene: Scene, count: int) -> Iterator[None]:
    """Try a wrong password `count` times at once, and again as soon as each is answered."""

    def guess(number: int) -> None:
        with _browser(number) as browser:
            page = browser.get(f"{_base(scene)}/sign-in", timeout=60).text
            found = _TOKEN.search(page)
            if found is not None:
                asked = {"email": f"{number}.{EMAIL}", "password": f"{PASSWORD} {number}", "csrf_token": found[1]}
                browser.post(f"{_base(scene)}/sign-in", data=asked, timeout=60)

    with again_and_again([lambda number=number: guess(number) for number in range(count)]):  # type: ignore[misc]
        yield


@contextmanager
def uploads(scene: Scene, count: int) -> Iterator[None]:
    """Hand in hostile files, `count` at once, as long as it lasts; with one at a time the worst of each kind."""
    prepare_member(scene)
    browser, token = _sign_in(scene)
    files = cycle(many() if count == 1 else few())
    taking, answered = threading.Lock(), list[int]()

    def hand_in() -> None:
        with taking:
            file: Hostile = next(files)
        answer = browser.post(
            _base(scene) + file.page,
            data=file.fields | {"csrf_token": token},
            files={"file": (file.name, file.content)},
            timeout=120,
        )
        answered.append(answer.status_code)

    with browser:
        with again_and_again([hand_in] * count):
            yield
        assert answered
        assert set(answered) <= {422, 503}


def _base(scene: Scene) -> str:
    return f"http://127.0.0.1:{scene.port}"


class _From(requests.adapters.HTTPAdapter):
    """Connects from one of the strangers' addresses: what a peer may have at once is its own."""

    def __init__(self, number: int) -> None:
        self._source = (f"127.0.{number % STRANGERS + 1}.1", 0)
        super().__init__(pool_maxsize=20)

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named, source_address=self._source)


def _browser(number: int) -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    browser.mount("http://", _From(number))
    return browser


def _sign_in(scene: Scene) -> tuple[requests.Session, str]:
    """Return a browser with a member's session, and the token of its forms."""
    browser = _browser(0)
    found = _TOKEN.search(browser.get(f"{_base(scene)}/sign-in", timeout=60).text)
    assert found is not None
    asked = {"email": EMAIL, "password": PASSWORD, "csrf_token": found[1]}
    assert browser.post(f"{_base(scene)}/sign-in", data=asked, timeout=60).ok
    found = _TOKEN.search(browser.get(f"{_base(scene)}/places/import", timeout=60).text)
    assert found is not None
    return browser, found[1]


@contextmanager
def again_and_again(acts: Iterable[Callable[[], None]]) -> Iterator[None]:
    """Do these at once, and each again when it is done; a server that sends one away is no failure."""
    ending = threading.Event()

    def repeat(act: Callable[[], None]) -> None:
        while not ending.is_set():
            with suppress(OSError):
                act()

    threads = [threading.Thread(target=repeat, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
