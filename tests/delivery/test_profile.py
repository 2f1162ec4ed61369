"""A provider that loses answers and shuffles and repeats its callbacks: our rows equal its log all the same."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Attempt, Delivery, Receipt
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.demo.demo_instance import Addresses, environment_of
from campaigns.demo.processes import Processes, free_port
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.planning.models import Run, RunState
from campaigns.verifying import verify_run_with_provider
from tests.delivery.builders import a_planned_run, frozen, people
from tests.factories import a_sender
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess

#: Shares of answers lost and of 503s after acceptance, of messages whose callbacks are shuffled, of doubled ones.
PROFILE = {
    "stage": {"p50": 0.01, "p99": 0.05},
    "drop_response_p": 0.03,
    "http_503_after_p": 0.01,
    "callback": {"delay": {"p50": 0.01, "p99": 0.2}, "shuffle_p": 0.3, "duplicate_p": 0.2},
    "outcomes": {"undelivered": {"30003": 0.05}},
}
SEED = "profile"
PATIENCE_SECONDS = 300


@pytest.mark.long
@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)], ids=["ordinary", "heavy"])
def test_rows_equal_the_truth_log(
    engine: Engine, sessions: sessionmaker[Session], tmp_path: Path, count: int
) -> None:
    with SandboxProcess() as sandbox:
        sandbox.call("POST", "reset", {"seed": SEED})
        sandbox.fixture(profile=PROFILE)
        environment = environment_for(engine, sandbox, tmp_path)
        run_id = plan(sessions, load_settings(environment), count)
        with Processes(environment, tmp_path / "logs") as processes:
            processes.start("web", "serve")
            processes.wait_for(environment["FINGERPOST_PUBLIC_URL"] + "/health")
            processes.start("worker", "worker")
            wait_until_over(sessions, sandbox, processes, run_id)
        compare(sessions, sandbox, run_id, count)
        report = asyncio.run(verify_run_with_provider(load_settings(environment), run_id))
        assert report.agrees, report.lines()


def environment_for(engine: Engine, sandbox: SandboxProcess, folder: Path) -> dict[str, str]:
    """Return the variables of an instance on the test's database and sandbox, with little patience."""
    web = f"http://127.0.0.1:{free_port(0)}"
    return environment_of(folder, Addresses(web, sandbox.url)) | {
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "FINGERPOST_RECONCILE_GRACE_SECONDS": "3",
        "FINGERPOST_RECONCILE_INTERVAL_SECONDS": "1",
        "FINGERPOST_CANARY_PEOPLE": "0",
    }


def plan(sessions: sessionmaker[Session], settings: Any, count: int) -> int:
    """Make a run to `count` people that sends again by itself what the provider never had."""
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER, pace=100_000.0)
        now = clock.now().replace(tzinfo=None)
        run = a_planned_run(session, sender=sender, frozen=frozen(resend_unknown=True), occurrence=now)
        people(session, run.organisation_id, settings.vault(), count=count)
        return run.id


def wait_until_over(
    sessions: sessionmaker[Session], sandbox: SandboxProcess | SandboxControl, processes: Processes, run_id: int
) -> None:
    """Return when the run is done, nothing is on its way at the provider, and every receipt is merged.

    A receipt may queue a row of a done run again, for which a sweep runs it on: so no row may be open either, and
    none may have been tried between two looks with a provider at rest.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    tried_before: int | None = None
    while time.monotonic() < deadline:
        processes.check()
        tried = _tried_when_settled(sessions, run_id)
        if tried is not None and tried == tried_before:
            return
        at_rest = not any(sandbox.invariants()["pending"].values())
        tried_before = tried if at_rest else None
        time.sleep(0.2)
    raise AssertionError("The run does not end.")


def _tried_when_settled(sessions: sessionmaker[Session], run_id: int) -> int | None:
    """Return how many attempts were made, or None while the run is open, or a row of it, or a receipt."""
    open_states = (SendState.QUEUED, SendState.SENDING)
    with sessions() as session:
        is_done = session.get_one(Run, run_id).state == RunState.DONE
        waiting = session.scalar(select(func.count()).where(Receipt.applied_at.is_(None)))
        has_open = session.scalar(
            select(Delivery.id).where(Delivery.run_id == run_id, Delivery.send_state.in_(open_states)).limit(1)
        )
        if not is_done or waiting or has_open is not None:
            return None
        return session.scalar(select(func.count()).select_from(Attempt))


def compare(sessions: sessionmaker[Session], sandbox: SandboxProcess, run_id: int, count: int) -> None:
    """Compare our rows with the provider's own log, one by one."""
    truth: list[dict[str, Any]] = []
    while page := sandbox.truth(after=str(truth[-1]["seq"] if truth else 0)):
        truth += page
    with sessions() as session:
        rows = session.scalars(select(Delivery).where(Delivery.run_id == run_id)).all()
        assert progress_of(session, run_id) == {SendState.ACCEPTED: count}
        doubtful = session.scalar(select(func.count()).where(Attempt.outcome == "unknown")) or 0
    # Else there was nothing to repair, and the test would show nothing.
    assert doubtful > 0
    assert max(Counter(message["intent"] for message in truth).values()) == 1
    theirs = {message["intent"]: (message["sid"], message["status"]) for message in truth}
    assert {row.reference: (row.provider_id, str(row.receipt_state)) for row in rows} == theirs
