"""The decision log tells at debug level why the engine does with a message, run or sender what it does.

One line a decision, of this module's logger: the decision, then ids, codes and times. Never a handle or a text.
"""

from __future__ import annotations

import logging
from datetime import datetime
from enum import StrEnum

_log = logging.getLogger(__name__)


class Decided(StrEnum):
    """What the engine decides; `docs/operating.md` explains each."""

    #: Nothing is claimed over a sender for now.
    WAITS = "waits"
    #: A claim found rows that are not called: closed at once, or put off because it is quiet there.
    CLOSED = "closed"
    PUT_OFF = "put_off"
    #: A claimed message goes back to the queue uncalled.
    GOES_BACK = "goes_back"
    #: The fence refused a call.
    REFUSED = "refused"
    #: What followed from a call that failed.
    RETRIED = "retried"
    FAILED = "failed"
    UNKNOWN = "unknown"
    FALLS_BACK = "falls_back"
    RUN_PAUSED = "run_paused"
    SENDER_HELD = "sender_held"
    SENDER_TOLD = "sender_told"


class Wait(StrEnum):
    """Why nothing is claimed over a sender."""

    STOPPING = "stopping"
    RUN_IS_PAUSED = "run_is_paused"
    SENDER_IS_PAUSED = "sender_is_paused"
    SENDER_IS_HELD = "sender_is_held"
    SENDER_IS_TRIED = "sender_is_tried"
    FENCE_IS_BLIND = "fence_is_blind"
    DAILY_LIMIT = "daily_limit"
    PACE = "pace"
    #: Of a run over one of its senders, or of everything: the database was restored.
    SENDER_IS_NOT_USED = "sender_is_not_used"
    CREDENTIAL_IS_OTHERS = "credential_is_others"
    STOPS_CANNOT_ARRIVE = "stops_cannot_arrive"
    LATCHED = "latched"


class Back(StrEnum):
    """Why a claimed message goes back to the queue."""

    STOPPING = "stopping"
    NOT_RUNNING = "not_running"
    RUN_IS_PAUSED = "run_is_paused"
    SENDER_IS_PAUSED = "sender_is_paused"
    SENDER_IS_HELD = "sender_is_held"
    WAITED_TOO_LONG = "waited_too_long"


def is_told() -> bool:
    """Say whether decisions are logged: who would have to look for what to tell asks first."""
    return _log.isEnabledFor(logging.DEBUG)


def tell(decided: Decided, **facts: int | str | datetime | None) -> None:
    """Log a decision with ids, codes and times; it costs a look at the level while nobody asked for it."""
    if is_told():
        known = ((name, fact) for name, fact in facts.items() if fact is not None)
        _log.debug("%s %s", decided, " ".join(f"{name}={_word(fact)}" for name, fact in known))


def _word(fact: int | str | datetime) -> str:
    return fact.isoformat(timespec="milliseconds") if isinstance(fact, datetime) else str(fact)
