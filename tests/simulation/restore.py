"""A backup that is put back in the midst of a run: what the database forgets, and the operator who releases it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from campaigns.continuity.lifeline import Lifeline, Standing
from campaigns.continuity.places import files_of
from campaigns.delivery.queries import find_last_intent
from campaigns.gateways.base import Gateway
from campaigns.missed_inbound import MissedInbound
from campaigns.planning.policy import Policy
from campaigns.restoring.command import SETTLES_AFTER
from campaigns.restoring.release import Restored, release, settle_by_lists
from tests.simulation.chores import CANARY
from tests.simulation.crew import Crew
from tests.simulation.database import ACCOUNT, COUNT_RECEIPTS, VAULT, Database
from tests.simulation.inbound import InboundOnly, Mailbox
from tests.simulation.oracle import Oracle
from tests.simulation.plan import Plan
from tests.simulation.processes import Process, Timeline
from tests.simulation.provider import Provider, Wire
from tests.simulation.workers import Link, Thread

#: Seconds until new workers begin on what was put back, and within which the operator comes.
BEGINS_AFTER, RELEASED_WITHIN = 2.0, 40.0


class Archive:
    """The backups of a world, the marks of its machine, and its operator."""

    def __init__(self, plan: Plan, *, timeline: Timeline, database: Database, oracle: Oracle) -> None:
        self._plan, self._timeline, self._database, self._oracle = plan, timeline, database, oracle
        self._folder = TemporaryDirectory(prefix="marks")
        self._url = database.engine.url
        if plan.restore is not None:
            # Marks lie beside the file of a database; that of this one is only a name.
            file = Path(self._folder.name) / "fingerpost.db"
            file.touch()
            database.engine.url = make_url(f"sqlite:///{file}")
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._copied_at = 0.0
        #: What is still to come: a copy, its return, the release.
        self.outstanding = 3 if plan.restore else 0

    def lifeline(self) -> Lifeline | None:
        """Return the lifeline of a worker; where nothing is ever put back, nobody needs one."""
        if self._plan.restore is None:
            return None
        marks = files_of(self._database.engine.url, Path(), "mark")
        return Lifeline(
            self._database.sessions, marks, last_intent=find_last_intent, seconds=lambda: self._timeline.now
        )

    def schedule(self, crew: Crew, provider: Provider, mailbox: Mailbox, told: Callable[[int], None]) -> None:
        """Put in store when a copy is made, and when it is put back; `told` hears how many receipts are left."""
        if self._plan.restore is not None:
            self._crew, self._provider, self._mailbox, self._told = crew, provider, mailbox, told
            copied_at, restored_at = self._plan.restore
            self._timeline.at(copied_at, self._make_copy)
            self._timeline.at(restored_at, self._put_back)

    def close(self) -> None:
        """Remove what the world left on the disk, and its backup."""
        self._database.engine.url = self._url
        self._copy.close()
        self._folder.cleanup()

    def _make_copy(self) -> None:
        self.outstanding -= 1
        self._database.raw.backup(self._copy)
        self._copied_at = self._timeline.now
        self._oracle.note("BACKUP")

    def _put_back(self) -> None:
        """Stop every worker, put the copy back, and let workers begin on it."""
        self.outstanding -= 1
        for number, worker in list(self._crew.workers.items()):
            self._timeline.end(worker.process)
            self._crew.workers.pop(number)
            self._timeline.after(BEGINS_AFTER, partial(self._crew.revive, number))
        self._copy.backup(self._database.raw)
        self._database.forget_looks()
        self._learn_anew()
        self._oracle.note("RESTORED", f"as of {self._copied_at:.1f}")
        # Who was called by a claim that the copy has is not called again by it: of these nothing is forgotten.
        self._oracle.is_latched = self._oracle.last_claim_called > self._copied_at
        self._oracle.faults["restored"] += 1
        self._oracle.faults["restored behind calls"] += self._oracle.is_latched
        self._timeline.after(BEGINS_AFTER + self._crew.chance.uniform(3.0, RELEASED_WITHIN), self._come)

    def _learn_anew(self) -> None:
        """Let the oracle know what the rows say now; what happened, it does not forget."""
        oracle, database = self._oracle, self._database
        rows = database.all("SELECT id, run_id, contact_id, send_state FROM delivery")
        oracle.people = {row_id: (run_id, contact_id) for row_id, run_id, contact_id, _ in rows}
        oracle.counts.clear()
        oracle.counts.update(Counter(state for *_, state in rows))
        oracle.idle_claims.clear()
        self._mailbox.forget({provider_id for (provider_id,) in database.all("SELECT provider_id FROM reply")})
        self._told(database.one(COUNT_RECEIPTS)[0])

    def _come(self) -> None:
        """Let the operator come: who finds the instance latched releases it, after asking all lists."""
        process = self._timeline.start("operator 0")
        link = Link(self._timeline, self._crew.chance, is_cut=lambda: self._crew.is_cut_off(None))
        process.thread = Thread(process, link)
        process.create_task(self._release(process))

    async def _release(self, process: Process) -> None:
        """Judge the database as a worker does, and settle what it forgot; again, where the database went away."""
        while True:
            with suppress(SQLAlchemyError):
                if await self._find_standing(process) is Standing.LATCHED:
                    # A call that was made just before may not be in its provider's list yet.
                    await asyncio.sleep(SETTLES_AFTER.total_seconds())
                    await self._settle(process)
                    self._oracle.note("RELEASED")
                    self._oracle.faults["released"] += 1
                break
            await asyncio.sleep(5.0)
        self._oracle.is_latched = False
        self.outstanding -= 1

    async def _find_standing(self, process: Process) -> Standing:
        lifeline = self.lifeline()
        assert lifeline is not None
        try:
            while True:
                standing: Standing = await process.thread(lifeline.tend)
                if standing not in (Standing.UNSURE, Standing.WATCHING):
                    return standing
                await asyncio.sleep(0.5)
        finally:
            lifeline.close()

    async def _settle(self, process: Process) -> None:
        sessions = self._database.sessions
        settings = SimpleNamespace(
            vault=lambda: VAULT,
            **ACCOUNT,
            policy=Policy(90),
            state_path=Path(self._folder.name),
            canary_people=CANARY.people,
            canary_wait_seconds=CANARY.wait.total_seconds(),
            canary_failure_percent=CANARY.failure_percent,
            canary_opt_out_percent=CANARY.opt_out_percent,
        )

        def open_gateway(sender: object) -> Gateway:
            return Wire(self._provider, process, sender)  # type: ignore[arg-type]

        missed = MissedInbound(
            sessions,
            settings,  # type: ignore[arg-type]
            seconds=lambda: self._timeline.now,
            open_gateway=lambda name, **_: InboundOnly(self._mailbox, process),  # type: ignore[arg-type]
        )
        while await missed.look_once():
            pass
        restored = Restored(sessions, settings, open_gateway)  # type: ignore[arg-type]
        settled, unlisted = await settle_by_lists(restored)
        release(restored, settled, unlisted)
