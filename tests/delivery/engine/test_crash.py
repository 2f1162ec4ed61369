"""Kill -9 at every labelled step: nobody twice, nobody lost, and our rows equal the provider's log."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.crash import POINTS, VARIABLE
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.repair.reconcile import reap, reconcile
from campaigns.delivery.repair.verify import verify_run
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import Patience
from campaigns.planning.models import Run
from tests import starting
from tests.delivery.builders import a_running_run, frozen
from tests.delivery.sending import PATIENCE
from tests.factories import a_sender
from tests.gateways.conftest import twilio_at, using
from tests.sandbox.process import SENDER, SandboxProcess

#: Those of the engine; a fan-out is killed at the first one in test_fanout.py.
STEPS = POINTS[1:]
AT_ONCE = Patience(
    reap_after=timedelta(0), grace=timedelta(0), interval=timedelta(0), unconfirmed_after=timedelta(days=1)
)


def send(engine: Engine, sandbox: SandboxProcess, run_id: int, crash_at: str = "") -> int:
    """Run a sending process to its end and return its exit code."""
    arguments = engine.url.render_as_string(hide_password=False), sandbox.url, str(run_id), "4"
    process = starting.start(
        "tests.delivery.sending:main", *arguments, environ={VARIABLE: crash_at}, log=Path(os.devnull)
    )
    return process.wait(PATIENCE + 60)


def repair(sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess) -> None:
    """Settle what the dead left as the worker does, without its patience: nobody alive is mistaken for dead."""

    async def ask() -> None:
        async def database(function, *arguments):  # type: ignore[no-untyped-def]
            return function(*arguments)

        looked = 1
        while looked:
            found = await reconcile(
                sessions,
                vault=vault,
                open_gateway=lambda sender: twilio_at(sandbox.url),
                database=database,
                patience=AT_ONCE,
            )
            looked = found.count

    with sessions.begin() as session:
        reap(session, reap_after=AT_ONCE.reap_after)
    asyncio.run(ask())


def everything(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Return every message of the provider's own log, which gives a thousand at a time."""
    messages: list[dict[str, Any]] = []
    while page := sandbox.truth(after=str(messages[-1]["seq"] if messages else 0)):
        messages += page
    return messages


def check_kills(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess, crashes: list[str]
) -> None:
    # A process that dies at its third group has been through some hundred messages, at its second through fewer.
    count = sum(130 if crash.endswith(":3") else 90 for crash in crashes)
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER, pace=10_000.0)
        run_id = a_running_run(session, vault, count=count, sender=sender, frozen=frozen(resend_unknown=True)).id
    for crash_at in crashes:
        assert send(engine, sandbox, run_id, crash_at) == -signal.SIGKILL
    repair(sessions, vault, sandbox)
    assert send(engine, sandbox, run_id) == 0
    repair(sessions, vault, sandbox)
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: count}
        ours = dict(session.execute(select(Delivery.reference, Delivery.provider_id)).all())
        run = session.get_one(Run, run_id)
        run.started_at = run.created_at = session.scalar(select(func.min(Delivery.intent_at)))  # type: ignore[assignment]
        report = using(
            twilio_at(sandbox.url), lambda gateway: verify_run(session, run, lambda sender: gateway, vault=vault)
        )
        session.rollback()
    truth = everything(sandbox)
    assert max(Counter(message["intent"] for message in truth).values()) == 1
    assert {message["intent"]: message["sid"] for message in truth} == ours
    assert report.agrees, report.lines()


def test_kill_at_each_step(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    chance = random.Random(engine.dialect.name)
    crashes = [f"{point}:{chance.randint(1, 2)}" for point in STEPS]
    check_kills(engine, sessions, vault, sandbox, crashes)


@pytest.mark.slow
@pytest.mark.parametrize("point", STEPS)
def test_fifty_kills_at_one_step(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess, point: str
) -> None:
    chance = random.Random(point)
    crashes = [f"{point}:{chance.randint(1, 3)}" for _ in range(50)]
    check_kills(engine, sessions, vault, sandbox, crashes)
