"""The oracle: it sees what really happened, on the wire and in the rows, and says which promise is broken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from campaigns.delivery.engine.fence import FRESH_SECONDS, INTENT_LIFE
from campaigns.delivery.engine.ports import SenderFacts
from campaigns.delivery.models import CanaryState
from campaigns.delivery.states import SendState, may_move
from campaigns.gateways.base import Action, Outgoing, ProviderMessage, SendError
from tests.simulation.database import Database, Move
from tests.simulation.processes import Timeline
from tests.simulation.runs import HANDLES, contact_of

#: A stop or an opt-out holds so many seconds after its commit (D5, D6).
OBEYED_WITHIN = 5.0
OPEN = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)
#: How a run's canary stands, and whether a delivery is of it.
_CANARY = (
    "SELECT state, EXISTS (SELECT 1 FROM canary_delivery JOIN delivery ON delivery.id = delivery_id"
    " WHERE reference = ?) FROM run_canary WHERE run_id = ?"
)
_AHEAD = (
    "SELECT contact_id, send_state FROM canary_delivery JOIN delivery ON delivery.id = delivery_id"
    " WHERE canary_delivery.run_id = ?"
)

Person = tuple[int, int]


@dataclass(slots=True)
class Message:
    """A message that the provider accepted."""

    reference: str
    run_id: int
    contact_id: int
    channel: str
    at: float
    line: ProviderMessage
    #: What its receipts say in the end, when it fails after acceptance.
    failure: Action | None = None


@dataclass(slots=True)
class Oracle(ABC):
    """What is true, and which promises did not hold, as far as the wire and the moves of rows tell."""

    timeline: Timeline
    #: What happened, for people to read when something is wrong.
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    by_person: defaultdict[Person, list[Message]] = field(default_factory=lambda: defaultdict(list))
    #: Codes with which each person's calls were refused.
    refusals: defaultdict[Person, list[str]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    called_at: dict[Person, float] = field(default_factory=dict)
    #: Whose delivery each is, and how many there are in each state, as committed.
    people: dict[int, Person] = field(default_factory=dict)
    counts: Counter[SendState] = field(default_factory=Counter)
    #: Since when a run is stopped, a handle withdrawn, and a process without its database.
    stopped_at: dict[int, float] = field(default_factory=dict)
    withdrawn_at: dict[str, float] = field(default_factory=dict)
    cut_since: dict[str, float] = field(default_factory=dict)
    #: Deliveries that a member sent again at their own risk.
    resent: Counter[Person] = field(default_factory=Counter)
    #: How long a canary is watched at least; less where clocks are wrong.
    canary_seconds: float = 0.0
    #: When a delivery moved last, and when a call began.
    last_at: float = 0.0
    last_call_at: float = -1.0
    run_of_text: dict[str, int] = field(default_factory=dict)
    rehearsals: set[int] = field(default_factory=set)
    #: From when until when a run must call nobody, by a clock that is right.
    quiet: dict[int, tuple[float, float]] = field(default_factory=dict)
    #: Most messages of each limited sender within a day, and how many it has.
    limits: dict[int, int] = field(default_factory=dict)
    sent_today: Counter[int] = field(default_factory=Counter)

    def note(self, what: str, of: str = "") -> None:
        """Write a line of the trace."""
        self.trace.append((self.timeline.now, what, of))

    def blame(self, promise: str) -> None:
        """Say that a promise is broken."""
        self.note("BROKEN", promise)
        self.broken.append(promise)

    def moved(self, move: Move) -> None:
        """See a committed move of a delivery."""
        self.last_at = self.timeline.now
        before, after = move.states[0], move.states[-1]
        if before is not None:
            self.counts[SendState(before)] -= 1
        if after is None:
            self.blame(f"D3: delivery {move.delivery_id} was deleted")
            return
        self.counts[SendState(after)] += 1
        self.people[move.delivery_id] = (move.run_id, move.contact_id)
        path = " -> ".join(state or "new" for state in move.states)
        self.note(path, f"run {move.run_id} person {move.contact_id}")
        if before is not None and not _is_lawful([SendState(state) for state in move.states if state is not None]):
            self.blame(f"no such move: delivery {move.delivery_id}: {move.states}")

    def began(self, outgoing: Outgoing, sender: SenderFacts, process: str) -> None:
        """See the first byte of a call."""
        run_id, contact_id = self._person(outgoing)
        now, of = (
            self.timeline.now,
            f"run {run_id} person {contact_id} over sender {sender.sender_id} by {process}",
        )
        self.calls[outgoing.reference] += 1
        self.last_call_at = now
        self.note("call", of)
        if now > self.stopped_at.get(run_id, now) + OBEYED_WITHIN:
            self.blame(f"D6: {of} was called {now - self.stopped_at[run_id]:.1f} s after the run was stopped")
        if now > self.withdrawn_at.get(outgoing.to, now) + OBEYED_WITHIN:
            self.blame(f"D5: {of} was called {now - self.withdrawn_at[outgoing.to]:.1f} s after their opt-out")
        if now > self.cut_since.get(process, now) + FRESH_SECONDS + 1e-6:
            self.blame(f"D6: {of} was called without a database for {now - self.cut_since[process]:.1f} s")
        self._check_row(outgoing.reference, run_id, of)
        begins, ends = self.quiet.get(run_id, (now, now))
        if begins + INTENT_LIFE.total_seconds() <= now < ends:
            self.blame(f"quiet: {of} was called {now - begins:.1f} s after it got quiet")
        self.called_at[run_id, contact_id] = now

    @abstractmethod
    def _check_row(self, reference: str, run_id: int, of: str) -> None:
        """See that the store knows that this call begins."""

    def refused(self, outgoing: Outgoing, sender: SenderFacts, error: SendError) -> None:
        """See the provider refuse a message for good or for now."""
        person = self._person(outgoing)
        self.note(f"refused {error.code}", f"run {person[0]} person {person[1]}")
        self.refusals[person].append(error.code)
        if error.code == "21610":
            self.withdrawn_at.setdefault(outgoing.to, float("inf"))

    def accepted(self, outgoing: Outgoing, sender: SenderFacts, line: ProviderMessage) -> Message:
        """See the provider accept a message."""
        run_id, contact_id = person = self._person(outgoing)
        message = Message(outgoing.reference, run_id, contact_id, sender.channel, self.timeline.now, line)
        self.note(f"ACCEPTED {line.provider_id}", f"run {run_id} person {contact_id} over {sender.channel}")
        earlier = self.by_person[person]
        unexcused = [one for one in earlier if one.failure is not Action.OTHER_CHANNEL]
        if len(unexcused) > self.resent[person]:
            self.blame(f"D1: run {run_id} person {contact_id} was accepted {len(earlier) + 1} times")
        earlier.append(message)
        self.messages.append(message)
        if run_id not in self.rehearsals:
            self._count_today(sender.sender_id)
        return message

    def _count_today(self, sender_id: int) -> None:
        self.sent_today[sender_id] += 1
        if self.sent_today[sender_id] > self.limits.get(sender_id, self.sent_today[sender_id]):
            self.blame(f"limit: sender {sender_id} sent {self.sent_today[sender_id]} messages within a day")

    def doubles(self) -> int:
        """Return how many messages were accepted beyond what was promised."""
        return sum(promise.startswith("D1: ") and "times" in promise for promise in self.broken)

    def at_rest(self) -> bool:
        """Say whether nothing is queued or on its way."""
        return not self.counts[SendState.QUEUED] and not self.counts[SendState.SENDING]

    def _person(self, outgoing: Outgoing) -> Person:
        """Return run and contact by what is on the wire, and not by what our rows say."""
        return self.run_of_text[outgoing.body], contact_of(outgoing.to)


@dataclass(slots=True)
class DatabaseOracle(Oracle):
    """Looks into the database for what the wire does not tell."""

    database: Database = field(kw_only=True)

    def _check_row(self, reference: str, run_id: int, of: str) -> None:
        """See that the database knows that this call begins, and may."""
        row = self.database.one("SELECT send_state, intent_at FROM delivery WHERE reference = ?", reference)
        if row is None or row[0] != SendState.SENDING or row[1] is None:
            self.blame(f"D1: {of} was called without a committed intent: {row}")
        canary = self.database.one(_CANARY, reference, run_id)
        if canary is not None and canary[0] != CanaryState.PASSED and not canary[1]:
            self.blame(f"canary: {of} was called while it is {canary[0]}")

    def passed(self, run_id: int) -> None:
        """See the canary of a run pass, without a member who let it."""
        self.note("canary passed", f"run {run_id}")
        for contact_id, state in self.database.all(_AHEAD, run_id):
            of, since = f"run {run_id} person {contact_id}", self.called_at.get((run_id, contact_id))
            if state in (SendState.QUEUED, SendState.SENDING, SendState.CANCELLED):
                self.blame(f"canary: it passed while {of} is {state}")
            if since is not None and self.timeline.now < since + self.canary_seconds:
                self.blame(f"canary: it passed {self.timeline.now - since:.1f} s after {of} was called")

    def _person(self, outgoing: Outgoing) -> Person:
        """Return the same; in a rehearsal nobody's handle is on the wire, and only our rows know whose it is."""
        run_id = self.run_of_text[outgoing.body]
        if run_id not in self.rehearsals:
            return run_id, contact_of(outgoing.to)
        if outgoing.to in HANDLES:
            self.blame(f"rehearsal: run {run_id} wrote to {outgoing.to}")
        reference = "SELECT contact_id FROM delivery WHERE reference = ?"
        return run_id, self.database.one(reference, outgoing.reference)[0]


def _is_lawful(states: list[SendState]) -> bool:
    """Say whether a transaction may take a row this way; what nobody else sees between may be skipped."""
    reached = [True]
    for place, state in enumerate(states[1:], start=1):
        reached.append(any(reached[past] and may_move(states[past], state) for past in range(place)))
    return reached[-1]
