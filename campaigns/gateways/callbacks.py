"""Providers post to us: this is the raw request, whether it is genuine, and what it says."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qsl

from campaigns.gateways.base import Action

#: No provider sends more fields.
MOST_FIELDS = 200


@dataclass(frozen=True)
class Callback:
    """A provider's request as it came, before anybody believes it."""

    #: The public address the provider called, path and query as they came.
    url: str
    #: By lower-case name.
    headers: Mapping[str, str]
    body: bytes
    #: Our reference from the address; '' when it carried none.
    reference: str = ""
    #: The secret part of the address, where a provider signs nothing; '' elsewhere.
    secret: str = ""

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """Fields of a URL-encoded body, repeated and empty ones too; bytes that are no UTF-8 become U+FFFD.

        Raises ValueError for more fields than any provider sends.
        """
        return parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)


def hook_secret(token: str) -> str:
    """Return the secret part of the callback address for the account with `token`: 32 hexadecimal letters.

    It takes the place of a signature where a provider signs nothing, and reveals nothing of the token.
    """
    return hmac.digest(token.encode(), b"fingerpost hook", "sha256").hex()[:32]


class Verdict(StrEnum):
    """Whether a callback is believed."""

    GENUINE = "genuine"
    #: From our own sandbox in a live instance: it may speak of rehearsals only.
    REHEARSAL = "rehearsal"
    FORGED = "forged"
    #: Signed once, but too old to act on.
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What a status callback says."""

    #: The word that names the delivery; '' when it carried none.
    reference: str
    provider_id: str
    #: The provider's word, unknown ones included.
    status: str
    error: str | None
    #: Further fields as they came, without the handles.
    raw: Mapping[str, str] = field(default_factory=dict)
    #: What the error asks for; None when there is no error.
    action: Action | None = None


class Happening(StrEnum):
    """What a person did."""

    WROTE = "wrote"
    SHARED_LOCATION = "shared_location"
    PRESSED_BUTTON = "pressed_button"
    #: Opened the conversation, perhaps through a way to join.
    STARTED = "started"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


class MediaKind(StrEnum):
    """What a file is that a person sent, by the provider's word or by its own bytes."""

    VOICE = "voice"
    PICTURE = "picture"
    FILM = "film"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class InboundMedia:
    """A file that a person sent, which the provider still has."""

    kind: MediaKind
    #: Where it is, as `MediaSource.fetch_media` of the same account understands it; '' where it cannot be had.
    source: str
    #: How long it plays, if the provider says so.
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person did at one of our senders."""

    provider_id: str
    from_handle: str
    #: Number, service or bot it came to, as Sender.identity says it.
    to_handle: str
    #: What they wrote, or the words on the button they pressed.
    text: str
    #: A Channel value: "sms", "whatsapp" or "telegram".
    channel: str
    #: Further fields as they came, without handles, text and location.
    raw: Mapping[str, str] = field(default_factory=dict)
    happening: Happening = Happening.WROTE
    #: Latitude and longitude in degrees, as exact as the person shared it: never stored.
    location: tuple[float, float] | None = None
    #: Payload of the button, or code of the way to join they started with; '' for none.
    payload: str = ""
    #: Language the person chose in their app (BCP 47), if the provider says so.
    language: str = ""
    #: When they did it (UTC), if the provider says so: what it posts again comes later.
    said_at: datetime | None = None
    #: Whether `provider_id` ends in a number that grows with each thing that is done at this account.
    is_numbered: bool = False
    #: Voice notes, pictures and other files, in their order.
    media: tuple[InboundMedia, ...] = ()
    #: Another handle by which the provider knows them on the channel; '' for none. Their stop counts for it too.
    other_handle: str = ""
    #: Whether they changed words that they had written before: such words lift no stop.
    is_edit: bool = False


class CallbackReader(Protocol):
    """Verifies and reads what one provider posts to us, for all our accounts there."""

    @property
    def name(self) -> str:
        """Name of the gateway whose callbacks it reads."""

    @property
    def is_signed(self) -> bool:
        """Whether the provider proves each callback to be its own: by a signature, or by a word in a header.

        An address alone, however secret, proves that somebody saw it once: who posts to it is anybody's guess.
        """

    def judge(self, callback: Callback) -> Verdict:
        """Say whether the callback is to be believed; one without a signature is forged."""

    def account_of(self, callback: Callback) -> str:
        """Return the account, by the provider's name, for which a callback is genuine; '' when it is for none."""

    def read_statuses(self, callback: Callback) -> list[StatusUpdate]:
        """Return what it says about messages of ours; unknown words and fields are kept, never refused."""

    def read_inbound(self, callback: Callback) -> list[Inbound]:
        """Return what people did; missing fields become ''. Empty when it says nothing of that kind."""
