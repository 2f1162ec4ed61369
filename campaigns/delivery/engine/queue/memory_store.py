"""The engine's store in plain memory: what a database does for a lane, as a model small enough to be read.

It stands beside `DatabaseStore` so that a lane can be tried without a database: by tests, by the quick worlds of
the simulation, and by a property that holds both stores against each other. Each call is a transaction, whole or
not at all. It keeps the promises of `Store` for runs over one sender each. Canaries, quiet hours, daily limits,
fall-back and rehearsals belong to the rows of a database and are not played here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.ports import WITHDRAWN_WITHIN, Ask, Claimed, Found, Result, RunningRun, Snapshot
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.planning.models import Health, Priority, RunState

#: A late reply may still be written over `unknown`, as long as nobody else took the row.
_HELD = (SendState.SENDING, SendState.UNKNOWN)
#: Refusals after which an address is not written to any more.
_CLOSING = (Action.OPT_OUT, Action.INVALIDATE_ADDRESS)


@dataclass(slots=True)
class MemoryRun:
    """One run over one sender."""

    id: int
    sender_id: int
    body: str
    priority: int = Priority.ORDINARY
    organisation_id: int = 1
    state: RunState = RunState.RUNNING
    #: Why it was paused.
    reason: Sentence | None = None


@dataclass(slots=True)
class MemoryDelivery:
    """One message to one address in one run."""

    id: int
    run: MemoryRun
    address_id: int
    to: str
    reference: str
    due_at: datetime
    expires_at: datetime
    state: SendState = SendState.QUEUED
    #: The claim that holds it, and when that was made.
    token: str | None = None
    intent_at: datetime | None = None
    attempts: int = 0
    provider_id: str | None = None


Row = TypeVar("Row", bound=MemoryDelivery)


class MemoryStore(Generic[Row]):
    """A `Store` whose rows are objects of this process; several engines may share it."""

    def __init__(self, senders: Iterable[SenderFacts] = ()) -> None:
        self.senders = {sender.sender_id: sender for sender in senders}
        self.runs: dict[int, MemoryRun] = {}
        self.deliveries: dict[int, Row] = {}
        #: Addresses that are not active any more, and since when.
        self.withdrawn: dict[int, datetime] = {}
        self.paused_senders: set[int] = set()
        self._queues, self._claims = defaultdict[int, list[Row]](list), 0

    def begin(self, run: MemoryRun, deliveries: Iterable[Row]) -> None:
        """Let a run begin with its deliveries, which come in the order of their ids."""
        self.runs[run.id] = run
        for row in deliveries:
            self.deliveries[row.id] = row
            self._queues[run.id].append(row)

    def move(self, row: Row, state: SendState) -> None:
        """Move a delivery: every change of a state comes through here."""
        row.state = state

    def withdraw(self, address_ids: Collection[int]) -> None:
        """Write to these addresses no more; what is queued for them is suppressed."""
        for address_id in address_ids:
            self.withdrawn.setdefault(address_id, clock.now())
        for row in self.deliveries.values():
            if row.state is SendState.QUEUED and row.address_id in address_ids:
                self.move(row, SendState.SUPPRESSED)

    def restore(self, address_id: int) -> None:
        """Write to an address again."""
        self.withdrawn.pop(address_id, None)

    def sweep(self) -> None:
        """Leave nothing queued in a stopped run or past its time, and nothing cancelled in one that goes on."""
        for row in self.deliveries.values():
            if row.state is SendState.QUEUED and row.run.state is RunState.STOPPED:
                self.move(row, SendState.CANCELLED)
            elif row.state is SendState.CANCELLED and row.run.state is RunState.RUNNING:
                self.move(row, SendState.QUEUED)
            elif row.state is SendState.QUEUED and row.expires_at <= clock.now():
                self.move(row, SendState.EXPIRED)

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write results whose claims still hold their rows, then claim what is asked for."""
        for result in results:
            self._record(result)
        return Found() if ask is None else self._claim(ask)

    def snapshot(self) -> Snapshot:
        """Return what the fence needs."""
        runs = [
            RunningRun(
                run.id,
                run.sender_id,
                self.senders[run.sender_id].pace,
                organisation_id=run.organisation_id,
                priority=run.priority,
            )
            for run in self.runs.values()
            if run.state is RunState.RUNNING and run.sender_id not in self.paused_senders
        ]
        since = clock.now() - WITHDRAWN_WITHIN
        return Snapshot(runs, {address: at for address, at in self.withdrawn.items() if at >= since})

    def pause(self, run_id: int, reason: Sentence) -> None:
        """Pause a run, if it is still running."""
        run = self.runs[run_id]
        if run.state is RunState.RUNNING:
            run.state, run.reason = RunState.PAUSED, reason

    def open_sender(self, sender_id: int, is_rehearsal: bool) -> SenderFacts:
        """Return a sender."""
        return self.senders[sender_id]

    def note_account(self, line: Line, account: str) -> None:
        """Do nothing: there is one account."""

    def tell_health(self, sender_id: int, health: Health, code: str) -> None:
        """Keep whether a member has to mend a sender."""
        if health is Health.PAUSED:
            self.paused_senders.add(sender_id)

    def heed(self, row: Row, action: Action) -> None:
        """Do with an address what a provider's refusal asks for."""
        if action in _CLOSING:
            self.withdraw([row.address_id])

    def _record(self, result: Result) -> None:
        row = self.deliveries[result.id]
        if row.token != result.token or row.state not in _HELD:
            return
        row.attempts -= result.refund
        row.provider_id = result.provider_id or row.provider_id
        row.due_at = result.due_at or row.due_at
        self.move(row, result.state)
        if result.action is not None:
            self.heed(row, result.action)

    def _claim(self, ask: Ask) -> Found:
        now = clock.now()
        self._claims += 1
        token = f"claim {self._claims}"
        found = list(islice(self._due(ask, now), ask.limit))
        claimed = [_as_claimed(row, token, now) for row in found if self._take(row, token, now)]
        later = None
        if len(found) < ask.limit:
            later = min((row.due_at for row in self._queues[ask.run_id] if row.due_at > now), default=None)
        return Found(claimed, found[-1].id if found else ask.after, len(found), later)

    def _due(self, ask: Ask, now: datetime) -> Iterator[Row]:
        if self.runs[ask.run_id].state is not RunState.RUNNING:
            return
        for row in self._queues[ask.run_id]:
            is_wanted = ask.after < row.id and (ask.through is None or row.id <= ask.through)
            if is_wanted and row.state is SendState.QUEUED and row.due_at <= now:
                yield row

    def _take(self, row: Row, token: str, now: datetime) -> bool:
        """Move a due row to `sending`, or close it."""
        row.token, row.intent_at = token, now
        if row.expires_at <= now:
            self.move(row, SendState.EXPIRED)
        elif row.address_id in self.withdrawn:
            self.move(row, SendState.SUPPRESSED)
        else:
            row.attempts += 1
            self.move(row, SendState.SENDING)
        return row.state is SendState.SENDING


def _as_claimed(row: MemoryDelivery, token: str, now: datetime) -> Claimed:
    return Claimed(
        row.id,
        row.run.id,
        row.address_id,
        row.reference,
        token,
        row.attempts,
        now,
        row.expires_at,
        row.to,
        row.run.body,
        parts=1,
    )
