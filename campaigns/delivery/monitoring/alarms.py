"""Pure rules over counted facts say which alarms ring over a run; the pages say what each of them asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.delivery.counts import Tally
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import Patience
from campaigns.planning.lifecycle import IN_FLIGHT, MOVING
from campaigns.planning.models import RunState

#: A due queue of which nothing is called for so long stands still.
LONGEST_PAUSE = timedelta(minutes=1)
#: A worker says that it lives twice a second or more; this is longer than one that is gone keeps its lanes.
LONGEST_SILENCE = timedelta(seconds=30)
#: The sandbox may be so long away before a rehearsal says so: it begins and ends with its worker.
LONGEST_ABSENCE = timedelta(seconds=10)
#: A sender may be in trouble for so long, and a run be prepared, before members are told.
LONG_TROUBLE = timedelta(minutes=10)
LONG_PLANNING = timedelta(minutes=15)
#: How long after its time a message in doubt that was never looked up may wait before members are told.
LIST_DELAY = timedelta(minutes=30)
#: Messages that could not be looked up are counted so far.
MOST_UNASKED = 5_000
#: How long after its time a call without a result may wait for the reaper, who looks every few seconds.
REAPER_DELAY = timedelta(minutes=1)


class Kind(StrEnum):
    """What is wrong, worst first."""

    #: Deliveries that the provider accepted more than once.
    DOUBLED = "doubled"
    #: The provider has what we hold for not sent.
    CONTRADICTED = "contradicted"
    #: There are more or fewer deliveries than were planned.
    MISCOUNTED = "miscounted"
    #: People whom a run leaves out for another one, which halted.
    UNTOLD = "untold"
    #: Calls without a result that nobody has settled.
    STUCK = "stuck"
    #: No worker that sends says that it lives.
    NO_WORKER = "no_worker"
    #: The sandbox takes no call of a rehearsal.
    NO_SANDBOX = "no_sandbox"
    #: What is due waits for senders that a member has to mend.
    SENDER_PAUSED = "sender_paused"
    #: What is due waits for senders that a member switched off.
    SENDER_OFF = "sender_off"
    #: The first messages wait for senders that rest, and all others for them.
    CANARY_WAITS = "canary_waits"
    #: What is due has waited long for senders that their provider refuses, or that do not reach it.
    SENDER_TROUBLED = "sender_troubled"
    #: What is due is not called, and nothing we know explains it.
    IDLE = "idle"
    #: The messages of the run have been prepared for long.
    PLANNING = "planning"
    #: Messages in doubt could not be looked up, because the provider's list is away.
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that rings."""

    kind: Kind
    #: Deliveries it is about, where they are counted.
    count: int = 0
    #: Since when.
    since: datetime | None = None
    #: Whether it is about more than `count`, which were not counted.
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at."""

    state: RunState
    #: Deliveries made by the fan-out, as it noted them; None while it may still make some.
    planned: int | None
    tally: Tally
    #: When the rest of it was read; None: when the tally was.
    now: datetime | None = None
    #: Whether a call that the tally has for too long without a result still has none.
    is_sending_still: bool = True
    #: Deliveries accepted more than once; None when nobody has looked.
    doubled: int | None = None
    #: When a member or the clock last moved the run.
    moved_at: datetime | None = None
    #: Last sign of life of any worker; None when there is none.
    heard_at: datetime | None = None
    #: Senders that are paused, switched off, or rest by themselves (troubled, full for today), by id.
    paused: frozenset[int] = frozenset()
    off: frozenset[int] = frozenset()
    resting: frozenset[int] = frozenset()
    #: Those of the resting that are in trouble, and have been for long.
    troubled: frozenset[int] = frozenset()
    #: Messages in doubt that should have been looked up in their provider's list and never were, up to one more
    #: than `MOST_UNASKED`.
    unasked: int = 0
    #: Whether a more urgent run goes first over a sender of this one.
    is_overtaken: bool = False
    #: Whether all but its first messages wait for how those fare.
    awaits_canary: bool = False
    #: How many of these first messages wait for senders that rest by themselves.
    canary_waits: int = 0
    #: Since when no call of a rehearsal has reached the sandbox; None where the last one did.
    unreached_since: datetime | None = None
    #: People who get the text by neither of two runs, because one leaves them out and the other one halted.
    untold: int = 0

    @property
    def read_at(self) -> datetime:
        """When all but the tally was read, which may be older."""
        return self.now or self.tally.counted_at


def ringing(facts: Facts, patience: Patience) -> list[Alarm]:
    """Return the alarms that ring, worst first."""
    found = [*_untrue(facts), *_stuck(facts, patience), *_standing(facts)]
    if facts.untold:
        found.append(Alarm(Kind.UNTOLD, facts.untold))
    if facts.unasked:
        since, is_more = facts.tally.first_call.get(SendState.UNKNOWN), facts.unasked > MOST_UNASKED
        found.append(Alarm(Kind.UNASKED, min(facts.unasked, MOST_UNASKED), since, is_more))
    return sorted(found, key=lambda alarm: list(Kind).index(alarm.kind))


def _untrue(facts: Facts) -> list[Alarm]:
    """Return the alarms about figures and messages that contradict each other."""
    found = []
    if facts.doubled:
        found.append(Alarm(Kind.DOUBLED, facts.doubled))
    if facts.tally.contradicted:
        found.append(Alarm(Kind.CONTRADICTED, facts.tally.contradicted))
    if facts.planned is not None and facts.planned != facts.tally.planned:
        found.append(Alarm(Kind.MISCOUNTED, abs(facts.planned - facts.tally.planned)))
    return found


def _stuck(facts: Facts, patience: Patience) -> list[Alarm]:
    oldest = facts.tally.first_call.get(SendState.SENDING)
    if oldest is None or not facts.is_sending_still:
        return []
    if facts.read_at - oldest <= patience.reap_after + REAPER_DELAY:
        return []
    return [Alarm(Kind.STUCK, facts.tally.by_state.get(SendState.SENDING, 0), oldest)]


def _standing(facts: Facts) -> list[Alarm]:
    """Return the alarms about a run that ought to move and does not, with the cause we know."""
    now, calls = facts.read_at, facts.tally.by_state.get(SendState.SENDING, 0)
    if facts.state not in MOVING and not (facts.state in IN_FLIGHT and calls):
        return []
    if facts.heard_at is None or now - facts.heard_at > LONGEST_SILENCE:
        return [Alarm(Kind.NO_WORKER, since=facts.heard_at)]
    if facts.state is RunState.PLANNING and facts.moved_at is not None and now - facts.moved_at > LONG_PLANNING:
        return [Alarm(Kind.PLANNING, since=facts.moved_at)]
    away_since = facts.unreached_since
    if facts.state is RunState.RUNNING and away_since is not None and now - away_since > LONGEST_ABSENCE:
        return [Alarm(Kind.NO_SANDBOX, since=away_since)]
    since = _standing_since(facts)
    # What was due then may be called by now.
    if facts.state is not RunState.RUNNING or since is None or facts.tally.counted_at - since <= LONGEST_PAUSE:
        return []
    cannot = facts.paused | facts.off | facts.resting
    free = _due_over(facts.tally.due, among=facts.tally.due.keys() - cannot)
    if free and not facts.is_overtaken and not facts.awaits_canary:
        return [Alarm(Kind.IDLE, free, since)]
    causes = (
        (Kind.SENDER_PAUSED, _due_over(facts.tally.due, among=facts.paused - facts.off)),
        (Kind.SENDER_OFF, _due_over(facts.tally.due, among=facts.off)),
        (Kind.CANARY_WAITS, facts.canary_waits),
        (Kind.SENDER_TROUBLED, _due_over(facts.tally.due, among=facts.troubled)),
    )
    return [Alarm(kind, people, since) for kind, people in causes if people]


def _standing_since(facts: Facts) -> datetime | None:
    """Return since when something could have been called and was not, or None when nothing is due."""
    if facts.tally.due_since is None:
        return None
    moments = (facts.tally.due_since, facts.tally.last_call_at, facts.moved_at)
    return max(moment for moment in moments if moment is not None)


def _due_over(due: Mapping[int, int], *, among: Collection[int]) -> int:
    return sum(people for sender, people in due.items() if sender in among)
