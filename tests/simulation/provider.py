"""A provider that accepts, refuses, loses and delays as its plan says, and remembers the truth."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from random import Random

from campaigns.core.errors import UnavailableError
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.gateways.base import (
    Accepted,
    Action,
    Fence,
    NotSentError,
    Outgoing,
    ProviderMessage,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from campaigns.gateways.callbacks import StatusUpdate
from tests.simulation.oracle import Message, Oracle
from tests.simulation.plan import ProviderPlan, ReceiptPlan
from tests.simulation.processes import Process, Timeline

#: Messages on one page of a list.
PAGE = 5
#: What our credentials open.
ACCOUNT, OTHER_ACCOUNT = "memory", "other"
#: Longest a call waits for its reply, in seconds.
CALL_SECONDS = 15.0
#: Longest a message that is taken in late waits at the door, in seconds.
LATE_SECONDS = 100.0
#: Refusals for good: code and what it asks for.
REFUSALS = (
    ("21211", Action.INVALIDATE_ADDRESS),
    ("21610", Action.OPT_OUT),
    ("63003", Action.OTHER_CHANNEL),
    ("30007", Action.GIVE_UP),
    ("20500", Action.RETRY_LATER),
    ("20003", Action.PAUSE_RUN),
    ("63018", Action.PAUSE_SENDER),
    ("20429", Action.RECONCILE),
)
#: What a receipt that failed can say.
FAILURES = (
    ("undelivered", "30008", None),
    ("failed", "63003", Action.OTHER_CHANNEL),
    ("failed", "63003", Action.OTHER_CHANNEL),
    ("undelivered", "30005", Action.INVALIDATE_ADDRESS),
    ("failed", "21610", Action.OPT_OUT),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way, and where its reply is awaited."""

    outgoing: Outgoing
    sender: SenderFacts
    process: Process
    reply: asyncio.Future[Accepted]
    account: str


class Provider:
    """The provider's side of every call."""

    def __init__(
        self,
        timeline: Timeline,
        oracle: Oracle,
        chance: Random,
        plan: ProviderPlan,
        receipts: ReceiptPlan,
        *,
        post: Callable[[StatusUpdate], None],
        now: Callable[[], datetime],
    ) -> None:
        self.plan, self.receipts = plan, receipts
        self._timeline, self._oracle, self._chance = timeline, oracle, chance
        self._post, self._now = post, now
        #: Messages about which nothing was said.
        self._silent: defaultdict[str, list[Message]] = defaultdict(list)
        #: Calls whose end their process has not seen.
        self.open_calls: Counter[str] = Counter()

    def connect_seconds(self) -> float:
        """Return how long a connection takes; now and then longer than an intent lives."""
        slow = self._chance.random() < self.plan.slowness / 50
        return self._chance.uniform(0.0, 45.0 if slow else self.plan.slowness)

    def refuses_connections(self) -> bool:
        return self._fault_now() == "refused" or self._chance.random() < self.plan.refused

    def receive(self, call: Call) -> None:
        """Take in a request whose first byte leaves now."""
        self._oracle.began(call.outgoing, call.sender, call.process.name)
        self._timeline.after(self._chance.uniform(0.0, self.plan.slowness), partial(self._decide, call))

    def calm(self) -> None:
        """Misbehave no more."""
        kept = ("keeps_list", "has_own_words", "alters", "other_account_since")
        self.plan = ProviderPlan(**{name: getattr(self.plan, name) for name in kept})

    def find(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Return what the list shows of one handle. Raises UnavailableError when there is no list."""
        if not self.plan.keeps_list:
            raise UnavailableError("The list cannot be read.")
        account = self.account()
        lines = [message.line for message in self._oracle.messages if message.account == account]
        found = [self._shown(line) for line in lines if line.to == to and line.created_at >= since]
        if self.plan.alters and found:
            self._oracle.faults["altered lists"] += 1
        if account != ACCOUNT and len(found) < len(self._oracle.by_handle[to]):
            self._oracle.faults["lists of another account"] += 1
        return found

    def pages(self, since: datetime) -> list[list[ProviderMessage]]:
        """Return all it took since a time, the newest first. Raises UnavailableError when there is no list."""
        if not self.plan.keeps_list:
            raise UnavailableError("The list cannot be read.")
        lines = [
            self._shown(message.line) for message in self._oracle.messages if message.account == self.account()
        ]
        newest = [line for line in reversed(lines) if line.created_at >= since]
        return [newest[place : place + PAGE] for place in range(0, len(newest), PAGE)]

    def account(self) -> str:
        """Return the account that our credential opens now."""
        return OTHER_ACCOUNT if self._timeline.now >= self.plan.other_account_since else ACCOUNT

    def tell_late(self, reference: str) -> None:
        """Post the receipt of a message about which nothing was said so far."""
        for message in self._silent.pop(reference, ()):
            self._oracle.note("a late receipt is posted", message.reference)
            update = StatusUpdate(message.reference, message.line.provider_id, "delivered", None)
            self._timeline.after(self._chance.uniform(0.0, 8.0), partial(self._post, update))

    def _shown(self, line: ProviderMessage) -> ProviderMessage:
        """Return a line as the list shows it."""
        match self.plan.alters:
            case "prefix":
                return replace(line, body=f"Sent from a trial account - {line.body}")
            case "cut":
                return replace(line, body=line.body[:-1])
            case "service":
                return replace(line, sender="MG0123456789abcdef")
            case _:
                return line

    def _decide(self, call: Call) -> None:
        plan, fault, dice = self.plan, self._fault_now(), self._chance.random()

        def hits(share: float) -> bool:
            nonlocal dice
            dice -= share
            return dice < 0

        if fault == "throttled" or (fault is None and hits(plan.throttled)):
            self._refuse(call, ThrottledError("20429", retry_after_seconds=self._chance.choice((None, 1.0, 5.0))))
        elif fault == "broken" or hits(plan.broken):
            self._answer(call, UnknownOutcomeError("503"))
        elif hits(plan.swallowed):
            self._oracle.note("lost on its way", call.outgoing.to)
        elif hits(plan.rejected):
            self._refuse(call, RejectedError(*self._chance.choice(REFUSALS)))
        elif hits(plan.late):
            self._timeline.after(self._chance.uniform(0.0, LATE_SECONDS), partial(self._accept, call))
        else:
            accepted = self._accept(call)
            if hits(plan.error_after):
                self._answer(call, UnknownOutcomeError("500"))
            elif not hits(plan.reply_lost):
                self._answer(call, accepted)

    def _fault_now(self) -> str | None:
        for start, end, fault in self.plan.away:
            if start <= self._timeline.now < end:
                return fault
        return None

    def _refuse(self, call: Call, error: SendError) -> None:
        self._oracle.refused(call.outgoing, call.sender, error)
        self._answer(call, error)

    def _accept(self, call: Call) -> Accepted:
        outgoing = call.outgoing
        number = len(self._oracle.messages) + 1
        line = ProviderMessage(
            provider_id=f"SM{number}",
            to=outgoing.to,
            sender=outgoing.sender,
            body=outgoing.body,
            status="sent",
            error=None,
            created_at=self._now().replace(microsecond=0),
        )
        message = self._oracle.accepted(outgoing, call.sender, line)
        message.account = call.account
        word = f"word{number}" if self.plan.has_own_words else None
        self._plan_receipts(message, word or message.reference)
        return Accepted(line.provider_id, "queued", word)

    def _answer(self, call: Call, answer: Accepted | SendError) -> None:
        self._timeline.after(self._chance.uniform(0.0, self.plan.slowness), partial(_reply, call, answer))

    def _plan_receipts(self, message: Message, word: str) -> None:
        chance, plan = self._chance, self.receipts
        if chance.random() < plan.silent:
            if word == message.reference:
                self._silent[message.reference].append(message)
            return
        statuses: list[tuple[str, str | None, Action | None]] = [("queued", None, None), ("sent", None, None)]
        if chance.random() < plan.failing:
            statuses.append(chance.choice(FAILURES))
            message.failure = statuses[-1][2] or Action.GIVE_UP
            if message.run_id not in self._oracle.rehearsals:
                self._oracle.heed((message.channel, message.line.to), statuses[-1][2])
        else:
            statuses.append(("delivered", None, None))
        for status, error, action in statuses * plan.times:
            update = StatusUpdate(word, message.line.provider_id, status, error, action=action)
            self._timeline.after(chance.uniform(0.0, plan.spread), partial(self._post, update))


class Wire:
    """Implements Gateway: the calls of one sender from one process."""

    name = "memory"

    def __init__(self, provider: Provider, process: Process, sender: SenderFacts) -> None:
        self._provider, self._process, self._sender = provider, process, sender
        self.keeps_list, self.account = provider.plan.keeps_list, provider.account()

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        self._provider.open_calls[self._process.name] += 1
        try:
            return await self._call(outgoing, fence)
        finally:
            self._provider.open_calls[self._process.name] -= 1

    async def _call(self, outgoing: Outgoing, fence: Fence | None) -> Accepted:
        await asyncio.sleep(self._provider.connect_seconds())
        if self._provider.refuses_connections():
            raise NotSentError("refused")
        if fence is not None:
            fence()
        reply: asyncio.Future[Accepted] = self._process.create_future()
        self._provider.receive(Call(outgoing, self._sender, self._process, reply, self.account))
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await reply
        except TimeoutError:
            raise UnknownOutcomeError("timeout") from None

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        await asyncio.sleep(0.01)
        return self._provider.find(to, since)

    async def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        await asyncio.sleep(0.01)
        for page in self._provider.pages(since):
            yield page

    async def close(self) -> None:
        pass


def _reply(call: Call, answer: Accepted | SendError) -> None:
    """Hand the answer to the process that waits for it, if that still lives."""
    if not call.process.is_dead:
        call.process.call_soon(_settle, call.reply, answer)


def _settle(reply: asyncio.Future[Accepted], answer: Accepted | SendError) -> None:
    if reply.done():
        return
    if isinstance(answer, SendError):
        reply.set_exception(answer)
    else:
        reply.set_result(answer)


class ListOnly:
    """A provider, as far as its list goes."""

    keeps_list = True
    account = "memory"

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        lines = (message.line for message in self._oracle.messages)
        return [line for line in lines if line.to == to and line.created_at >= since]

    async def close(self) -> None:
        pass
