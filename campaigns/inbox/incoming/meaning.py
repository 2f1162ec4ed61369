"""Reads what somebody asks out of what they did; pure."""

from __future__ import annotations

from dataclasses import replace

from campaigns.audience.keywords import Meaning, meaning_of, strongest
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.models import ReplyKind

#: What some acts ask, whatever is written beside them. Who lifts a block asks nothing yet: only a start does.
_ASKED = {
    Happening.BLOCKED: ReplyKind.STOP,
    Happening.SHARED_LOCATION: ReplyKind.LOCATION,
    Happening.STARTED: ReplyKind.TEXT,
    Happening.UNBLOCKED: ReplyKind.TEXT,
}
#: What a provider reads itself. It knows words that we do not, and blocks the number after a stop already: our
#: ledger must say so too. Its starts are not believed, since a plain YES is one of them.
_PROVIDERS = {"STOP": Meaning.STOP, "HELP": Meaning.HELP}

#: What nobody's link says: a code that already means something is refused, and a start would lift a stop.
_TYPED = (Meaning.STOP, Meaning.HOLD, Meaning.HELP)


def as_said(inbound: Inbound) -> Inbound:
    """Return a start as words where somebody typed a stop or a call for help behind it, as no link has it."""
    if inbound.happening is not Happening.STARTED or meaning_of(inbound.payload) not in _TYPED:
        return inbound
    return replace(inbound, happening=Happening.WROTE, text=inbound.payload, payload="")


def kind_of(inbound: Inbound, *, language: str | None = None) -> ReplyKind:
    """Return what was asked: by a word in any of our languages, by a button, or as the provider itself read it.

    `language` is the contact's. Of several things the strongest counts: a message that says both is a stop.
    """
    asked = _ASKED.get(inbound.happening)
    if asked is not None:
        return asked
    meanings = [meaning_of(inbound.text, language), _PROVIDERS.get(str(inbound.raw.get("OptOutType")))]
    if inbound.happening is Happening.PRESSED_BUTTON:
        meanings.append(meaning_of(inbound.payload, language))
    meaning = strongest(meanings)
    return ReplyKind.TEXT if meaning is None else ReplyKind(meaning)
