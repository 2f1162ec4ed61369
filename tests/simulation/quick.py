"""Quick worlds: the engine alone, on a store in memory, so that thousands of seeds take less than a minute.

The same plans, workers, blows and provider as in `world.py`. What the database can break, or a worker's chores, is
played there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.delivery.engine.ports import Store
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.states import TERMINAL, SendState
from campaigns.gateways.base import ProviderMessage
from campaigns.planning.models import RunState
from tests.factories import NOON
from tests.simulation.chores import PATIENCE
from tests.simulation.crew import KEEPER, Crew
from tests.simulation.memory import Delivery, Memory
from tests.simulation.oracle import Oracle
from tests.simulation.plan import CLOCK_ERROR, Plan, ReceiptPlan, RunPlan, Word
from tests.simulation.processes import Process
from tests.simulation.provider import Provider
from tests.simulation.runs import channel_of, handle_of, text_of
from tests.simulation.stage import Stage
from tests.simulation.workers import Link, Worker
from tests.simulation.world import STUCK_AFTER

#: Nobody is told what became of an accepted message: in these worlds only the provider's list tells.
NO_RECEIPTS = ReceiptPlan(silent=1.0)


@dataclass(slots=True)
class MemoryOracle(Oracle):
    """Looks into the store in memory for what the wire does not tell."""

    memory: Memory = field(kw_only=True)

    def _check_row(self, reference: str, run_id: int, of: str) -> None:
        rows = [row for row in self.memory.deliveries.values() if row.reference == reference]
        if [row.state for row in rows] != [SendState.SENDING]:
            self.blame(f"D1: {of} was called without a committed intent: {rows}")
            return
        self.idle_claims[rows[0].id] = 0
        late = (self.true_time() - rows[0].expires_at).total_seconds()
        if late > self.wrong_by:
            self.blame(f"late: {of} was called {late:.1f} s after it expired")

    def _expiry_of(self, delivery_id: int) -> datetime:
        return self.memory.deliveries[delivery_id].expires_at


class QuickWorker(Worker):
    """The real engine on a store in memory, with a model of the chores that it needs beside it."""

    def __init__(
        self, process: Process, link: Link, *, memory: Memory, provider: Provider, window: int | None
    ) -> None:
        self._memory = memory
        super().__init__(process, link, provider=provider, window=window)

    def _make_store(self) -> Store:
        return self._memory

    async def _begin(self) -> None:
        # Nobody writes in vain here.
        pass

    async def _work(self) -> None:
        """Sweep, reap and ask the provider's list, again and again."""
        chance, thread = self._link.chance, self._engine_thread
        while not self.stopping.is_set():
            await asyncio.sleep(chance.uniform(0.5, 6.0) if self._window else chance.uniform(5.0, 20.0))
            with suppress(SQLAlchemyError):
                for row, token in await thread(self._repair):
                    await self._look_for(row, token)

    def _repair(self) -> Sequence[tuple[Delivery, str | None]]:
        """Do what needs no provider; return the deliveries that its list is to be asked for, with their claims."""
        memory, now = self._memory, clock.now()
        memory.sweep()
        asked = list[tuple[Delivery, str | None]]()
        for row in memory.deliveries.values():
            age = now - (row.intent_at or now)
            if row.state is SendState.SENDING and age > PATIENCE.reap_after:
                memory.move(row, SendState.UNKNOWN)
            elif row.state is SendState.UNKNOWN and age > PATIENCE.unconfirmed_after:
                memory.move(row, SendState.UNCONFIRMED)
            elif row.state is SendState.UNKNOWN and age > PATIENCE.grace and _is_asked_again(row, now):
                asked.append((row, row.token))
        return asked

    async def _look_for(self, row: Delivery, token: str | None) -> None:
        wire = self._open_gateway(self._memory.open_sender(row.run.sender_id, False))
        to = handle_of(channel_of(row.run.sender_id), row.contact_id)
        with suppress(UnavailableError):
            lines = await wire.list_to(to, NOON - timedelta(minutes=5))
            await self._engine_thread(self._settle, row, token, lines)

    def _settle(self, row: Delivery, token: str | None, lines: Sequence[ProviderMessage]) -> None:
        if row.state is not SendState.UNKNOWN or row.token != token:
            return
        now, was_absent = clock.now(), row.absent_at is not None
        ours = [line.provider_id for line in lines if line.body == text_of(row.run.id)]
        if ours:
            row.provider_id = ours[-1]
            self._memory.move(row, SendState.ACCEPTED)
        elif was_absent and _is_asked_again(row, now) and self._memory.plans[row.run.id].resend_unknown:
            self._memory.move(row, SendState.QUEUED)
        else:
            row.absent_at = row.absent_at or now


def _is_asked_again(row: Delivery, now: datetime) -> bool:
    return row.absent_at is None or now > row.absent_at + PATIENCE.interval


class QuickWorld(Stage):
    """Everything that one seed lets happen to the engine."""

    def __init__(self, plan: Plan) -> None:
        # Of lists that cannot be believed the model of the reconciler knows nothing; the store and the chores know
        # no server that may only be read, and no clock that is set.
        honest = replace(plan.provider, alters="", other_account_since=float("inf"))
        super().__init__(replace(plan, provider=honest, read_only=(), steps=()), "quick")
        plan = self.plan
        self.memory = Memory(plan.pace)
        self.oracle = MemoryOracle(self.timeline, memory=self.memory)
        self.oracle.wrong_by = CLOCK_ERROR if plan.jumps else 0.0
        self.memory.on_move = self.oracle.moved
        self.provider = self._open_provider(NO_RECEIPTS, lambda update: None)
        hire = partial(QuickWorker, memory=self.memory, provider=self.provider)
        self.crew = Crew(plan, self.chance, timeline=self.timeline, oracle=self.oracle, hire=hire)
        #: Moves of members and people that the plan still has in store.
        self._outstanding = 0

    def _set_up(self) -> None:
        for number, run in enumerate(self.plan.runs, start=1):
            self._at(run.starts_at, self._begin, number, run)
        for when, contact, channel, word in self.plan.words:
            self._at(when, self._hear, contact, channel, word)
        for when, number, until in self.plan.stops:
            self._at(when, self._move_run, number + 1, RunState.STOPPED)
            if until is not None:
                self._at(until, self._move_run, number + 1, RunState.RUNNING)
        self.crew.schedule()

    def _at(self, when: float, act: Callable[..., None], *arguments: object) -> None:
        self._outstanding += 1

        def happen() -> None:
            if self.crew.is_cut_off(None):
                self.timeline.after(5.0, happen)
                return
            self._outstanding -= 1
            act(*arguments)

        self.timeline.at(when, happen)

    def _begin(self, run_id: int, plan: RunPlan) -> None:
        self.oracle.run_of_text[text_of(run_id)] = run_id
        self.memory.begin_run(run_id, plan, self.now())

    def _hear(self, contact_id: int, channel: str, word: Word) -> None:
        is_stop, now = word is not Word.START, self.timeline.now
        if is_stop:
            self.memory.withdraw_person(contact_id)
        else:
            self.memory.restore_person(channel, contact_id)
        phone = channel, self.oracle.book.number(channel, contact_id)
        self.oracle.words.hear(phone, is_stop=is_stop, said_at=now, now=now)
        self.oracle.note(f"SAYS {word}", f"person {contact_id} on {channel}")

    def _move_run(self, run_id: int, state: RunState) -> None:
        run = self.memory.runs.get(run_id)
        if run is None:
            return
        run.state = state
        self.memory.sweep()
        self.oracle.note(f"run is {state}", f"run {run_id}")
        if state is RunState.STOPPED:
            self.oracle.stopped_at.setdefault(run_id, self.timeline.now)
        else:
            self.oracle.stopped_at.pop(run_id, None)

    def _be_busy(self) -> None:
        self.timeline.run(self._is_idle, limit=10 * self.plan.busy_seconds + 400.0)

    def _is_idle(self) -> bool:
        """Say whether the plan has nothing more in store, and what is left waits for the mending."""
        if self.oracle.broken:
            return True
        if self._outstanding or self.timeline.now < self.plan.busy_seconds or self.crew.sleepers():
            return False
        is_stuck = self.timeline.now > max(self.oracle.last_at, self.oracle.last_call_at) + STUCK_AFTER
        return is_stuck or self._is_sent()

    def _is_sent(self) -> bool:
        """Say whether nothing is queued, and nobody who lives calls, or is about to."""
        if self.oracle.broken:
            return True
        if self.oracle.counts[SendState.QUEUED] or self.timeline.now < self.oracle.last_at + 5.0:
            return False
        calls = self.provider.open_calls
        return not any(calls[process.name] for process in self.timeline.processes)

    def _be_calm(self) -> None:
        """Mend everything, and see that it comes to rest by itself."""
        self.crew.mend_everything()
        self.provider.calm()
        for _ in range(12):
            self._switch_on()
            if not self._is_sent():
                self.crew.revive_all()
                self.timeline.run(self._is_sent, limit=400.0)
            if self.oracle.broken or self._is_settled():
                return
            self._keep_house()
        self.oracle.blame("D3: it does not come to rest")

    def _switch_on(self) -> None:
        """Do what a member does: use senders again, resume what the engine paused."""
        self.memory.paused_senders.clear()
        for run in self.memory.runs.values():
            if run.state is RunState.PAUSED:
                run.state = RunState.RUNNING

    def _keep_house(self) -> None:
        """Let time pass while nobody sends, until there is something to send again."""
        for number in list(self.crew.workers):
            self.crew.stop(number)
        self.crew.start(KEEPER)
        counts = self.oracle.counts
        self.timeline.run(lambda: counts[SendState.QUEUED] > 0 or self._is_settled(), limit=600.0)
        self.crew.stop(KEEPER)

    def _is_settled(self) -> bool:
        return self.oracle.at_rest() and not self.oracle.counts[SendState.UNKNOWN] and self.timeline.is_empty()

    def _check(self) -> None:
        """Blame what does not agree. Nothing moves any more."""
        for row in self.memory.deliveries.values():
            held = {message.line.provider_id for message in self.oracle.by_person[row.run.id, row.contact_id]}
            if row.state not in TERMINAL or not self._is_true(row):
                self.oracle.blame(f"D3: {row.of} has no reason for that")
            if row.state is SendState.ACCEPTED and held != {row.provider_id}:
                self.oracle.blame(f"D4: {row.of} as {row.provider_id} is in the provider's list as {held}")
            is_invisible = row.state is SendState.UNCONFIRMED and not self.plan.provider.keeps_list
            if row.state is not SendState.ACCEPTED and held and not is_invisible:
                self.oracle.blame(f"D4: {row.of} is in the provider's list as {held}")

    def _is_true(self, row: Delivery) -> bool:
        """Say whether a delivery ended as it did for a reason that is true."""
        match row.state:
            case SendState.FAILED:
                return row.attempts >= MOST_ATTEMPTS or bool(self.oracle.refusals[row.run.id, row.contact_id])
            case SendState.EXPIRED:
                # That it was time, the oracle saw when it expired.
                return True
            case SendState.CANCELLED:
                return row.run.state is RunState.STOPPED
            case SendState.SUPPRESSED:
                channel = channel_of(row.run.sender_id)
                return (channel, self.oracle.book.number(channel, row.contact_id)) in self.oracle.words.closed
            case _:
                return True
