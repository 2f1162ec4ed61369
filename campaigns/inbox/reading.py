"""Reads what somebody asks out of what they did; pure."""

from __future__ import annotations

from campaigns.audience.keywords import Meaning, meaning_of
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.models import ReplyKind

#: What some acts ask, whatever is written beside them. Who lifts a block asks nothing yet: only a start does.
_ASKED = {
    Happening.BLOCKED: ReplyKind.STOP,
    Happening.SHARED_LOCATION: ReplyKind.LOCATION,
    Happening.STARTED: ReplyKind.TEXT,
    Happening.UNBLOCKED: ReplyKind.TEXT,
}


def kind_of(inbound: Inbound) -> ReplyKind:
    """Return what was asked: by a word in any of our languages, by a button, or as the provider itself read it."""
    asked = _ASKED.get(inbound.happening)
    if asked is not None:
        return asked
    meanings = {meaning_of(inbound.text)}
    if inbound.happening is Happening.PRESSED_BUTTON:
        meanings.add(meaning_of(inbound.payload))
    if inbound.raw.get("OptOutType") == "STOP":
        # The provider knows words we do not, and blocks the number already: our ledger must say so too.
        meanings.add(Meaning.STOP)
    # A message that says both is a stop.
    return next((ReplyKind(each) for each in (Meaning.STOP, Meaning.START) if each in meanings), ReplyKind.TEXT)
