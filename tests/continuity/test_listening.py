"""After a silence the providers are asked: what is unknown latches, a plain outage goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.latch import find_latch_reason
from campaigns.continuity.lifeline import Lifeline, Standing
from campaigns.continuity.models import LatchReason, Pulse
from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.base import ProviderMessage
from campaigns.planning.models import Run, RunState
from campaigns.restoring import listening
from campaigns.restoring.listening import Listener
from tests.delivery.builders import TEXT, a_running_run
from tests.delivery.provider import MemoryProvider

HOUR = timedelta(hours=1)


class Scene:
    """A run of three people, a provider, and a worker that comes back after an hour."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, folder: Path) -> None:
        self.sessions, self.vault = sessions, vault
        self.provider = MemoryProvider()
        with sessions.begin() as session:
            self.run = a_running_run(session, vault, count=3)
            self.identity = self.run.sender.identity
        before = Lifeline(sessions, folder / "mark")
        before.tend()
        before.close()
        self.silence(HOUR)
        self.lifeline = Lifeline(sessions, folder / "mark")
        self.seconds = 0.0
        self.has_heard = True

    def silence(self, ago: timedelta) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Pulse).values(seen_at=clock.now() - ago))

    def listed(self, number: int, **changes: object) -> None:
        """Let the provider's list hold a message to one of the people, of half an hour ago."""
        message = ProviderMessage(
            provider_id=f"SM-lost-{len(self.provider.messages)}",
            to=f"+38067{number:07}",
            sender=self.identity,
            body=TEXT,
            status="delivered",
            error=None,
            created_at=(clock.now() - HOUR / 2).replace(microsecond=0),
        )
        self.provider.messages.append(replace(message, **changes))  # type: ignore[arg-type]

    def change(self, **values: object) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Delivery).values(**values))

    def tend(self) -> Standing:
        """Let the worker look, and listen when it has to."""

        async def at_once(function: Callable[..., object], *arguments: object) -> object:
            return function(*arguments)

        listener = Listener(
            self.lifeline,
            self.sessions,
            vault=self.vault,
            open_gateway=lambda sender: self.provider,
            database=at_once,  # type: ignore[arg-type]
            has_heard=lambda since: self.has_heard,
            seconds=lambda: self.seconds,
        )
        self.listener = listener
        asyncio.run(listener.tend())
        return self.lifeline.standing

    def state(self) -> tuple[RunState, bool]:
        with self.sessions() as session:
            run = session.get_one(Run, self.run.id)
            return run.state, run.paused_by_itself

    def reason(self) -> LatchReason | None:
        with self.sessions() as session:
            return find_latch_reason(session)


@pytest.fixture
def scene(sessions: sessionmaker[Session], vault: Vault, tmp_path: Path) -> Scene:
    return Scene(sessions, vault, tmp_path)


def test_outage_of_an_hour_goes_on_by_itself(scene: Scene) -> None:
    assert scene.tend() is Standing.OPEN
    assert scene.state() == (RunState.RUNNING, False)


def test_message_that_no_row_knows_latches(scene: Scene) -> None:
    scene.listed(1)
    assert scene.tend() is Standing.LATCHED
    assert scene.reason() == LatchReason.LISTED


def test_messages_whose_replies_were_lost_are_known(scene: Scene) -> None:
    scene.change(send_state=SendState.SENDING, intent_at=clock.now() - HOUR)
    for number in (1, 2, 3):
        scene.listed(number)
    assert scene.tend() is Standing.OPEN


def test_one_lost_reply_explains_one_message(scene: Scene) -> None:
    scene.change(send_state=SendState.UNKNOWN, intent_at=clock.now() - HOUR)
    scene.listed(1)
    scene.listed(1)
    assert scene.tend() is Standing.LATCHED


def test_message_with_the_id_of_a_row_is_known(scene: Scene) -> None:
    scene.listed(2)
    with scene.sessions.begin() as session:
        second = session.scalars(select(Delivery).order_by(Delivery.id).offset(1)).first()
        assert second is not None
        second.send_state, second.provider_id = SendState.ACCEPTED, scene.provider.messages[0].provider_id
    assert scene.tend() is Standing.OPEN


@pytest.mark.parametrize(
    "changes",
    [{"sender": "+48999"}, {"to": "+48999999999"}, {"is_automatic": True}],
    ids=["of another sender", "to nobody of ours", "answered by the provider"],
)
def test_messages_that_are_not_ours_do_not_latch(scene: Scene, changes: dict[str, object]) -> None:
    scene.listed(1, **changes)
    assert scene.tend() is Standing.OPEN


def test_long_silence_without_a_list_waits_for_one_member(scene: Scene) -> None:
    scene.provider.keeps_list = False
    assert scene.tend() is Standing.OPEN
    assert scene.state() == (RunState.PAUSED, False)


def test_short_silence_without_a_list_goes_on(scene: Scene) -> None:
    scene.provider.keeps_list = False
    scene.silence(timedelta(minutes=9))
    assert scene.tend() is Standing.OPEN
    assert scene.state() == (RunState.RUNNING, False)


async def away(since: datetime) -> AsyncIterator[list[ProviderMessage]]:
    """List nothing, as a provider that breaks off before its first page."""
    for page in list[list[ProviderMessage]]():
        yield page
    raise UnavailableError("away")


def test_list_that_cannot_be_read_is_asked_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    read = scene.provider.list_since

    monkeypatch.setattr(scene.provider, "list_since", away)
    assert scene.tend() is Standing.LISTENING
    monkeypatch.setattr(scene.provider, "list_since", read)
    assert scene.tend() is Standing.OPEN


def test_list_that_stays_away_leaves_its_runs_to_a_member(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.provider, "list_since", away)
    monkeypatch.setattr(listening, "TRY_FOR", 0.0)
    assert scene.tend() is Standing.OPEN
    assert scene.state() == (RunState.PAUSED, False)


def test_nothing_is_claimed_before_what_people_wrote_is_read(scene: Scene) -> None:
    scene.has_heard = False
    assert scene.tend() is Standing.LISTENING
    scene.has_heard = True
    assert scene.tend() is Standing.OPEN
    assert scene.state() == (RunState.RUNNING, False)


def test_list_of_what_people_wrote_that_stays_away_holds_up_nobody_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.has_heard = False
    monkeypatch.setattr(listening, "TRY_FOR", 0.0)
    assert scene.tend() is Standing.OPEN


def test_restart_without_a_silence_waits_for_no_list(scene: Scene) -> None:
    scene.has_heard = False
    scene.silence(timedelta(seconds=30))
    assert scene.tend() is Standing.OPEN
