"""What people send is fetched from their provider and deleted there, whatever the provider does meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.gateways.callbacks import Callback, CallbackReader, Inbound, InboundMedia, MediaKind, hook_secret
from campaigns.gateways.factory import build_readers
from campaigns.gateways.telegram.callbacks import TelegramUpdates
from campaigns.inbox.media import fetching
from campaigns.inbox.media.fetching import TRIES_IN_VAIN, TRIES_WITHOUT_ANSWER, MediaFetching
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.media.queries import read_content
from campaigns.inbox.media.service import remove_from_closed
from campaigns.inbox.service import receive_inbound
from campaigns.missed_inbound import MissedInbound
from tests.factories import a_member, a_sender, an_organisation
from tests.inbox.builders import came_over
from tests.inbox.media.files import POSITION, archive, jpeg, nested, ogg, png
from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

#: The moment between two statements is short: so many times two workers look at once.
ROUNDS = 60
PERSON, OURS, CHAT = "whatsapp:+380671234567", "whatsapp:+447700900100", 77


@dataclass
class Desk:
    """An organisation that people write to on WhatsApp and Telegram, beside a sandbox."""

    sessions: sessionmaker[Session]
    settings: Settings
    sandbox: SandboxProcess
    by: int

    def sends(self, content: bytes, content_type: str, *, text: str = "") -> None:
        """Let the person send a file on WhatsApp; we are told of it by the provider's list."""
        self._act({"from": PERSON, "to": OURS, "text": text}, content, content_type)
        asyncio.run(MissedInbound(self.sessions, self.settings).look())

    def sends_on_telegram(self, content: bytes, content_type: str) -> None:
        """Let the person send a file to the bot, and read the update as its webhook would."""
        self._act({"provider": "telegram", "from": CHAT}, content, content_type, seconds=7)
        path = f"/bot{DEFAULTS.telegram_token}/getUpdates"
        (update,) = self.sandbox.request("GET", path).json()["result"]
        reader = build_readers(self.settings)["telegram"]
        assert isinstance(reader, TelegramUpdates)
        self.hear(_read(reader, update), "telegram", str(DEFAULTS.telegram_bot_id))

    def hear(self, inbound: Inbound, gateway: str = "twilio", account: str = DEFAULTS.account_sid) -> None:
        with self.sessions.begin() as session:
            came = came_over(session, gateway, name=account)
            assert receive_inbound(session, inbound, self.settings.vault(), account=came)

    def _act(self, what: dict[str, Any], content: bytes, content_type: str, seconds: int = 1) -> None:
        file = {"content": base64.b64encode(content).decode(), "content_type": content_type, "seconds": seconds}
        self.sandbox.call("POST", "inbound", what | {"media": [file]})

    def look(self, **changes: Any) -> Media:
        """Let a worker look; return the only file there is."""
        asyncio.run(MediaFetching(self.sessions, replace(self.settings, **changes)).look())
        return self.file()

    def file(self) -> Media:
        with self.sessions() as session:
            media = session.scalars(select(Media)).one()
            _ = media.sealed_content
            return media

    def content(self) -> bytes | None:
        with self.sessions() as session:
            return read_content(session.scalars(select(Media)).one(), self.settings.vault())

    def at_the_provider(self) -> int:
        """Count the files that the provider still has of this person."""
        client = self.sandbox.client()
        try:
            return sum(len(client.messages(one.sid).media.list()) for one in client.messages.list(from_=PERSON))
        finally:
            client.http_client.session.close()

    def fault(self, on: str, **action: Any) -> None:
        self.sandbox.call("POST", "faults", {"match": {"on": on, "count": 1}, "action": action})


def _read(reader: CallbackReader, update: dict[str, Any]) -> Inbound:
    secret = hook_secret(DEFAULTS.telegram_token.partition(":")[2])
    headers = {"x-telegram-bot-api-secret-token": secret}
    (inbound,) = reader.read_inbound(Callback("", headers, json.dumps(update).encode(), secret=secret))
    return inbound


@pytest.fixture
def desk(sessions: sessionmaker[Session], engine: Engine, sandbox: SandboxProcess) -> Desk:
    secrets = {
        "TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "BOT": DEFAULTS.telegram_token,
    }
    settings = replace(page_settings(engine), sandbox_url=sandbox.url, secrets=secrets)
    with sessions.begin() as session:
        by = a_member(session, an_organisation(session)).id
        a_sender(session, channel="whatsapp", identity=OURS.removeprefix("whatsapp:"))
    return Desk(sessions, settings, sandbox, by)


def pass_time(monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> None:
    now = clock.now() + passed
    monkeypatch.setattr(clock, "now", lambda: now)


def test_picture_is_fetched_sealed_and_deleted_at_twilio(desk: Desk) -> None:
    desk.sends(jpeg(), "image/jpeg")
    assert (desk.file().state, desk.at_the_provider()) == (MediaState.WAITING, 1)
    file = desk.look()
    assert (file.state, file.content_type, file.kind) == (MediaState.KEPT, "image/jpeg", MediaKind.PICTURE)
    assert (file.sealed_source, file.size) == (None, len(jpeg()))
    assert POSITION not in (desk.content() or b"")
    assert jpeg()[:20] not in (file.sealed_content or b"")
    assert desk.at_the_provider() == 0


def test_voice_note_is_fetched_from_telegram(desk: Desk) -> None:
    desk.sends_on_telegram(ogg(seconds=7), "audio/ogg")
    assert desk.file().seconds == 7
    file = desk.look()
    assert (file.state, file.kind, file.content_type) == (MediaState.KEPT, MediaKind.VOICE, "audio/ogg")
    assert desk.content() == ogg(seconds=7)
    assert file.sealed_source is None


@pytest.mark.both_databases
def test_archive_that_calls_itself_a_voice_note_goes_at_once(desk: Desk) -> None:
    desk.sends(archive(), "audio/ogg")
    file = desk.look()
    assert (file.state, file.sealed_content, file.size) == (MediaState.UNKNOWN, None, len(archive()))
    assert desk.at_the_provider() == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("content", "content_type", "state"),
    [
        (png(width=2**32 - 1, height=2**32 - 1), "image/png", MediaState.KEPT),
        (nested(3_000), "video/mp4", MediaState.UNKNOWN),
    ],
)
def test_file_that_is_made_to_break_us_is_settled(
    desk: Desk, content: bytes, content_type: str, state: MediaState
) -> None:
    desk.sends(content, content_type)
    assert (desk.look().state, desk.at_the_provider()) == (state, 0)


def test_ten_megabytes_are_fetched_and_more_are_not(desk: Desk) -> None:
    content = ogg() + bytes(10 * 1024**2)
    desk.sends(content, "audio/ogg")
    assert desk.look(media_max_megabytes=16).size == len(content)


@pytest.mark.parametrize("on_telegram", [False, True])
def test_what_is_too_large_is_said_and_deleted(desk: Desk, on_telegram: bool) -> None:
    (desk.sends_on_telegram if on_telegram else desk.sends)(ogg() + bytes(1024**2), "audio/ogg")
    file = desk.look(media_max_megabytes=1)
    assert (file.state, file.sealed_content, file.sealed_source) == (MediaState.TOO_LARGE, None, None)
    assert desk.at_the_provider() == 0


def test_picture_that_is_gone_is_given_up_after_some_tries(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    media = InboundMedia(MediaKind.PICTURE, f"MM{'1' * 32}/ME{'2' * 32}")
    desk.hear(Inbound("MM1", PERSON.partition(":")[2], OURS.partition(":")[2], "", "whatsapp", media=(media,)))
    for nth in range(1, TRIES_IN_VAIN + 1):
        file = desk.look()
        assert (file.tries, file.state == MediaState.GONE) == (nth, nth == TRIES_IN_VAIN)
        # Not asked again before its time.
        assert desk.look().tries == nth
        pass_time(monkeypatch, timedelta(hours=7))
    assert desk.look().sealed_source is None


@pytest.mark.parametrize("on", ["media_content", "delete_media"])
def test_provider_that_fails_is_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch, on: str) -> None:
    desk.sends(jpeg(), "image/jpeg")
    desk.fault(on, before="503")
    file = desk.look()
    is_kept = on == "delete_media"
    assert file.state == (MediaState.KEPT if is_kept else MediaState.WAITING)
    assert file.sealed_source is not None
    assert desk.at_the_provider() == 1
    pass_time(monkeypatch, timedelta(minutes=1))
    file = desk.look()
    assert (file.state, file.sealed_source, desk.at_the_provider()) == (MediaState.KEPT, None, 0)


def test_provider_that_never_answers_is_given_up_at_last(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sends(jpeg(), "image/jpeg")
    nobody = replace(desk.settings, secrets={})
    for _ in range(TRIES_WITHOUT_ANSWER):
        assert desk.file().state == MediaState.WAITING
        asyncio.run(MediaFetching(desk.sessions, nobody).look())
        pass_time(monkeypatch, timedelta(hours=7))
    assert desk.file().state == MediaState.GONE


def test_two_workers_fetch_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sends(jpeg(), "image/jpeg")
    desk.sandbox.fixture(keep_requests=100)

    async def both() -> None:
        await asyncio.gather(*(MediaFetching(desk.sessions, desk.settings).look() for _ in range(2)))

    asyncio.run(both())
    asked = [
        each["path"] for each in desk.sandbox.call("GET", "requests")["requests"] if "/Media/" in each["path"]
    ]
    assert len([path for path in asked if not path.endswith(".json")]) == 1
    assert desk.file().state == MediaState.KEPT


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_file_that_another_has_just_taken_is_not_taken_again(desk: Desk) -> None:
    """One worker sees a file wait, and comes to its row once the other has written when it is due again."""
    desk.sends(jpeg(), "image/jpeg")
    workers = [MediaFetching(desk.sessions, desk.settings) for _ in range(2)]
    both = Barrier(len(workers))

    def take(worker: MediaFetching) -> int:
        both.wait(20)
        return len(worker._take())

    with ThreadPoolExecutor(len(workers)) as threads:
        for _ in range(ROUNDS):
            with desk.sessions.begin() as session:
                session.execute(update(Media).values(due_at=clock.now()))
            assert sum(threads.map(take, workers)) == 1


def test_slow_file_keeps_no_other_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [f"MM{number:032}/ME{number:032}" for number in range(1, 4)]
    media = tuple(InboundMedia(MediaKind.PICTURE, source) for source in sources)
    desk.hear(Inbound("MM1", PERSON.partition(":")[2], OURS.partition(":")[2], "", "whatsapp", media=media))
    begun: list[int] = []

    async def wait_for_all(_worker: MediaFetching, task: Any) -> None:
        begun.append(task.media_id)
        while len(begun) < len(sources):
            await asyncio.sleep(0)

    monkeypatch.setattr(MediaFetching, "_do", wait_for_all)
    asyncio.run(asyncio.wait_for(MediaFetching(desk.sessions, desk.settings).look(), 5))
    assert len(begun) == len(sources)


def test_worker_that_died_is_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sends(jpeg(), "image/jpeg")

    async def die(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as dying:
        dying.setattr(MediaFetching, "_do", die)
        with pytest.raises(ConnectionResetError):
            desk.look()
    assert desk.look().state == MediaState.WAITING
    pass_time(monkeypatch, fetching.LEASE)
    assert desk.look().state == MediaState.KEPT


def test_closed_meanwhile_is_deleted_at_the_provider_unseen(desk: Desk) -> None:
    desk.sends(jpeg(), "image/jpeg")
    with desk.sessions.begin() as session:
        contact = session.scalars(select(Contact)).one()
        remove_from_closed(session, [contact.id], organisation_id=contact.organisation_id)
    file = desk.look()
    assert (file.state, file.sealed_content, file.due_at) == (MediaState.REMOVED, None, None)
    assert desk.at_the_provider() == 0


def test_closed_beside_the_fetching_is_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sends(jpeg(), "image/jpeg")
    keep = MediaFetching._keep

    def close_first(self: MediaFetching, *given: Any) -> None:
        with desk.sessions.begin() as session:
            contact = session.scalars(select(Contact)).one()
            remove_from_closed(session, [contact.id], organisation_id=contact.organisation_id)
        keep(self, *given)

    monkeypatch.setattr(MediaFetching, "_keep", close_first)
    file = desk.look()
    assert (file.state, file.sealed_content, desk.at_the_provider()) == (MediaState.REMOVED, None, 0)


@pytest.mark.both_databases
@pytest.mark.parametrize("is_fetched", [False, True])
def test_erased_person_leaves_nothing_here_or_there(desk: Desk, is_fetched: bool) -> None:
    desk.sends(jpeg(), "image/jpeg")
    if is_fetched:
        desk.look()
    with desk.sessions.begin() as session:
        contact = session.scalars(select(Contact)).one()
        assert ask_to_erase(session, contact, by=desk.by, why=Why.ASKED, words="", vault=desk.settings.vault())
    with desk.sessions() as session:
        left = session.scalars(select(Media)).all()
        assert len(left) == (0 if is_fetched else 1)
        assert all((one.reply_id, one.sealed_content, one.sha256) == (None, None, None) for one in left)
    asyncio.run(MediaFetching(desk.sessions, desk.settings).look())
    with desk.sessions() as session:
        assert session.scalars(select(Media)).all() == []
    assert desk.at_the_provider() == 0


def test_nothing_is_kept_longer_than_the_setting_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sends(jpeg(), "image/jpeg")
    assert desk.look(media_kept_days=2).state == MediaState.KEPT
    pass_time(monkeypatch, timedelta(days=2, seconds=-5))
    assert desk.look().state == MediaState.KEPT
    pass_time(monkeypatch, timedelta(seconds=10))
    file = desk.look()
    assert (file.state, file.sealed_content, file.sha256 is not None) == (MediaState.REMOVED, None, True)


def test_gateway_that_keeps_no_files_is_said(desk: Desk) -> None:
    desk.sends(jpeg(), "image/jpeg")
    worker = MediaFetching(desk.sessions, desk.settings, open_gateway=lambda *_, **__: object())  # type: ignore[arg-type]
    (task,) = worker._take()
    with pytest.raises(UnavailableError):
        worker._open(task)
