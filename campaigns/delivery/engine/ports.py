"""Plain values pass between the engine's loop and its store, so that either side can be replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from campaigns.core.sentences import Sentence
from campaigns.delivery.lanes.sender_facts import LaneKey, Line, SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, Template
from campaigns.planning.models import Health

#: How far back a snapshot tells of withdrawals: longer than an intent lives, with room for a slow commit.
WITHDRAWN_WITHIN = timedelta(minutes=2)


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
    #: What it takes of the sender's pace.
    parts: int
    #: The approved template that says the text, where the channel asks for one.
    template: Template | None = None
    #: Whether it answers one person: its claim has seen what they refused before.
    is_answer: bool = False


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
    #: No byte left this machine, so the attempt does not count.
    refund: bool = False
    #: Outcome of the attempt row, or None when none is written (a clean acceptance, a fence refusal).
    outcome: str | None = None
    address_id: int = 0
    #: What the provider's refusal asks to be done with the address; None in a rehearsal.
    action: Action | None = None
    #: Whether another sender of the run may try, because this channel does not reach the person.
    falls_back: bool = False
    #: Word by which the provider's receipts will name it, when that is not our reference.
    reference: str | None = None
    #: Run whose other senders have to look for it, when it falls back.
    run_id: int = 0


def put_back(claimed: Claimed) -> Result:
    """Return the result of a claim that was not called: it is queued again, where sweeps find it as well."""
    return Result(claimed.id, claimed.token, SendState.QUEUED, claimed.attempts, refund=True)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for deliveries of one run over one sender with an id above the cursor."""

    line: Line
    run_id: int
    after: int
    limit: int
    #: Highest id wanted; None: no bound.
    through: int | None = None
    #: Whether it only asks whether a sender that is held works again; it moves no cursor.
    is_probe: bool = False
    #: Whether the run answers one person.
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to an Ask."""

    claimed: Sequence[Claimed] = ()
    #: Highest id looked at; the next cursor.
    last_id: int = 0
    #: Rows looked at, those that were closed at once (expired, opted out, damaged) or put off included.
    taken: int = 0
    #: When nothing is left above the cursor: the next moment at which a time zone of the run becomes due, or its
    #: quiet hours end.
    next_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunningRun:
    """A run and one of the senders it may be sent over, as the listener saw them."""

    run_id: int
    sender_id: int
    #: Pace of the sender, in parts per second.
    pace: float
    is_rehearsal: bool = False
    #: Whether the run has another sender after this one.
    has_next: bool = False
    #: Whose it is: organisations share a sender evenly, however many runs each has.
    organisation_id: int = 0
    #: A run of a higher one goes first.
    priority: int = 0
    #: Whether it answers one person.
    is_answer: bool = False
    #: Messages that the sender's daily limit leaves (None: it has none), and which count that comes from.
    allowance: int | None = None
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the fence knows: runs that are running, and addresses that said stop a moment ago."""

    #: Running runs, each with every sender that may be used.
    runs: Sequence[RunningRun] = ()
    #: When each of these addresses was last withdrawn or put on hold.
    withdrawn: Mapping[int, datetime] = field(default_factory=dict)
    #: Lanes that are this worker's to serve, in a cluster; None: every lane.
    lanes: frozenset[LaneKey] | None = None
    #: Ids of the running runs.
    running: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "running", frozenset(run.run_id for run in self.runs))

    def is_ours(self, lane: LaneKey) -> bool:
        """Say whether this worker may serve a lane."""
        return self.lanes is None or lane in self.lanes


class Store(Protocol):
    """The database as the loop sees it; every method is one transaction and may raise SQLAlchemyError."""

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write the results and claim what is asked for, in one commit."""

    def snapshot(self) -> Snapshot:
        """Read what the fence needs. Raises UnavailableError when the database may only be read."""

    def pause(self, run_id: int, reason: Sentence) -> None:
        """Pause a run, if it is still running, with a reason for members."""

    def open_sender(self, sender_id: int, is_rehearsal: bool) -> SenderFacts:
        """Read a sender as it is now, for a lane that opens: what its daily limit leaves is counted anew."""

    def note_account(self, line: Line, account: str) -> None:
        """Note over which account of its provider a line is served from now on; before its first claim."""

    def tell_health(self, sender_id: int, health: Health, code: str) -> None:
        """Write how a sender fares; one that a member must mend stays paused."""
