"""A live instance rehearses: invented people are written to over each sender, and no address leaves.

The real processes, told nothing but the instance's own settings. On one database only, as with several senders.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import CONTROL_DOOR, Mode, load_settings
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.demo.demo_instance import Addresses, environment_of
from campaigns.demo.processes import Processes, free_port
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.schema import metadata
from campaigns.verifying import verify_run_with_provider
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.delivery.secured import secured, write_certificate
from tests.delivery.test_profile import wait_until_over
from tests.factories import a_sender

PEOPLE = 40
#: People of a rehearsal for each sender: twenty for each of two languages.
INVENTED = 40
#: By the place of a person among all: who has WhatsApp, and who Telegram; everybody has a phone.
ON_WHATSAPP, ON_TELEGRAM = slice(0, 12), slice(12, 20)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'live.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def live_environment(engine: Engine, folder: Path) -> dict[str, str]:
    """Return the variables of a live instance whose credentials open nothing."""
    web, sandbox = (f"http://127.0.0.1:{free_port(0)}" for _ in range(2))
    certificate = write_certificate(folder)
    return environment_of(folder, Addresses(web, sandbox)) | {
        "FINGERPOST_MODE": "live",
        # Nothing else may be live; the sandbox, which posts receipts there, trusts the certificate.
        "FINGERPOST_PUBLIC_URL": f"https://127.0.0.1:{free_port(0)}",
        "SSL_CERT_FILE": str(certificate),
        # A live instance takes no less.
        "FINGERPOST_RECONCILE_GRACE_SECONDS": "600",
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }


def plan_rehearsal(sessions: sessionmaker[Session], vault: Vault) -> tuple[int, set[str]]:
    """Make a rehearsal over three channels; return it with every real handle."""
    with sessions.begin() as session:
        senders = [
            a_sender(session, channel=Channel.WHATSAPP, identity="+447700900100", name="WhatsApp"),
            a_sender(session, channel=Channel.TELEGRAM, gateway="telegram", secret_name="telegram", name="Bot"),
            a_sender(session, identity="CORRIDOR", name="SMS"),
        ]
        occurrence = clock.now().replace(tzinfo=None)
        run = a_planned_run(
            session, senders=senders, frozen=frozen(), occurrence=occurrence, schedule_id=None, is_rehearsal=True
        )
        contacts = people(session, run.organisation_id, vault, count=PEOPLE)
        heard: dict[str, Any] = {"prefix": "+38067", "channel": Channel.WHATSAPP, "heard_at": clock.now()}
        give_addresses(session, run.organisation_id, vault, contacts[ON_WHATSAPP], **heard)
        chats: dict[str, Any] = {"prefix": "5000", "channel": Channel.TELEGRAM, "country": None}
        give_addresses(session, run.organisation_id, vault, contacts[ON_TELEGRAM], **chats)
        sealed = session.execute(select(Address.id, Address.ciphertext)).all()
        place = {"table": "address", "column": "ciphertext"}
        handles = {vault.open(row.ciphertext, row_id=row.id, **place) for row in sealed}
        return run.id, handles


@pytest.mark.long
def test_live_campaign_is_rehearsed(engine: Engine, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    environment = live_environment(engine, tmp_path)
    settings = load_settings(environment)
    run_id, handles = plan_rehearsal(sessions, settings.vault())
    sandbox = SandboxControl(settings.sandbox_url, settings.sandbox_token(CONTROL_DOOR))
    public = int(settings.public_url.rpartition(":")[2])
    with (
        secured(public, settings.port, tmp_path / "certificate.pem"),
        Processes(environment, tmp_path / "logs") as processes,
    ):
        processes.start("sandbox", "sandbox")
        processes.start("web", "serve")
        for address in (settings.phones_url(), f"http://127.0.0.1:{settings.port}/health"):
            processes.wait_for(address)
        processes.start("worker", "worker")
        wait_until_over(sessions, sandbox, processes, run_id)
        truth = [message for channel in Channel for message in sandbox.accepted(channel)]
        report = asyncio.run(verify_run_with_provider(settings, run_id))
    assert settings.mode is Mode.LIVE
    assert report.agrees, report.lines()
    # Twenty for each language; no template says the texts on WhatsApp.
    assert Counter(message["channel"] for message in truth) == {"telegram": INVENTED, "sms": INVENTED}
    # A person's phone and WhatsApp have one number.
    assert len(handles) == PEOPLE + 8
    assert not handles & {message["to"].rpartition(":")[2] for message in truth}
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: 2 * INVENTED}
        reported = select(func.count()).where(Delivery.run_id == run_id, Delivery.receipt_state == "delivered")
        # Telegram never says what became of a message.
        assert session.scalar(reported) == INVENTED
