"""What passes between the engine's loop and its store: plain values, so that either side can be replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action

T = TypeVar("T")


@dataclass(slots=True)
class Claimed:
    """A delivery whose intent to be called is committed, with what the call needs."""

    id: int
    run_id: int
    address_id: int
    reference: str
    #: Claim that holds the row; every later write names it.
    token: str
    #: Calls begun so far, this one included.
    attempts: int
    intent_at: datetime
    expires_at: datetime
    #: Handle in the clear: in memory only, never logged.
    to: str
    body: str
    parts: int


@dataclass(slots=True)
class Result:
    """What became of a claimed delivery; the store writes it only while the claim still holds the row."""

    id: int
    token: str
    state: SendState
    number: int
    provider_id: str | None = None
    error: str | None = None
    #: When a delivery that goes back to the queue is due again.
    due_at: datetime | None = None
    #: Nothing was called, so the attempt does not count.
    refund: bool = False
    #: Outcome of the attempt row, or None when none is written (a clean acceptance, a fence refusal).
    outcome: str | None = None
    address_id: int = 0
    #: What the provider's refusal asks to be done with the address.
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for deliveries of one run with an id above the cursor."""

    run_id: int
    after: int
    limit: int
    #: Highest id wanted; None: no bound.
    through: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to an Ask."""

    claimed: Sequence[Claimed] = ()
    #: Highest id looked at; the next cursor.
    last_id: int = 0
    #: Rows taken from the queue, those that were closed at once (expired, opted out, damaged) included.
    taken: int = 0
    #: When nothing is left above the cursor: the next moment at which a time zone of the run becomes due.
    next_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunningRun:
    """A run that may be sent, as the listener saw it."""

    run_id: int
    sender_id: int
    #: Pace of its sender, in parts per second.
    pace: float


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What a lane needs to know of its sender."""

    sender_id: int
    #: Kind of gateway and name of its credential.
    gateway: str
    secret_name: str
    #: Number, name or service that messages come from.
    identity: str
    #: Parts per second.
    pace: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the fence knows: runs that are running, and addresses that said stop a moment ago."""

    runs: Mapping[int, RunningRun] = field(default_factory=dict)
    withdrawn: frozenset[int] = frozenset()


class Store(Protocol):
    """The database as the loop sees it; every method is one transaction and may raise SQLAlchemyError."""

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write the results and claim what is asked for, in one commit."""

    def snapshot(self) -> Snapshot:
        """Read what the fence needs."""

    def pause(self, run_id: int, reason: str) -> None:
        """Pause a run, if it is still running, with a reason for members."""

    def sender(self, sender_id: int) -> SenderFacts:
        """Read a sender as it is now."""


class Runner(Protocol):
    """Runs a blocking function elsewhere (a thread) and gives its result to the loop."""

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]: ...
