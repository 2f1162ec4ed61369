"""A worker hears what was said before it writes to anybody, and reaches nobody while its instance is latched."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns import upkeep, worker
from campaigns.accounts import Accounts
from campaigns.audience.models import Address
from campaigns.continuity.journal import Said, journal_of, read_journal
from campaigns.continuity.latch import latch
from campaigns.continuity.models import LatchReason
from campaigns.core import clock
from campaigns.core.settings import load_settings
from campaigns.delivery.states import SendState
from campaigns.leaving.code_sending import KEPT_FOR
from campaigns.leaving.models import LeaveRequest
from campaigns.missed_inbound import MissedInbound
from campaigns.planning.models import Run
from campaigns.restoring.command import resume_after_restore
from tests.delivery.builders import a_planned_run, minutes_ago
from tests.faults.scene import Scene
from tests.planning.story import START, a_story
from tests.sandbox.process import SENDER, SandboxProcess

pytestmark = pytest.mark.one_database

#: What a worker does by itself that reaches somebody, or queues what will, by the name in its module.
OUTWARD = ("fan_out", "fan_out_late", "send_reports", "reconcile")
#: Figures that were asked for before a backup may have been published after it.
PUBLISHING = "make_releases"
#: The same of the accounts at providers.
OF_ACCOUNTS = ("sync_templates", "connect")


@pytest.fixture
def scene(engine: Engine, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Scene]:
    with Scene(engine, sandbox, tmp_path) as scene:
        yield scene


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the kinds of work that a worker does, instead of their being done."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., None]:
        return lambda *arguments, **rest: counted.update([name])

    def counting_later(name: str) -> Callable[..., Any]:
        async def count(*arguments: object, **rest: object) -> None:
            counted.update([name])

        return count

    for name in OUTWARD:
        make = counting_later if name == "reconcile" else counting
        monkeypatch.setattr(upkeep if hasattr(upkeep, name) else worker, name, make(name))
    monkeypatch.setattr(upkeep.Upkeep, PUBLISHING, counting(PUBLISHING))
    for name in OF_ACCOUNTS:
        monkeypatch.setattr(Accounts, name, counting_later(name))
    monkeypatch.setattr(MissedInbound, "look", counting_later("hearing"))
    return counted


def write_due(session: Session, scene: Scene) -> int:
    """Let a run wait for its plan and a schedule for its firing; return the id of the schedule."""
    a_planned_run(session)
    with clock.running_on(lambda: START):
        schedule = a_story(session, scene.vault).approved()
    schedule.next_fire_at = minutes_ago(1)
    return schedule.id


def fired(scene: Scene, schedule_id: int) -> bool:
    with scene.sessions() as session:
        return session.scalar(select(Run.id).where(Run.schedule_id == schedule_id)) is not None


def write_stop(scene: Scene) -> None:
    """Let the one person say stop while nobody here hears it: their provider keeps it."""
    with scene.sessions() as session:
        address = session.scalars(select(Address)).one()
    person = scene.vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    scene.sandbox.call("POST", "inbound", {"from": person, "to": SENDER, "text": "STOP"})


def journalled(scene: Scene) -> list[Said]:
    """Return what the journal of this machine says."""
    journal = journal_of(scene.engine.url, load_settings(scene.environment).state_path)
    assert journal is not None
    return [entry.said for path in journal.files() for entry in read_journal(path) if entry]


def test_latched_worker_hears_and_reaches_nobody(scene: Scene, done: Counter[str]) -> None:
    scene.plan_sending(3)
    with scene.sessions.begin() as session:
        schedule_id = write_due(session, scene)
        latch(session, LatchReason.BEHIND)
    end = time.monotonic() + 2
    scene.work(lambda: time.monotonic() >= end and done["hearing"] > 1)
    assert set(done) == {"hearing"}
    assert not fired(scene, schedule_id)
    assert scene.states() == {SendState.QUEUED: 3}
    assert scene.sent() == 0


def test_latched_worker_forgets_who_asked_for_a_code(scene: Scene) -> None:
    """What is promised about their numbers rests on nothing that may be sent."""
    hashes = {"ticket": b"t", "number": b"n", "prefix": b"p"}
    with scene.sessions.begin() as session:
        session.add(LeaveRequest(**hashes, language="en", asked_at=clock.now() - KEPT_FOR))
        latch(session, LatchReason.BEHIND)

    def is_forgotten() -> bool:
        with scene.sessions() as session:
            return session.scalar(select(LeaveRequest.id)) is None

    scene.work(is_forgotten)


@pytest.mark.long
def test_released_worker_does_all_of_it(scene: Scene, done: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above watches for what happens otherwise."""
    monkeypatch.setattr(worker, "REPORTS_EVERY", 0.5)
    scene.plan_sending(3)
    with scene.sessions.begin() as session:
        schedule_id = write_due(session, scene)
    wanted = {"hearing", PUBLISHING, *OUTWARD, *OF_ACCOUNTS}
    scene.work(lambda: wanted <= set(done) and fired(scene, schedule_id) and scene.sent() == 3)


def test_stop_that_was_missed_counts_before_anything_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the provider's list takes longer than the worker needs to begin."""
    look = MissedInbound.look

    async def look_slowly(missed: MissedInbound) -> None:
        await asyncio.sleep(2)
        await look(missed)

    monkeypatch.setattr(MissedInbound, "look", look_slowly)
    run_id = scene.plan_sending(1)
    write_stop(scene)
    scene.work(lambda: scene.is_over(run_id))
    assert scene.states() == {SendState.SUPPRESSED: 1}
    assert scene.sent() == 0
    assert Said.STOP in journalled(scene)


def test_stop_that_is_heard_by_a_release_is_in_the_journal(scene: Scene) -> None:
    """The next backup that is restored may be an older one."""
    scene.plan_sending(1)
    write_stop(scene)
    with scene.sessions.begin() as session:
        latch(session, LatchReason.BEHIND)
    settings = load_settings(scene.environment)
    said = list(
        resume_after_restore(settings, is_list_needed=True, confirm=lambda: True, settles_after=timedelta())
    )
    assert said[-1] == "This instance may send again."
    assert scene.states() == {SendState.SUPPRESSED: 1}
    assert journalled(scene) == [Said.STOP]
