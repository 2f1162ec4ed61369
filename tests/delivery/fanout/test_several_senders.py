"""A campaign over three channels by the real worker: each person once, over the first channel that reaches.

On one database only: what differs between the two is tested statement by statement elsewhere, and this takes long.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.demo.processes import Processes
from campaigns.schema import metadata
from campaigns.verifying import verify_run_with_provider
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.delivery.test_profile import environment_for, wait_until_over
from tests.factories import a_sender
from tests.sandbox.process import DEFAULTS, QUICK, SENDER, SandboxProcess

WHATSAPP_NUMBER = "+447700900100"
#: Of forty people, who has what, by their place: those behind ABSENT are not on WhatsApp, BLOCKED left the bot.
ON_WHATSAPP, ABSENT, ON_TELEGRAM, BLOCKED = range(20), range(10, 20), range(15, 30), range(18, 22)


def number(prefix: str, place: int) -> str:
    return f"{prefix}{place + 1:07}"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'several.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.long
def test_each_is_reached_where_they_are(engine: Engine, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with SandboxProcess() as sandbox:
        sandbox.call("POST", "fixture", _fixture())
        environment = environment_for(engine, sandbox, tmp_path) | {
            "FINGERPOST_SECRET_TELEGRAM": f"{DEFAULTS.telegram_bot_id}:{DEFAULTS.auth_token}"
        }
        run_id, contacts = _plan(sessions, load_settings(environment))
        with Processes(environment, tmp_path / "logs") as processes:
            processes.start("web", "serve")
            processes.wait_for(environment["FINGERPOST_PUBLIC_URL"] + "/health")
            processes.start("worker", "worker")
            wait_until_over(sessions, sandbox, processes, run_id)
        truth = sandbox.truth()
        report = asyncio.run(verify_run_with_provider(load_settings(environment), run_id))
    _check(sessions, run_id, contacts)
    by_channel = Counter(message["channel"] for message in truth)
    assert by_channel == {"whatsapp": 20, "telegram": 11, "sms": 15}
    assert report.agrees, report.lines()
    assert (report.accepted, report.earlier, report.unlisted) == (36, 10, {"Bot": 11})


def _fixture() -> dict[str, Any]:
    windows = {f"whatsapp:{number('+38067', place)}": 3600.0 for place in ON_WHATSAPP}
    chats = {number("5000", place): "blocked" if place in BLOCKED else "ok" for place in ON_TELEGRAM}
    return {
        "profile": QUICK,
        "whatsapp_windows": windows,
        "not_on_whatsapp": [f"whatsapp:{number('+38067', place)}" for place in ABSENT],
        "telegram_chats": chats,
    }


def _plan(sessions: sessionmaker[Session], settings: Any) -> tuple[int, list[int]]:
    with sessions.begin() as session:
        senders = [
            a_sender(session, channel=Channel.WHATSAPP, identity=WHATSAPP_NUMBER, name="WhatsApp"),
            a_sender(
                session,
                channel=Channel.TELEGRAM,
                gateway="telegram",
                secret_name="telegram",
                identity="fingerpost_bot",
                name="Bot",
            ),
            a_sender(session, identity=SENDER, name="SMS"),
        ]
        now = clock.now().replace(tzinfo=None)
        run = a_planned_run(session, senders=senders, frozen=frozen(), occurrence=now)
        vault, ours = settings.vault(), run.organisation_id
        contacts = people(session, ours, vault, count=40)
        everywhere = [contacts[place] for place in range(30)]
        heard: dict[str, Any] = {"prefix": "+38067", "channel": Channel.WHATSAPP, "heard_at": clock.now()}
        give_addresses(session, ours, vault, everywhere[:20], **heard)
        chats: dict[str, Any] = {"prefix": "5000", "channel": Channel.TELEGRAM, "country": None}
        by_contact = give_addresses(session, ours, vault, everywhere, **chats)
        strangers = [by_contact[contacts[place]] for place in range(30) if place not in ON_TELEGRAM]
        session.execute(update(Address).where(Address.id.in_(strangers)).values(state=AddressState.PENDING))
        return run.id, contacts


def _check(sessions: sessionmaker[Session], run_id: int, contacts: list[int]) -> None:
    """Compare each person's row with where they had to be reached."""
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: 36, SendState.FAILED: 4}
        rows = {row.contact_id: row for row in session.scalars(select(Delivery))}
        fell_back = session.scalars(select(Attempt.delivery_id).where(Attempt.outcome == "fell_back")).all()
        stopped = session.scalars(select(Address.contact_id).where(Address.state == AddressState.OPTED_OUT)).all()
    for place, contact in enumerate(contacts):
        row = rows[contact]
        wanted = Channel.SMS
        if place in ON_TELEGRAM and place not in range(15):
            wanted = Channel.TELEGRAM
        if place in ON_WHATSAPP and place not in ABSENT:
            wanted = Channel.WHATSAPP
        assert (place, row.channel) == (place, wanted)
        assert (row.send_state == SendState.FAILED) is (place in BLOCKED)
        assert (row.id in fell_back) is (place in ABSENT)
    assert set(stopped) == {contacts[place] for place in BLOCKED}
