"""The ledger of consent is told whose handle something is about, and what was said, how and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from campaigns.audience.consent.sealed_words import Evidence
from campaigns.audience.models import Channel


class _Keyed(Protocol):
    @property
    def lookup(self) -> bytes: ...
    @property
    def channel(self) -> str: ...
    @property
    def number(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class HashedHandle:
    """A handle on one channel as its keyed hashes."""

    lookup: bytes
    channel: Channel
    #: The hash of its phone (`handles.number_key`); None where nobody knows it, as of rows of an earlier version.
    number: bytes | None = None

    @classmethod
    def of(cls, known: _Keyed) -> HashedHandle:
        """Return the handle of an address, or of whoever wrote a reply."""
        return cls(known.lookup, Channel(known.channel), known.number)

    @property
    def phone(self) -> bytes:
        """The hash that the addresses of the phone share, as far as it is known."""
        return self.number or self.lookup


@dataclass(frozen=True, slots=True)
class Declaration:
    """What somebody said about being written to."""

    #: How it reached us: "keyword", "form", "provider", "member" …
    method: str
    #: The version shown, the reply that said it, or the evidence given.
    wording: str | Evidence
    at: datetime
