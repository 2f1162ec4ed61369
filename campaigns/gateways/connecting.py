"""Some providers do more than send: they post to us, list what people wrote, and say whether they know us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from campaigns.gateways.callbacks import Inbound


@runtime_checkable
class Connectable(Protocol):
    """A gateway whose provider learns over its API where to post to; without it nothing people do arrives."""

    async def connect(self, public_url: str) -> bool:
        """Have what people do posted to the hooks of this instance, and say whether that had to be changed.

        Does nothing when it is set already, so it may be called as often as one likes. Raises UnavailableError,
        in words for a member, when the provider does not answer or refuses.
        """


@runtime_checkable
class Answering(Protocol):
    """A gateway whose provider says, without writing to anybody, whether it knows our credential."""

    async def ask_account(self) -> str:
        """Return the account's name, by the cheapest read that needs the credential.

        Raises SendError, with the provider's code or our word for what was wrong.
        """

    async def close(self) -> None:
        """Release connections."""


@runtime_checkable
class MediaSource(Protocol):
    """A gateway whose provider keeps the files that people send, until they are fetched or deleted."""

    async def fetch_media(self, source: str, *, most_bytes: int) -> bytes:
        """Return the file at an `InboundMedia.source`.

        Raises NotFoundError when the provider has it no more, TooLargeError for a larger one, and UnavailableError
        when the provider does not answer.
        """

    async def delete_media(self, source: str) -> None:
        """Delete the file at the provider; it is well when there is none, or when nothing can be deleted there.

        Raises UnavailableError when the provider does not answer.
        """

    async def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class KeptInbound:
    """A message from a person that the provider has kept, and when it came to the provider (UTC)."""

    inbound: Inbound
    received_at: datetime


@runtime_checkable
class InboundList(Protocol):
    """A gateway whose provider keeps what people wrote, also while nobody here answered its calls."""

    async def list_inbound(self, receiver: str, since: datetime, until: datetime) -> list[KeptInbound]:
        """Return what people wrote to `receiver` (a Sender.identity) from `since` to `until` (UTC), oldest first.

        What they shared or pressed is told by its words alone. Raises UnavailableError when the provider does not
        answer.
        """


@dataclass(frozen=True, slots=True)
class Charge:
    """What a provider says that one message costs, whichever way it went."""

    #: Number or id of the person, by whose country it is charged.
    person: str
    #: Our numbers, names or services that it went over, the most telling one first.
    senders: tuple[str, ...]
    #: Parts of an SMS.
    parts: int
    #: None: the provider has not told it yet.
    price: Decimal | None
    #: As in ISO 4217; "" without a price.
    currency: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of the money that was paid to a provider in advance."""

    amount: Decimal
    #: As in ISO 4217.
    currency: str


@runtime_checkable
class Charging(Protocol):
    """A gateway whose provider tells what messages cost, and how much money is left."""

    async def ask_balance(self) -> Balance:
        """Return what is left on the account. Raises SendError, as `Answering.ask_account` does."""

    def list_charges(self, since: datetime, until: datetime) -> AsyncIterator[list[Charge]]:
        """Give page by page what messages cost that were sent from `since` until before `until` (UTC, whole days).

        Over all channels of the account, with what people wrote to it. Raises UnavailableError without an answer.
        """

    async def close(self) -> None:
        """Release connections."""
