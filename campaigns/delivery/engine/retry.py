"""A pure decision follows a failed call, from the error, the attempts so far and the time that is left.

Only what the provider answered counts as an attempt. A call of which no byte left this machine costs none: a
router that restarts must not end the messages of a small run, which have a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.states import SendState
from campaigns.gateways.base import (
    Action,
    NotSentError,
    RejectedError,
    SendError,
    ThrottledError,
)

#: Longest from the intent to the end of a call, with room.
LONGEST_CALL = timedelta(minutes=1)
#: Seconds before the second call; each further pause is twice as long.
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
#: The same while nothing reaches the provider: once something does, sending must go on within a minute.
LONGEST_UNSENT_PAUSE = 30.0
#: Share by which a pause varies, so that a group that failed together does not come back together.
JITTER = 0.25
#: Refusals after which the same message may be tried again: nothing was created.
_REPEATABLE = frozenset({Action.RETRY_LATER, Action.PAUSE_RUN, Action.PAUSE_SENDER})
#: Refusals of the person on this channel that say nothing of other channels. Never a stop.
FALLS_BACK = frozenset({Action.OTHER_CHANNEL, Action.INVALIDATE_ADDRESS})


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state of a delivery after a failed call."""

    state: SendState
    #: Outcome of the attempt row.
    outcome: str
    error: str
    #: When it is due again, for a delivery that goes back to the queue.
    due_at: datetime | None = None
    action: Action | None = None
    #: No byte left this machine, so the attempt does not count.
    refund: bool = False

    @property
    def falls_back(self) -> bool:
        """Whether the person may be reached over another sender: this channel refused them for good."""
        return self.state is SendState.FAILED and self.action in FALLS_BACK


def counted_from(now: datetime, intent_at: datetime) -> datetime:
    """Return the moment from which the pause after a failed call is counted: now, if that can be; pure.

    A clock that was set during the call, or a process that slept in it, would put the next call off by as much.
    """
    return now if timedelta(0) <= now - intent_at <= LONGEST_CALL else intent_at


def decide(
    error: SendError,
    *,
    attempts: int,
    now: datetime,
    expires_at: datetime,
    chance: float,
    unsent_for: float = 0.0,
) -> Decision:
    """Decide what follows from `error` after `attempts` calls; `chance` is a random number in [0, 1).

    `unsent_for` says for how many seconds no call of the sender has reached its provider.

    Only what provably was not accepted is tried again. A delivery whose pause would outlast its time is queued
    until then, and the next claim closes it as expired.
    """
    outcome, action = _read(error)
    if outcome == "unknown":
        return Decision(SendState.UNKNOWN, outcome, error.code)
    if outcome == "rejected" and action not in _REPEATABLE:
        return Decision(SendState.FAILED, outcome, error.code, action=action)
    if outcome == "not_sent":
        # As long again as it has lasted: that doubles, whichever message is tried.
        pause = _jittered(min(max(FIRST_PAUSE, unsent_for), LONGEST_UNSENT_PAUSE), chance)
        due_at = min(now + timedelta(seconds=pause), expires_at)
        return Decision(SendState.QUEUED, outcome, error.code, due_at=due_at, refund=True)
    if attempts >= MOST_ATTEMPTS:
        return Decision(SendState.FAILED, outcome, error.code)
    asked = error.retry_after_seconds or 0.0 if isinstance(error, ThrottledError) else 0.0
    due_at = now + timedelta(seconds=max(pause_after(attempts, chance), asked))
    return Decision(SendState.QUEUED, outcome, error.code, due_at=min(due_at, expires_at))


def pause_after(attempts: int, chance: float) -> float:
    """Return the seconds to wait after the `attempts`-th answered call (from 1): exponential with jitter."""
    return _jittered(min(FIRST_PAUSE * 2.0 ** (attempts - 1), LONGEST_PAUSE), chance)


def _jittered(pause: float, chance: float) -> float:
    return pause * (1 - JITTER + 2 * JITTER * chance)


def _read(error: SendError) -> tuple[str, Action | None]:
    if isinstance(error, NotSentError):
        return "not_sent", None
    if isinstance(error, ThrottledError):
        return "throttled", None
    if isinstance(error, RejectedError) and error.action is not Action.RECONCILE:
        return "rejected", error.action
    return "unknown", None
