"""The engine's store in plain memory: what a database does for the loop, as a model small enough to be read.

Each call is a transaction: it happens at one step of its process, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result, RunningRun, Snapshot
from campaigns.delivery.engine.queue.store import WITHDRAWN_WITHIN
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.planning.models import Health, Priority, RunState
from tests.simulation.database import SMS_SENDER, Move
from tests.simulation.plan import RunPlan
from tests.simulation.runs import channel_of, handle_of, text_of

_HELD = (SendState.SENDING, SendState.UNKNOWN)
#: Ids of a run's deliveries begin at this many times its number.
STEP = 1000


@dataclass(slots=True)
class Delivery:
    """One message to one person in one run."""

    id: int
    run: Run
    contact_id: int
    due_at: datetime
    expires_at: datetime
    state: SendState = SendState.QUEUED
    token: str | None = None
    attempts: int = 0
    intent_at: datetime | None = None
    provider_id: str | None = None
    #: When the provider's list did not have it.
    absent_at: datetime | None = None

    @property
    def reference(self) -> str:
        return f"run{self.run.id}person{self.contact_id}"

    @property
    def of(self) -> str:
        return f"run {self.run.id} person {self.contact_id} ({self.state})"


@dataclass(slots=True)
class Run:
    """One run over one sender."""

    id: int
    plan: RunPlan
    state: RunState = RunState.RUNNING

    @property
    def sender_id(self) -> int:
        return self.plan.senders[0]


class Memory:
    """What all processes share, and the `Store` of each engine."""

    def __init__(self, pace: float) -> None:
        self.runs: dict[int, Run] = {}
        self.deliveries: dict[int, Delivery] = {}
        #: Addresses that are not active any more, by channel and contact, and since when.
        self.withdrawn: dict[tuple[str, int], datetime] = {}
        self.paused_senders: set[int] = set()
        self.on_move: Callable[[Move], None] = lambda move: None
        self._pace, self._claims = pace, 0

    def begin(self, run: Run, now: datetime) -> None:
        """Let a run begin with a delivery for each of its people."""
        self.runs[run.id] = run
        later, expires_at = (
            now + timedelta(seconds=each) for each in (run.plan.second_zone_after, run.plan.lasts)
        )
        for contact in range(1, run.plan.people + 1):
            row = Delivery(STEP * run.id + contact, run, contact, now if contact % 3 else later, expires_at)
            self.deliveries[row.id] = row
            self.on_move(Move(row.id, run.id, contact, [None, row.state]))

    def move(self, row: Delivery, state: SendState) -> None:
        """Move a delivery, before everybody's eyes."""
        if row.state is not state:
            before, row.state = row.state, state
            self.on_move(Move(row.id, row.run.id, row.contact_id, [before, state]))

    def withdraw(self, contact_id: int, channels: Sequence[str] = tuple(Channel)) -> None:
        """Do not write to a person on these channels any more; what is queued for them is suppressed."""
        for channel in channels:
            self.withdrawn.setdefault((channel, contact_id), clock.now())
        for row in self.deliveries.values():
            if row.state is SendState.QUEUED and self._is_withdrawn(row):
                self.move(row, SendState.SUPPRESSED)

    def restore(self, channel: str, contact_id: int) -> None:
        """Write to a person on this channel again."""
        self.withdrawn.pop((channel, contact_id), None)

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
            RunningRun(run.id, run.sender_id, self._pace, organisation_id=1, priority=_priority_of(run))
            for run in self.runs.values()
            if run.state is RunState.RUNNING and run.sender_id not in self.paused_senders
        ]
        since = clock.now() - WITHDRAWN_WITHIN
        return Snapshot(runs, frozenset(_address_id(*who) for who, at in self.withdrawn.items() if at >= since))

    def pause(self, run_id: int, reason: Sentence) -> None:
        """Pause a run that is running."""
        if self.runs[run_id].state is RunState.RUNNING:
            self.runs[run_id].state = RunState.PAUSED

    def sender(self, sender_id: int, is_rehearsal: bool) -> SenderFacts:
        """Return a sender."""
        channel = Channel(channel_of(sender_id))
        return SenderFacts(sender_id, "memory", "memory", SMS_SENDER, self._pace, channel)

    def note_account(self, line: Line, account: str) -> None:
        """Do nothing: there is one account."""

    def tell_health(self, sender_id: int, health: Health, code: str) -> None:
        """Keep whether a member has to mend a sender."""
        if health is Health.PAUSED:
            self.paused_senders.add(sender_id)

    def _record(self, result: Result) -> None:
        row = self.deliveries[result.id]
        if row.token != result.token or row.state not in _HELD:
            return
        row.attempts -= result.refund
        row.provider_id = result.provider_id or row.provider_id
        row.due_at = result.due_at or row.due_at
        self.move(row, result.state)
        if result.action is Action.OPT_OUT:
            self.withdraw(row.contact_id)
        elif result.action is Action.INVALIDATE_ADDRESS:
            self.withdraw(row.contact_id, [channel_of(row.run.sender_id)])

    def _claim(self, ask: Ask) -> Found:
        now = clock.now()
        self._claims += 1
        token = f"claim {self._claims}"
        found = list(islice(self._due(ask, now), ask.limit))
        claimed = [self._as_claimed(row, token, now) for row in found if self._take(row, token, now)]
        later = None
        if len(found) < ask.limit:
            rows = self.deliveries.values()
            later = min(
                (row.due_at for row in rows if row.run.id == ask.run_id and row.due_at > now), default=None
            )
        return Found(claimed, found[-1].id if found else ask.after, len(found), later)

    def _due(self, ask: Ask, now: datetime) -> Iterator[Delivery]:
        run = self.runs[ask.run_id]
        if run.state is not RunState.RUNNING:
            return
        for number in range(1, run.plan.people + 1):
            row = self.deliveries[STEP * run.id + number]
            is_wanted = ask.after < row.id and (ask.through is None or row.id <= ask.through)
            if is_wanted and row.state is SendState.QUEUED and row.due_at <= now:
                yield row

    def _take(self, row: Delivery, token: str, now: datetime) -> bool:
        """Move a due row to `sending`, or close it."""
        if row.expires_at <= now or self._is_withdrawn(row):
            self.move(row, SendState.EXPIRED if row.expires_at <= now else SendState.SUPPRESSED)
            return False
        row.token, row.intent_at, row.absent_at = token, now, None
        row.attempts += 1
        self.move(row, SendState.SENDING)
        return True

    def _as_claimed(self, row: Delivery, token: str, now: datetime) -> Claimed:
        channel = channel_of(row.run.sender_id)
        address, to = _address_id(channel, row.contact_id), handle_of(channel, row.contact_id)
        body, ends = text_of(row.run.id), row.expires_at
        return Claimed(
            row.id, row.run.id, address, row.reference, token, row.attempts, now, ends, to, body, parts=1
        )

    def _is_withdrawn(self, row: Delivery) -> bool:
        return (channel_of(row.run.sender_id), row.contact_id) in self.withdrawn


def _priority_of(run: Run) -> int:
    return Priority.URGENT if run.plan.is_urgent else Priority.ORDINARY


def _address_id(channel: str, contact_id: int) -> int:
    return contact_id if channel == Channel.SMS else STEP + contact_id
