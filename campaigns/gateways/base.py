"""The port to a provider says what a gateway takes and gives, and how a call can fail.

SendError                     raised by `Gateway.send`, says what to do next
├── NotSentError              provably before the first byte of the request: safe to send again
├── ThrottledError            refused because of the rate: safe to send again, later
├── RejectedError             refused for good with a code; carries the Action that follows
└── UnknownOutcomeError       anything else: may or may not have been accepted, never sent again blindly
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from campaigns.core.errors import FingerpostError


class Action(StrEnum):
    """What a failure asks for; a gateway decides it once, from its own table of codes."""

    RETRY_LATER = "retry_later"
    INVALIDATE_ADDRESS = "invalidate_address"
    OPT_OUT = "opt_out"
    OTHER_CHANNEL = "other_channel"
    PAUSE_SENDER = "pause_sender"
    PAUSE_RUN = "pause_run"
    GIVE_UP = "give_up"
    RECONCILE = "reconcile"


class Blame(StrEnum):
    """Whose fault a failure is, so that a member knows where to look."""

    RECIPIENT = "recipient"
    CONTENT = "content"
    SENDER = "sender"
    ACCOUNT = "account"
    PROVIDER = "provider"
    NETWORK = "network"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Template:
    """A text that the provider has approved beforehand, and what fills its slots."""

    #: The provider's id of it ("HX…").
    id: str
    #: By slot, from "1".
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person, ready for the wire."""

    #: Our opaque id (ASCII); it travels in the callback URL.
    reference: str
    #: Handle: E.164 for SMS and WhatsApp, "UA.…" for a WhatsApp account without a number, a chat id for Telegram.
    to: str
    body: str
    #: Number, alphanumeric name, messaging service or bot it is sent from.
    sender: str
    #: Where status callbacks go, reference included; None asks for no callbacks.
    callback_url: str | None
    #: How long the provider may still try, in seconds.
    valid_for_seconds: int
    #: The approved template that says `body`, where the channel asks for one.
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message and will try to deliver it."""

    provider_id: str
    #: The provider's word at acceptance ("queued").
    status: str
    #: The word by which its receipts name the message, when that is not our reference.
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderMessage:
    """One line of the provider's own list of messages."""

    provider_id: str
    to: str
    #: Number or name it was sent from; '' while the provider has not chosen one.
    sender: str
    body: str
    status: str
    error: str | None
    #: Aware UTC, whole seconds.
    created_at: datetime
    #: The provider wrote it by itself, as the answer to a stop: no program of ours asked for it.
    is_automatic: bool = False


class SendError(FingerpostError):
    """A call that did not end in a clean acceptance; `code` is the provider's or our own word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The provider did not accept the message ({code}).")
        self.code = code


class NotSentError(SendError):
    """No byte of the request left this machine: name not found, refused, connect time-out, TLS failure."""


class ThrottledError(SendError):
    """The provider refused because of the rate, and says it processed nothing."""

    def __init__(self, code: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(code)
        #: The provider's Retry-After, or None when it named no time.
        self.retry_after_seconds = retry_after_seconds


class RejectedError(SendError):
    """The provider refused with a code, and created nothing."""

    def __init__(self, code: str, action: Action) -> None:
        super().__init__(code)
        self.action = action


class UnknownOutcomeError(SendError):
    """The request may or may not have been accepted: time-out, 5xx, broken or foreign reply."""


#: Called when a connection stands ready, right before the first byte; the FingerpostError it raises ends the call
#: unsent.
Fence = Callable[[], None]


class Gateway(Protocol):
    """One provider account over which messages go out."""

    @property
    def name(self) -> str:
        """Name that Sender.gateway and Receipt.gateway hold."""

    @property
    def keeps_list(self) -> bool:
        """Whether the provider can be asked what it holds; without a list a lost reply stays unknown."""

    @property
    def account(self) -> str:
        """The provider's name of the account, by which its list is told from another's; '' where there is none."""

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Make exactly one call for `outgoing`.

        Raises a SendError for everything but a clean acceptance, and passes on what `fence` raises.
        """

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Return what the provider holds for one handle, created at `since` (UTC) or later.

        Raises UnavailableError when the provider does not answer, or keeps no list.
        """

    def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        """Give page by page what the provider holds, created at `since` (UTC) or later, newest first.

        Raises UnavailableError when the provider does not answer, or keeps no list.
        """

    async def close(self) -> None:
        """Release connections."""
