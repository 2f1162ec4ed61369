"""A state machine over one run: every act of engine, provider, people and members, in any order one can think of.

Nothing is simulated here but the provider: the acts are the real functions, one after the other. Whatever came
before, in the end everything is mended and must come to rest with all promises kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import RefusedError, TransitionError
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.engine.retry import decide
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts, facts_of
from campaigns.delivery.models import Delivery
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.repair.reconcile import give_up, reap, reconcile
from campaigns.delivery.repair.resend import Chosen, resend
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.service import expire_resting
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, Outgoing, ProviderMessage, SendError, UnknownOutcomeError
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Health, Run, Sender
from campaigns.planning.runs.firing import stop_run
from tests.factories import NOON
from tests.simulation.chores import PATIENCE
from tests.simulation.database import VAULT, Database
from tests.simulation.oracle import DatabaseOracle, Message
from tests.simulation.people import let_go_on
from tests.simulation.plan import SMS, WHATSAPP, ProviderPlan, RunPlan
from tests.simulation.processes import Timeline
from tests.simulation.provider import ListOnly
from tests.simulation.provider_words import REFUSALS, WORDS
from tests.simulation.runs import add_run, channel_of, handle_of, text_of
from tests.simulation.verdict import check

RUN, MEMBER, PEOPLE = 1, 1, 5


@dataclass(slots=True)
class Call:
    """A call that was begun: what the provider made of it, while nobody here knows."""

    claimed: Claimed
    sender_id: int
    message: Message | None


class DeliveryMachine(RuleBasedStateMachine):
    """One run to a few people over one or two senders."""

    #: Set by whoever runs it.
    make_database: Callable[[], Database]
    figures: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline(Random(0))
        self.database = type(self).make_database()
        self.oracle = DatabaseOracle(self.timeline, database=self.database)
        self.database.on_move = self.oracle.moved
        self.database.on_block = lambda address_id: self.oracle.blocked(self.oracle.book.of_address(address_id))
        self.told = 0
        self.figures["examples"] += 1
        self.ready: list[tuple[Claimed, int]] = []
        self.calls: list[Call] = []
        self._exits = ExitStack()
        self._exits.enter_context(clock.running_on(self.now))
        self._begin_worker()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.timeline.now)

    def _begin_worker(self) -> None:
        self.ready.clear()
        self.calls.clear()
        self.store = DatabaseStore(self.database.sessions, VAULT)
        self.fence = Fence(lambda: self.timeline.now)

    @initialize(
        resend_unknown=st.booleans(),
        ladder=st.booleans(),
        lasts=st.sampled_from((100.0, 43200.0)),
        begun=st.lists(st.booleans(), min_size=1, max_size=PEOPLE),
    )
    def plan(self, resend_unknown: bool, ladder: bool, lasts: float, begun: list[bool]) -> None:
        self.senders = (WHATSAPP, SMS) if ladder else (SMS,)
        self.oracle.run_of_text[text_of(RUN)] = RUN
        with self.database.sessions.begin() as session:
            add_run(session, RUN, RunPlan(PEOPLE, self.senders, resend_unknown, 0.0, lasts), self.now())
        for sender_id in self.senders:
            self.store.note_account(Line(sender_id), ListOnly.account)
        self.serve(0, begun)

    @rule(rank=st.integers(0, 1), begun=st.lists(st.booleans(), min_size=1, max_size=PEOPLE))
    def serve(self, rank: int, begun: list[bool]) -> None:
        """Claim and call at once, as a worker that nothing disturbs."""
        self.claim(len(begun), rank)
        for accepted in begun[: len(self.ready)]:
            self.send(-1, accepted)

    @rule(seconds=st.sampled_from((0.3, 1.0, 6.0, 40.0, 120.0, 500.0)))
    def wait(self, seconds: float) -> None:
        self.timeline.now += seconds

    @rule()
    def look(self) -> None:
        self.fence.refresh(self.store.snapshot(), asked_at=self.timeline.now)

    @rule(limit=st.integers(1, 4), rank=st.integers(0, 1))
    def claim(self, limit: int, rank: int) -> None:
        sender_id = self.senders[min(rank, len(self.senders) - 1)]
        line = Line(sender_id, Channel(channel_of(sender_id)))
        found: Found = self.store.exchange((), Ask(line, RUN, 0, limit))
        self.ready += [(claimed, sender_id) for claimed in found.claimed]

    @precondition(lambda self: self.ready)
    @rule(which=st.integers(0, 9), accepted=st.booleans(), looks=st.sampled_from((True, True, False)))
    def send(self, which: int, accepted: bool, looks: bool = True) -> None:
        claimed, sender_id = self.ready.pop(which % len(self.ready))
        if looks:
            self.look()
        try:
            self.fence.check(claimed)
        except FenceRefusedError as refused:
            gone = refused.refusal is Refusal.WITHDRAWN
            self._record(claimed, SendState.SUPPRESSED if gone else SendState.QUEUED, refund=True)
            return
        outgoing, sender = self._outgoing(claimed, sender_id), self._facts(sender_id)
        self.oracle.began(outgoing, sender, "worker")
        message = self.oracle.accepted(outgoing, sender, self._line(outgoing)) if accepted else None
        self.calls.append(Call(claimed, sender_id, message))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9), refusal=st.sampled_from(REFUSALS))
    def reply(self, which: int, refusal: SendError) -> None:
        call = self.calls.pop(which % len(self.calls))
        if call.message is not None:
            provider_id = call.message.line.provider_id
            self._record(call.claimed, SendState.ACCEPTED, provider_id=provider_id)
            return
        self.oracle.refused(self._outgoing(call.claimed, call.sender_id), self._facts(call.sender_id), refusal)
        self._fail(call, refusal)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9))
    def lose_reply(self, which: int) -> None:
        self._fail(self.calls.pop(which % len(self.calls)), UnknownOutcomeError("timeout"))

    @rule()
    def crash(self) -> None:
        self._begin_worker()

    @precondition(lambda self: self.oracle.messages)
    @rule(which=st.integers(0, 9), word=st.sampled_from(WORDS), times=st.integers(1, 3))
    def receive(self, which: int, word: tuple[str, str | None, Action | None], times: int) -> None:
        message = self.oracle.messages[which % len(self.oracle.messages)]
        status, error, action = word
        if error is not None and message.failure not in (None, action):
            return
        if status == "delivered" and message.failure is not None:
            return
        if error is not None:
            if self._was_delivered(message):
                return
            message.failure = action
            self.oracle.heed((message.channel, message.line.to), action)
        update = StatusUpdate(message.reference, message.line.provider_id, status, error, action=action)
        self._post([update] * times)

    @rule(number=st.integers(0, 3))
    def receive_for_stranger(self, number: int) -> None:
        self._post([StatusUpdate(f"stranger{number}", f"XX{number}", "delivered", None)])

    @rule(limit=st.integers(1, 5))
    def merge_receipts(self, limit: int) -> None:
        with self.database.sessions.begin() as session:
            apply_receipts(session, limit)

    @rule(contact_id=st.integers(1, PEOPLE), channel=st.sampled_from((Channel.SMS, Channel.WHATSAPP)))
    def opt_out(self, contact_id: int, channel: Channel) -> None:
        handle = handle_of(channel, contact_id)
        with self.database.sessions.begin() as session:
            stopped = withdraw_everywhere(
                session,
                HashedHandle(VAULT.lookup_hash(channel, handle), channel, number_key(VAULT, channel, handle)),
                Declaration("keyword", "STOP", self.now()),
            )
            suppress_addresses(session, stopped)
        now = self.timeline.now
        self.oracle.words.hear((channel, handle), is_stop=True, said_at=now, now=now)

    @rule()
    def stop(self) -> None:
        try:
            with self.database.sessions.begin() as session:
                stop_run(session, session.get_one(Run, RUN), by=MEMBER)
        except TransitionError:
            return
        self.oracle.stopped_at[RUN] = self.timeline.now

    @rule()
    def resume(self) -> None:
        try:
            with self.database.sessions.begin() as session:
                let_go_on(session, session.get_one(Run, RUN))
        except TransitionError:
            return
        self.oracle.stopped_at.pop(RUN, None)

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        sweep(self.database.sessions, limit=limit)

    @rule()
    def reap(self) -> None:
        with self.database.sessions.begin() as session:
            reap(session, reap_after=PATIENCE.reap_after)

    @rule(rank=st.integers(0, 1), health=st.sampled_from((Health.PAUSED, Health.WELL)))
    def tell_health(self, rank: int, health: Health) -> None:
        sender_id = self.senders[min(rank, len(self.senders) - 1)]
        with self.database.sessions.begin() as session:
            session.get_one(Sender, sender_id).health = health

    @rule(limit=st.integers(1, 3))
    def expire(self, limit: int) -> None:
        with self.database.sessions.begin() as session:
            expire_resting(session, limit=limit)

    @rule()
    def give_up(self) -> None:
        # As a worker does: it asks the list first.
        self.reconcile()
        with self.database.sessions.begin() as session:
            give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after)

    @rule()
    def reconcile(self) -> None:
        async def inline(function: Callable[..., Any], *arguments: Any) -> Any:
            return function(*arguments)

        work = reconcile(
            self.database.sessions,
            vault=VAULT,
            open_gateway=lambda sender: ListOnly(self.oracle),  # type: ignore[arg-type,return-value]
            database=inline,
            patience=PATIENCE,
        )
        try:
            # Nothing in it waits, so one step is all.
            work.send(None)
        except StopIteration:
            return
        raise AssertionError("the list was waited for")

    @rule()
    def resend(self) -> None:
        with self.database.sessions.begin() as session:
            rows = session.execute(
                select(Delivery.id, Delivery.contact_id).where(Delivery.send_state == SendState.UNCONFIRMED)
            ).all()
            try:
                if rows:
                    chosen = Chosen(ids=[row.id for row in rows])
                    resend(
                        session,
                        session.get_one(Run, RUN),
                        chosen,
                        by=MEMBER,
                        reason="They asked for it",
                        vault=VAULT,
                    )
            except RefusedError:
                session.rollback()
                return
        for row in rows:
            self.oracle.resent[RUN, row.contact_id] += 1

    @invariant()
    def promises_hold(self) -> None:
        self.figures["steps"] += 1
        assert self.oracle.broken == []

    def teardown(self) -> None:
        """Mend everything, let it come to rest, and judge."""
        try:
            self.figures["messages"] += len(self.oracle.messages)
            if hasattr(self, "senders"):
                self._come_to_rest()
                self._judge()
        finally:
            self._exits.close()

    def _judge(self) -> None:
        plan = SimpleNamespace(provider=ProviderPlan(), damaged=(), restore=None)
        check(SimpleNamespace(oracle=self.oracle, database=self.database, told=self.told, now=self.now, plan=plan))  # type: ignore[arg-type]
        assert self.oracle.broken == []

    def _come_to_rest(self) -> None:
        self.crash()
        for rank in range(len(self.senders)):
            self.tell_health(rank, Health.WELL)
        for _ in range(40):
            self.merge_receipts(1000)
            self.sweep(1000)
            self.look()
            for rank in range(len(self.senders)):
                self.claim(100, rank)
            while self.ready:
                self.send(0, accepted=True)
            while self.calls:
                self.reply(0, REFUSALS[0])
            self.reap()
            self.reconcile()
            self.give_up()
            unknown = self.oracle.counts[SendState.UNKNOWN]
            if self.oracle.at_rest() and not unknown and not self._unswept() and not self._unmerged():
                return
            self.wait(90.0)
        raise AssertionError(f"it does not come to rest: {dict(self.oracle.counts)}")

    def _unswept(self) -> bool:
        cancelled = "SELECT 1 FROM run JOIN delivery ON run_id = run.id WHERE state = 'running' AND send_state = "
        return self.database.one(f"{cancelled}'cancelled'") is not None

    def _unmerged(self) -> bool:
        """Say whether a receipt waits: one that may send its message on does so for the end of the call."""
        told = "SELECT 1 FROM receipt JOIN delivery ON delivery.reference = receipt.reference WHERE "
        return self.database.one(f"{told}applied_at IS NULL") is not None

    def _was_delivered(self, message: Message) -> bool:
        statement = "SELECT 1 FROM receipt WHERE reference = ? AND status = 'delivered'"
        return self.database.one(statement, message.reference) is not None

    def _post(self, updates: list[StatusUpdate]) -> None:
        with self.database.sessions.begin() as session:
            store(session, updates, gateway="memory")
        self.told += len(updates)

    def _record(self, claimed: Claimed, state: SendState, **more: Any) -> None:
        self.store.exchange([Result(claimed.id, claimed.token, state, claimed.attempts, **more)], None)

    def _fail(self, call: Call, error: SendError) -> None:
        claimed = call.claimed
        decision = decide(
            error, attempts=claimed.attempts, now=self.now(), expires_at=claimed.expires_at, chance=0.5
        )
        has_next = call.sender_id != self.senders[-1]
        self._record(
            claimed,
            decision.state,
            error=decision.error,
            due_at=decision.due_at,
            refund=decision.refund,
            outcome=decision.outcome,
            address_id=claimed.address_id,
            action=decision.action,
            falls_back=decision.falls_back and has_next,
        )

    def _outgoing(self, claimed: Claimed, sender_id: int) -> Outgoing:
        identity = self._facts(sender_id).identity
        return Outgoing(claimed.reference, claimed.to, claimed.body, identity, "m=", 60)

    def _facts(self, sender_id: int) -> SenderFacts:
        with self.database.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return facts_of(session.get_one(Sender, sender_id))

    def _line(self, outgoing: Outgoing) -> ProviderMessage:
        provider_id, at = f"SM{len(self.oracle.messages) + 1}", self.now().replace(microsecond=0)
        return ProviderMessage(provider_id, outgoing.to, outgoing.sender, outgoing.body, "sent", None, at)
