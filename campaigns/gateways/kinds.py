"""An instance has the kinds of gateway that the entry points of the group `fingerpost.gateways` name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol

from campaigns.core.errors import SettingsError
from campaigns.core.words import N_
from campaigns.gateways.base import Gateway
from campaigns.gateways.callbacks import CallbackReader
from campaigns.gateways.template_book import TemplateBook

GROUP = "fingerpost.gateways"


@dataclass(frozen=True, slots=True)
class Credential:
    """One account at a provider."""

    account: str
    token: str
    #: Opens our own sandbox, in an instance whose other accounts are real.
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What a gateway is opened with."""

    credential: Credential
    #: A Channel value.
    channel: str
    #: Origin of the provider's API (https://host); '' is its own.
    origin: str = ""
    #: Calls in flight at most.
    connections: int = 64


class GatewayKind(Protocol):
    """One provider, as a module that can be plugged in."""

    @property
    def name(self) -> str:
        """Name that Sender.gateway holds, and that stands in the addresses of its callbacks."""

    @property
    def title(self) -> str:
        """Name that members know it by."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel values it carries."""

    @property
    def reaches_people(self) -> bool:
        """Whether it leaves this machine at all."""

    @property
    def sandbox_account(self) -> str:
        """Account by which the sandbox knows us in a rehearsal."""

    @property
    def has_status_url(self) -> bool:
        """Whether each message names the address of its receipts."""

    @property
    def hook_fragment(self) -> str:
        """What stands behind an address of ours so that the provider calls again when we fail; '' for nothing."""

    @property
    def is_told_by_us(self) -> bool:
        """Whether we tell the provider over its API where to post to, so that nobody enters anything there."""

    def open(self, opening: Opening) -> Gateway:
        """Return the gateway to one account."""

    def reader(self, credentials: Sequence[Credential]) -> CallbackReader | None:
        """Return the reader of its callbacks for all these accounts; None when it calls nobody back."""

    def templates(self, opening: Opening) -> TemplateBook | None:
        """Return the account's book of templates; None when nothing has to be approved there."""


@cache
def gateway_kinds() -> dict[str, GatewayKind]:
    """Load every kind by its name. Raises SettingsError when two have the same."""
    kinds: dict[str, GatewayKind] = {}
    for found in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        kind: GatewayKind = found.load()
        if kind.name in kinds:
            raise SettingsError(f"Two gateways are called “{kind.name}”.")
        kinds[kind.name] = kind
    return kinds


def get_kind(name: str) -> GatewayKind:
    """Return one kind. Raises SettingsError when there is none of that name."""
    kind = gateway_kinds().get(name)
    if kind is None:
        raise SettingsError(N_("There is no connection “%(name)s”."), name=name)
    return kind


@cache
def unsigned_gateways() -> frozenset[str]:
    """Return the names of the kinds whose callbacks are believed by their address alone."""
    # Without an account no kind has a reader; that of the sandbox can be its own.
    readers = {name: kind.reader([Credential(kind.sandbox_account, "")]) for name, kind in gateway_kinds().items()}
    return frozenset(name for name, reader in readers.items() if reader is not None and not reader.is_signed)
