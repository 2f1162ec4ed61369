"""Pure rules hold a sender while its provider is in trouble, and pause a run that is wrong.

The sender's breaker opens and closes by itself (nobody must be woken for a provider's bad minute). A sender that
its provider blames, and a run that is wrong, need a person, because what is refused will be refused again.
"""

from __future__ import annotations

from collections import deque

from campaigns.core.sentences import Count, Sentence
from campaigns.core.words import N_
from campaigns.gateways.base import Action, NotSentError, RejectedError, SendError, ThrottledError

#: Calls in a row that must fail before a sender is held.
TROUBLE_IN_A_ROW = 8
FIRST_HOLD = 1.0
#: A fault that ends is noticed within this time, in seconds.
LONGEST_HOLD = 20.0
#: However long a provider asks for, in seconds, a single call then looks whether it still does.
LONGEST_ASKED = 300.0

#: Refusals in a row, without an acceptance between, that blame our configuration or content.
FAULTS_IN_A_ROW = 3
#: Of the first results of a run over a sender a smaller share of failures pauses it than later. This is no canary
#: (`fanout/canary.py`), which waits for receipts and stops: it sees calls alone, at once, of runs without one too.
FIRST_RESULTS = 500
FIRST_SHARE, LATER_SHARE = 0.20, 0.50
#: Results looked at, and how many there must be before a share means anything.
WATCHED, FEWEST = 200, 50
REFUSED = N_("The provider refused %(count)s messages in a row with code %(code)s.")
FAILED = N_("More than %(percent)s %% of the latest messages failed.")


class SenderBreaker:
    """Holds a sender while calls fail in a row or the provider throttles; then lets one call through to see.

    All moments are monotonic seconds given by the caller.
    """

    def __init__(self) -> None:
        self._trouble = self._blames = 0
        self._hold = FIRST_HOLD
        self._until: float | None = None
        self._probing = False
        #: Since when no call has reached the provider.
        self._unsent_since: float | None = None

    def wait(self, now: float, in_flight: int) -> float | None:
        """Return the seconds until a call may start, 0 when it may now, None when a probe's reply decides."""
        if self._until is None:
            return 0.0
        if now < self._until:
            return self._until - now
        return None if in_flight else 0.0

    def is_closed(self) -> bool:
        """Say whether calls flow freely: the sender is neither held nor tried out."""
        return self._until is None

    def unsent_for(self, now: float) -> float:
        """Return for how many seconds no call has reached the provider; 0 when the last one did."""
        return 0.0 if self._unsent_since is None else now - self._unsent_since

    def begin(self) -> None:
        """Note that a call starts; while the sender is held it is the probe."""
        self._probing = self._until is not None

    def is_blamed(self) -> bool:
        """Say whether the provider blames the sender itself, again and again: a member must mend it."""
        return self._blames >= FAULTS_IN_A_ROW

    def succeeded(self) -> None:
        """Note an acceptance."""
        self._blames = 0
        self._answered()

    def _answered(self) -> None:
        """Note that the provider answered like a healthy one, be it with a refusal."""
        self._trouble, self._unsent_since = 0, None
        if self._until is None or self._probing:
            self._until, self._probing, self._hold = None, False, FIRST_HOLD

    def failed(self, error: SendError, now: float) -> bool:
        """Note a failed call and return whether the sender is held anew because of it."""
        if isinstance(error, RejectedError):
            self._blames += error.action is Action.PAUSE_SENDER
            self._answered()
            return False
        self._trouble += 1
        if not isinstance(error, NotSentError):
            self._unsent_since = None
        elif self._unsent_since is None:
            self._unsent_since = now
        if self._until is not None and not self._probing:
            # One more of those that were on their way when the sender was held.
            return False
        if isinstance(error, ThrottledError):
            self._open(now, error.retry_after_seconds)
            return True
        if self._probing or self._trouble >= TROUBLE_IN_A_ROW:
            self._open(now, None)
            return True
        return False

    def abandoned(self) -> None:
        """Note that the probe was not made after all; the next call is one."""
        self._probing = False

    def _open(self, now: float, asked: float | None) -> None:
        self._until = now + max(self._hold, min(asked or 0.0, LONGEST_ASKED))
        self._hold = min(self._hold * 2, LONGEST_HOLD)
        self._probing = False


class RunBreaker:
    """Says when a run must be paused for a person: the same fault again and again, or too many failures."""

    def __init__(self, *, is_rehearsal: bool = False) -> None:
        """Start with nothing seen. In a rehearsal there is no sender to pause, so its run is paused instead."""
        self._blamed = frozenset({Action.PAUSE_RUN} | ({Action.PAUSE_SENDER} if is_rehearsal else set()))
        self._faults = 0
        self._seen = 0
        self._failures: deque[bool] = deque(maxlen=WATCHED)

    def accepted(self) -> None:
        """Note an acceptance."""
        self._faults = 0
        self._seen += 1
        self._failures.append(False)

    def failed(self, error: SendError, *, falls_back: bool = False) -> Sentence | None:
        """Note a failure and return the reason to pause the run, or None.

        A person who is tried over the next sender instead is no failure of the run.
        """
        action = error.action if isinstance(error, RejectedError) else None
        is_senders = action is Action.PAUSE_SENDER and action not in self._blamed
        if isinstance(error, (NotSentError, ThrottledError)) or falls_back or is_senders:
            return None
        self._seen += 1
        self._failures.append(True)
        if action in self._blamed:
            self._faults += 1
            if self._faults >= FAULTS_IN_A_ROW:
                return Sentence(REFUSED, {"count": Count(self._faults), "code": str(error.code)})
        return self._too_many()

    def _too_many(self) -> Sentence | None:
        share = FIRST_SHARE if self._seen <= FIRST_RESULTS else LATER_SHARE
        failures = sum(self._failures)
        if len(self._failures) >= FEWEST and failures > share * len(self._failures):
            # Members read it, and exact numbers of few people are not for all of them.
            return Sentence(FAILED, {"percent": Count(round(share * 100))})
        return None
