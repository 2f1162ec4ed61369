"""The name and the tone (colour) of every state a page can show, as one table."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: its name, and a tone that the stylesheet colours."""

    name: LazyString
    #: "quiet", "moving", "good", "warning" or "bad".
    tone: str


STATES: dict[str, dict[str, Look]] = {
    "campaign": {
        "draft": Look(_l("Draft"), "quiet"),
        "submitted": Look(_l("Waiting for approval"), "warning"),
        "approved": Look(_l("Approved"), "good"),
        "archived": Look(_l("Archived"), "quiet"),
    },
    "decision": {
        "approved": Look(_l("Approved"), "good"),
        "returned": Look(_l("Returned"), "warning"),
    },
    "run": {
        "held": Look(_l("Held"), "warning"),
        "planning": Look(_l("Being planned"), "moving"),
        "running": Look(_l("Running"), "moving"),
        "paused": Look(_l("Paused"), "warning"),
        "stopped": Look(_l("Stopped"), "bad"),
        "done": Look(_l("Done"), "good"),
    },
    "send": {
        "queued": Look(_l("Queued"), "quiet"),
        "sending": Look(_l("Being sent"), "moving"),
        "accepted": Look(_l("Accepted by the provider"), "good"),
        "unknown": Look(_l("Outcome unknown"), "warning"),
        "failed": Look(_l("Failed"), "bad"),
        "suppressed": Look(_l("Suppressed: said stop"), "quiet"),
        "cancelled": Look(_l("Cancelled"), "quiet"),
        "expired": Look(_l("Expired"), "quiet"),
        "unconfirmed": Look(_l("Unconfirmed"), "warning"),
    },
    "receipt": {
        "accepted": Look(_l("Accepted by the provider"), "moving"),
        "queued": Look(_l("Queued at the provider"), "moving"),
        "sending": Look(_l("Being sent by the provider"), "moving"),
        "sent": Look(_l("Sent by the provider"), "moving"),
        "undelivered": Look(_l("Not delivered"), "bad"),
        "failed": Look(_l("Failed"), "bad"),
        "delivered": Look(_l("Delivered"), "good"),
        "read": Look(_l("Read"), "good"),
    },
    "translation": {
        "draft": Look(_l("Draft"), "quiet"),
        "translated": Look(_l("Waiting for review"), "warning"),
        "reviewed": Look(_l("Reviewed"), "good"),
        "stale": Look(_l("Stale: the base text changed"), "bad"),
    },
    "address": {
        "pending": Look(_l("Not confirmed yet"), "warning"),
        "active": Look(_l("May be written to"), "good"),
        "opted_out": Look(_l("Said stop"), "bad"),
        "invalid": Look(_l("Does not exist"), "quiet"),
    },
    "consent": {
        "granted": Look(_l("Agreed"), "good"),
        "withdrawn": Look(_l("Withdrawn"), "bad"),
    },
    "import": {
        "checked": Look(_l("Checked, not imported yet"), "warning"),
        "done": Look(_l("Imported"), "good"),
        "cancelled": Look(_l("Cancelled"), "quiet"),
    },
    "reply": {
        "stop": Look(_l("Stop"), "bad"),
        "start": Look(_l("Start"), "good"),
        "text": Look(_l("Reply"), "quiet"),
    },
}


def look_of(kind: str, state: str) -> Look:
    """Return the look of a state of one kind; an unknown one is shown by its own word."""
    return STATES.get(kind, {}).get(state) or Look(_l(str(state)), "quiet")


def init_states(app: Flask) -> None:
    """Let templates ask for looks."""
    app.add_template_global(look_of, "look_of")
