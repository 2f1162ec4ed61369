"""A gateway that reaches nobody: it prints what would be sent, for trying things out."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TextIO

from campaigns.core import clock
from campaigns.core.logging import mask
from campaigns.gateways.base import Accepted, Fence, Outgoing, ProviderMessage
from campaigns.gateways.callbacks import CallbackReader
from campaigns.gateways.kinds import Credential, Opening
from campaigns.gateways.template_book import TemplateBook


class ConsoleGateway:
    """Accepts everything, prints it with the handle masked, and remembers it while the process lives."""

    name = "console"
    keeps_list = True
    account = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._kept: list[ProviderMessage] = []

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Print the message and accept it."""
        if fence is not None:
            fence()
        message = ProviderMessage(
            provider_id=f"console-{len(self._kept) + 1}",
            to=outgoing.to,
            sender=outgoing.sender,
            body=outgoing.body,
            status="sent",
            error=None,
            created_at=clock.now().replace(microsecond=0),
        )
        self._kept.append(message)
        self._stream.write(f"{outgoing.reference} to {mask(outgoing.to)}: {outgoing.body}\n")
        return Accepted(provider_id=message.provider_id, status=message.status)

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Return what was printed for one handle."""
        return [message for message in self._newest_first(since) if message.to == to]

    async def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        """Give everything that was printed, as one page."""
        yield self._newest_first(since)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _newest_first(self, since: datetime) -> list[ProviderMessage]:
        earliest = since.replace(microsecond=0)
        return [message for message in reversed(self._kept) if message.created_at >= earliest]


class ConsoleKind:
    """The console as a gateway of any channel."""

    name = ConsoleGateway.name
    title = "Console"
    channels = ("sms", "whatsapp", "telegram")
    reaches_people = False
    sandbox_account = ""
    has_status_url = False
    hook_fragment = ""
    is_told_by_us = False

    def open(self, opening: Opening) -> ConsoleGateway:
        """Return a console; every one prints alike."""
        return ConsoleGateway()

    def reader(self, credentials: Sequence[Credential]) -> CallbackReader | None:
        """Return None: a console calls nobody back."""
        return None

    def templates(self, opening: Opening) -> TemplateBook | None:
        """Return None: a console takes every text."""
        return None


KIND = ConsoleKind()
