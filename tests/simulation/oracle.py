"""The oracle: it sees what really happened, on the wire and in the rows, and says which promise is broken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.models import CanaryState
from campaigns.delivery.states import SendState, may_move
from campaigns.gateways.base import Action, Outgoing, ProviderMessage, RejectedError, SendError
from tests.factories import NOON
from tests.simulation.chores import PATIENCE
from tests.simulation.database import Database, Move
from tests.simulation.phones import AddressBook, Phone, Words
from tests.simulation.processes import Timeline

#: A stop or an opt-out holds so many seconds after its commit (D5, D6).
OBEYED_WITHIN = 5.0
#: Nobody calls for longer than this without a database, nor by a claim that is older; in seconds, as promised and
#: not as the code has it.
BLIND_AFTER, CLAIM_LIVES = 2.0, 30.0
#: Longest that a delivery waits for its next call, in seconds.
LONGEST_WAIT = 400.0
#: A delivery that is claimed so often without a call is claimed for nothing.
MOST_IDLE_CLAIMS = 40
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
#: Of what is called, by its reference.
_CALLED = "SELECT id, send_state, intent_at, expires_at FROM delivery WHERE reference = ?"
_WHOSE = "SELECT contact_id FROM delivery WHERE reference = ?"
#: What was noted of a delivery last.
_REAPED = "SELECT outcome FROM attempt WHERE delivery_id = ? ORDER BY id DESC LIMIT 1"

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
    #: The provider's account that has it.
    account: str = "memory"


@dataclass(slots=True)
class Oracle(ABC):
    """What is true, and which promises did not hold, as far as the wire and the moves of rows tell."""

    timeline: Timeline
    #: What happened, for people to read when something is wrong.
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    by_person: defaultdict[Person, list[Message]] = field(default_factory=lambda: defaultdict(list))
    #: The same by what was written to: a number may be that of two contacts.
    by_number: defaultdict[tuple[int, str], list[Message]] = field(default_factory=lambda: defaultdict(list))
    by_handle: defaultdict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    #: Codes with which each person's calls were refused.
    refusals: defaultdict[Person, list[str]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    called_at: dict[Person, float] = field(default_factory=dict)
    #: When each delivery was claimed last, and how often since it was called.
    claimed_at: dict[int, float] = field(default_factory=dict)
    idle_claims: Counter[int] = field(default_factory=Counter)
    #: Whose delivery each is, and how many there are in each state, as committed.
    people: dict[int, Person] = field(default_factory=dict)
    counts: Counter[SendState] = field(default_factory=Counter)
    #: Whose handles are whose, and what people said from them.
    book: AddressBook = field(default_factory=AddressBook)
    words: Words = field(init=False)
    #: How often each kind of fault struck.
    faults: Counter[str] = field(default_factory=Counter)
    #: Furthest that a clock which is believed may be wrong, in seconds.
    wrong_by: float = 0.0
    #: Since when a run is stopped, and a process without its database.
    stopped_at: dict[int, float] = field(default_factory=dict)
    cut_since: dict[str, float] = field(default_factory=dict)
    #: Whether what was put back forgot claims by which people were called, and nobody has released it yet.
    is_latched: bool = False
    #: Since when the database writes nothing down.
    read_only_since: float | None = None
    #: What people wrote that nobody here has kept yet: from which phone, whether it is a stop, and when.
    unheard: dict[str, tuple[Phone, bool, float]] = field(default_factory=dict)
    #: Since when a process has been listening, and those that could not ask a provider what people wrote.
    began_at: dict[str, float] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    #: Deliveries that a member sent again at their own risk.
    resent: Counter[Person] = field(default_factory=Counter)
    #: How long a canary is watched at least; less where clocks are wrong.
    canary_seconds: float = 0.0
    #: When a delivery moved last, and when a call began.
    last_at: float = 0.0
    last_call_at: float = -1.0
    #: When the last claim was committed by which somebody was called.
    last_claim_called: float = -1.0
    run_of_text: dict[str, int] = field(default_factory=dict)
    #: Whom the call with a reference is for, where its number is that of two contacts.
    called: dict[str, int] = field(default_factory=dict)
    rehearsals: set[int] = field(default_factory=set)
    #: From when until when a run must call nobody, by a clock that is right.
    quiet: dict[int, tuple[float, float]] = field(default_factory=dict)
    #: Most messages of each limited sender within a day, and how many it has.
    limits: dict[int, int] = field(default_factory=dict)
    sent_today: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.words = Words(self.book)

    def true_time(self) -> datetime:
        """Return the time as a clock shows it that is right."""
        return NOON + timedelta(seconds=self.timeline.now)

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
        if before != after:
            self._check_move(move, path)

    def _check_move(self, move: Move, path: str) -> None:
        """See that a move comes when it may; the store is asked for what a move does not tell."""
        of, after = f"run {move.run_id} person {move.contact_id}", move.states[-1]
        if after == SendState.SENDING:
            self.claimed_at[move.delivery_id] = self.timeline.now
            self.idle_claims[move.delivery_id] += 1
            if self.idle_claims[move.delivery_id] > MOST_IDLE_CLAIMS:
                self.blame(f"D12: {of} is claimed again and again, and never called")
        elif after == SendState.EXPIRED:
            early = (self._expiry_of(move.delivery_id) - self.true_time()).total_seconds()
            if early > self.wrong_by:
                self.blame(f"D3: {of} expired {early:.0f} s early ({path})")

    @abstractmethod
    def _expiry_of(self, delivery_id: int) -> datetime:
        """Return when a delivery expires."""

    def began(self, outgoing: Outgoing, sender: SenderFacts, process: str) -> None:
        """See the first byte of a call."""
        run_id, contact_id = self._person(outgoing)
        now = self.timeline.now
        of = f"run {run_id} person {contact_id} over sender {sender.sender_id} by {process}"
        self.calls[outgoing.reference] += 1
        self.last_call_at = now
        self.note("call", of)
        if now > self.stopped_at.get(run_id, now) + OBEYED_WITHIN:
            self.blame(f"D6: {of} was called {now - self.stopped_at[run_id]:.1f} s after the run was stopped")
        withdrawn = self.words.since.get((sender.channel, outgoing.to), now)
        if now > withdrawn + OBEYED_WITHIN:
            self.blame(f"D5: {of} was called {now - withdrawn:.1f} s after their opt-out")
        if self._is_unheard((sender.channel, outgoing.to), by=process):
            self.blame(f"D17: {of} was called, who said stop before this worker began")
        if now > self.cut_since.get(process, now) + BLIND_AFTER + 1e-6:
            self.blame(f"D6: {of} was called without a database for {now - self.cut_since[process]:.1f} s")
        if self.is_latched:
            self.blame(f"D15: {of} was called before the restored instance was released")
        if self.read_only_since is not None and now > self.read_only_since + BLIND_AFTER + 1e-6:
            self.blame(f"D6: {of} was called while nothing could be written down")
        self._check_row(outgoing.reference, run_id, of)
        begins, ends = self.quiet.get(run_id, (now, now))
        if begins + CLAIM_LIVES <= now < ends:
            self.blame(f"quiet: {of} was called {now - begins:.1f} s after it got quiet")
        self.called_at[run_id, contact_id] = now

    def _is_unheard(self, phone: Phone, *, by: str) -> bool:
        """Say whether the provider has a stop of this person, said before a worker began, that is not kept."""
        began_at = self.began_at.get(by)
        if began_at is None or by in self.deaf:
            return False
        return any(
            is_stop and said_at < began_at and phone in self.book.of_person(said_from[1])
            for said_from, is_stop, said_at in self.unheard.values()
        )

    @abstractmethod
    def _check_row(self, reference: str, run_id: int, of: str) -> None:
        """See that the store knows that this call begins."""

    def refused(self, outgoing: Outgoing, sender: SenderFacts, error: SendError) -> None:
        """See the provider refuse a message for good or for now."""
        person = self._person(outgoing)
        self.note(f"refused {error.code}", f"run {person[0]} person {person[1]}")
        self.refusals[person].append(error.code)
        if isinstance(error, RejectedError) and person[0] not in self.rehearsals:
            self.heed((sender.channel, outgoing.to), error.action)

    def heed(self, phone: Phone, action: Action | None) -> None:
        """See what a provider says of a phone for good; since when it binds us, `blocked` tells."""
        if action is Action.OPT_OUT:
            self.words.closed |= self.book.of_person(phone[1])
        elif action is Action.INVALIDATE_ADDRESS:
            self.words.closed.add(phone)

    def blocked(self, phone: Phone) -> None:
        """See committed that the provider reported a stop."""
        self.words.hear(phone, is_stop=True, said_at=self.timeline.now, now=self.timeline.now)

    def accepted(self, outgoing: Outgoing, sender: SenderFacts, line: ProviderMessage) -> Message:
        """See the provider accept a message."""
        run_id, contact_id = person = self._person(outgoing)
        message = Message(outgoing.reference, run_id, contact_id, sender.channel, self.timeline.now, line)
        self.note(f"ACCEPTED {line.provider_id}", f"run {run_id} person {contact_id} over {sender.channel}")
        self._check_double(self.by_person[person], person, f"D1: run {run_id} person {contact_id}")
        if self.by_person[person][-1:] != self.by_number[run_id, outgoing.to][-1:]:
            self._check_double(self.by_number[run_id, outgoing.to], person, f"D14: run {run_id} {outgoing.to}")
        self.by_person[person].append(message)
        self.by_number[run_id, outgoing.to].append(message)
        self.by_handle[outgoing.to].append(message)
        self.messages.append(message)
        if run_id not in self.rehearsals:
            self._count_today(sender.sender_id)
        return message

    def _check_double(self, earlier: list[Message], person: Person, what: str) -> None:
        """Blame a further acceptance that no failure for good, and no member who took the risk, excuses."""
        unexcused = [one for one in earlier if one.failure is not Action.OTHER_CHANNEL]
        if len(unexcused) > self.resent[person]:
            self.blame(f"{what} was accepted {len(earlier) + 1} times")

    def _count_today(self, sender_id: int) -> None:
        self.sent_today[sender_id] += 1
        if self.sent_today[sender_id] > self.limits.get(sender_id, self.sent_today[sender_id]):
            self.blame(f"limit: sender {sender_id} sent {self.sent_today[sender_id]} messages within a day")

    def doubles(self) -> int:
        """Return how many messages were accepted beyond what was promised."""
        return sum(promise.startswith(("D1: ", "D14: ")) and "times" in promise for promise in self.broken)

    def after_stop(self) -> int:
        """Return how many calls were made after a stop, of a person or a run, had to be obeyed."""
        return sum(promise.startswith(("D5: ", "D6: ")) for promise in self.broken)

    def at_rest(self) -> bool:
        """Say whether nothing is queued or on its way."""
        return not self.counts[SendState.QUEUED] and not self.counts[SendState.SENDING]

    def _person(self, outgoing: Outgoing) -> Person:
        """Return run and contact by what is on the wire, and not by what our rows say."""
        return self.run_of_text[outgoing.body], self.book.contacts[outgoing.to][0]


@dataclass(slots=True)
class DatabaseOracle(Oracle):
    """Looks into the database for what the wire does not tell."""

    database: Database = field(kw_only=True)

    def _check_row(self, reference: str, run_id: int, of: str) -> None:
        """See that the database knows that this call begins, and may."""
        row = self.database.one(_CALLED, reference)
        if row is None or row[1] != SendState.SENDING or row[2] is None:
            self.blame(f"D1: {of} was called without a committed intent: {row}")
        else:
            self.idle_claims[row[0]] = 0
            self.last_claim_called = max(self.last_claim_called, self.claimed_at[row[0]])
            late = (self.true_time() - _as_time(row[3])).total_seconds()
            if late > self.wrong_by:
                self.blame(f"late: {of} was called {late:.1f} s after it expired")
        canary = self.database.one(_CANARY, reference, run_id)
        if canary is not None and canary[0] != CanaryState.PASSED and not canary[1]:
            self.blame(f"canary: {of} was called while it is {canary[0]}")

    def _expiry_of(self, delivery_id: int) -> datetime:
        return _as_time(self.database.one("SELECT expires_at FROM delivery WHERE id = ?", delivery_id)[0])

    def _check_move(self, move: Move, path: str) -> None:
        """See besides what is claimed although the provider has it, and what is taken for lost too soon."""
        Oracle._check_move(self, move, path)
        of, after = f"run {move.run_id} person {move.contact_id}", move.states[-1]
        if after == SendState.SENDING:
            receipt = self.database.one("SELECT receipt_id FROM delivery WHERE id = ?", move.delivery_id)[0]
            if receipt is not None:
                self.blame(f"D2: {of} is claimed although a receipt says that the provider has it")
        elif after == SendState.UNKNOWN and self.database.one(_REAPED, move.delivery_id) == ("reaped",):
            self._check_age(move, PATIENCE.reap_after, f"{of} was taken for lost")
        elif after == SendState.QUEUED and move.states[0] in (SendState.SENDING, SendState.ACCEPTED):
            due_at = _as_time(self.database.one("SELECT due_at FROM delivery WHERE id = ?", move.delivery_id)[0])
            waits = (due_at - self.true_time()).total_seconds()
            if waits > LONGEST_WAIT + 2 * self.wrong_by:
                self.blame(f"D12: {of} waits {waits:.0f} s for its next call")
        elif after == SendState.UNCONFIRMED:
            self._check_age(move, PATIENCE.unconfirmed_after, f"{of} was given up")

    def _check_age(self, move: Move, least: timedelta, what: str) -> None:
        """Blame what happens to a call before it is so old; its claim and this may be by different clocks."""
        age = self.timeline.now - self.claimed_at.get(move.delivery_id, float("-inf"))
        if age + 2 * self.wrong_by < least.total_seconds():
            self.blame(f"D3: {what} {age:.0f} s after its claim")

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
        """Return the same; only our rows know whose a number of two contacts is, or a stand-in in a rehearsal."""
        run_id, known = self.run_of_text[outgoing.body], self.book.contacts.get(outgoing.to, ())
        if run_id in self.rehearsals:
            if known:
                self.blame(f"rehearsal: run {run_id} wrote to {outgoing.to}")
        elif len(known) == 1:
            return run_id, known[0]
        # Asked once: the row may be forgotten by a restore while the call is under way.
        contact_id = self.called.get(outgoing.reference)
        if contact_id is None:
            contact_id = self.database.one(_WHOSE, outgoing.reference)[0]
            self.called[outgoing.reference] = contact_id
        if run_id not in self.rehearsals and contact_id not in known:
            self.blame(f"run {run_id} wrote to {outgoing.to} for person {contact_id}")
        return run_id, contact_id


def _as_time(stored: str) -> datetime:
    """Return a time that SQLite stores as text."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _is_lawful(states: list[SendState]) -> bool:
    """Say whether a transaction may take a row this way; what nobody else sees between may be skipped."""
    reached = [True]
    for place, state in enumerate(states[1:], start=1):
        reached.append(any(reached[past] and may_move(states[past], state) for past in range(place)))
    return reached[-1]
