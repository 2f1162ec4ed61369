"""What a provider may answer to a call, and say later of a message, where the state machine chooses."""

from __future__ import annotations

from campaigns.gateways.base import Action, NotSentError, RejectedError, SendError, ThrottledError

REFUSALS: tuple[SendError, ...] = (
    NotSentError("refused"),
    ThrottledError("20429", retry_after_seconds=5.0),
    RejectedError("30007", Action.GIVE_UP),
    RejectedError("21211", Action.INVALIDATE_ADDRESS),
    RejectedError("21610", Action.OPT_OUT),
    RejectedError("63003", Action.OTHER_CHANNEL),
    RejectedError("20500", Action.RETRY_LATER),
)
#: What a receipt may say, with its error and what that asks for.
WORDS = (
    ("queued", None, None),
    ("sent", None, None),
    ("delivered", None, None),
    ("undelivered", "30005", Action.INVALIDATE_ADDRESS),
    ("failed", "63003", Action.OTHER_CHANNEL),
    ("failed", "21610", Action.OPT_OUT),
)
