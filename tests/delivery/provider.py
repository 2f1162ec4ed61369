"""A provider in memory that keeps its own log and does what a test tells it to: the oracle of engine tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from campaigns.core import clock
from campaigns.gateways.base import Accepted, Fence, Outgoing, ProviderMessage

#: Decides one call: raise before accepting, or return an error to raise after accepting, or None.
Behaviour = Callable[[Outgoing, int], Exception | None]


class MemoryProvider:
    """Implements Gateway. `behave(outgoing, nth call of that reference)` is asked before a message is accepted."""

    name = "memory"
    keeps_list = True
    account = "AC1"

    def __init__(self, behave: Behaviour | None = None, *, seconds: float = 0.0, prefix: str = "SM") -> None:
        self.behave = behave
        #: What its ids begin with.
        self.prefix = prefix
        self.seconds = seconds
        #: What was accepted, in order.
        self.accepted: list[Outgoing] = []
        self.calls: Counter[str] = Counter()
        self.messages: list[ProviderMessage] = []
        self.most_in_flight = self.in_flight = 0
        self.closed = False

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        if fence is not None:
            fence()
        self.calls[outgoing.reference] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            lost = self.behave(outgoing, self.calls[outgoing.reference]) if self.behave else None
            message = self._accept(outgoing)
            if lost is not None:
                raise lost
            return Accepted(message.provider_id, "queued")
        finally:
            self.in_flight -= 1

    def _accept(self, outgoing: Outgoing) -> ProviderMessage:
        self.accepted.append(outgoing)
        message = ProviderMessage(
            provider_id=f"{self.prefix}{len(self.accepted)}",
            to=outgoing.to,
            sender=outgoing.sender,
            body=outgoing.body,
            status="sent",
            error=None,
            created_at=clock.now().replace(microsecond=0),
        )
        self.messages.append(message)
        return message

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        return [message for message in self.messages if message.to == to and message.created_at >= since]

    async def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        found = [message for message in reversed(self.messages) if message.created_at >= since]
        for start in range(0, len(found), 1000):
            yield found[start : start + 1000]

    async def close(self) -> None:
        self.closed = True

    def times_accepted(self) -> Counter[str]:
        return Counter(outgoing.reference for outgoing in self.accepted)
