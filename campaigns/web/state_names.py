"""One table gives the name and the tone (colour) of every state that a page can show."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
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
        "sent": Look(_lp("campaign", "Sent"), "good"),
        "archived": Look(_l("Archived"), "quiet"),
    },
    "decision": {
        "approved": Look(_l("Approved"), "good"),
        "returned": Look(_l("Returned"), "warning"),
    },
    "proposal": {
        "waiting": Look(_l("Waits for another member"), "warning"),
        "agreed": Look(_l("Agreed"), "good"),
        "refused": Look(_l("Refused"), "bad"),
        "withdrawn": Look(_l("Taken back"), "quiet"),
        "overtaken": Look(_l("Proposed anew"), "quiet"),
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
        "suppressed": Look(_l("Suppressed: said stop, or may have"), "quiet"),
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
    "service": {
        "verified": Look(_l("Verified"), "good"),
        "due": Look(_l("Verify before use"), "warning"),
        "unsourced": Look(_l("No source: not used"), "quiet"),
        "ended": Look(_l("Ended: not used"), "bad"),
    },
    "address": {
        "pending": Look(_l("Not confirmed yet"), "warning"),
        "active": Look(_l("May be written to"), "good"),
        "held": Look(_l("On hold"), "warning"),
        "opted_out": Look(_l("Said stop"), "bad"),
        "invalid": Look(_l("Does not exist"), "quiet"),
    },
    "consent": {
        "granted": Look(_l("Agreed"), "good"),
        "withdrawn": Look(_l("Withdrawn"), "bad"),
        "held": Look(_l("Put on hold"), "warning"),
        "released": Look(_l("Hold ended: it was no stop"), "good"),
        "lifted": Look(_l("Stop lifted by a member"), "warning"),
    },
    "import": {
        "checked": Look(_l("Checked, not imported yet"), "warning"),
        "done": Look(_l("Imported"), "good"),
        "cancelled": Look(_l("Cancelled"), "quiet"),
    },
    "reach_file": {
        "checked": Look(_l("Checked, not imported yet"), "warning"),
        "done": Look(_l("Imported"), "good"),
        "cancelled": Look(_l("Cancelled"), "quiet"),
        "undone": Look(_l("Undone"), "quiet"),
    },
    "left_out": {
        "stale_position": Look(_l("Where they are is not known any more"), "quiet"),
        "no_address": Look(_l("No address that could be used"), "quiet"),
        "opted_out": Look(_l("Said stop"), "bad"),
        "held": Look(_l("On hold: may have said stop"), "warning"),
        "no_consent": Look(_l("Have not agreed yet"), "quiet"),
        "invalid_address": Look(_l("Their address does not exist"), "quiet"),
        "no_sender": Look(_l("No sender for the country of their number"), "warning"),
        "no_template": Look(_l("No approved WhatsApp template in their language"), "warning"),
        "no_translation": Look(_l("No text in a language they read"), "warning"),
        "capped": Look(_l("Had enough messages lately"), "quiet"),
        "merged": Look(_l("Get it by another run at the same time"), "quiet"),
        "same_number": Look(_l("Another contact with the same number gets it"), "quiet"),
        "no_signpost": Look(_l("No verified service for where they are"), "warning"),
    },
    "rung": {
        "planned": Look(_l("Planned"), "quiet"),
        "accepted": Look(_l("Accepted by the provider"), "moving"),
        "carrier": Look(_l("Delivered by the carrier's word"), "good"),
        "delivered": Look(_l("Delivered"), "good"),
        "read": Look(_l("Read"), "good"),
        "failed": Look(_l("Refused"), "bad"),
        "undelivered": Look(_l("Not delivered"), "bad"),
        "suppressed": Look(_l("Said stop before it was sent"), "quiet"),
        "expired": Look(_l("Too late to be sent"), "quiet"),
        "cancelled": Look(_l("Cancelled by a stop"), "quiet"),
        "unconfirmed": Look(_l("Unconfirmed"), "warning"),
        "pending": Look(_l("Not final yet"), "moving"),
    },
    "reply": {
        "stop": Look(_lp("word somebody wrote", "Stop"), "bad"),
        "hold": Look(_l("May be a stop"), "warning"),
        "start": Look(_lp("word somebody wrote", "Start"), "good"),
        "help": Look(_l("Asks for help"), "warning"),
        "info": Look(_l("Asks what this is"), "quiet"),
        "moved": Look(_l("Says where they are"), "good"),
        "yes": Look(_lp("word somebody wrote", "Yes"), "quiet"),
        "join": Look(_l("Joined"), "good"),
        "location": Look(_l("Shared where they are"), "good"),
        "text": Look(_l("Reply"), "quiet"),
    },
    "health": {
        "well": Look(_l("Works"), "good"),
        "troubled": Look(_l("In trouble, tried again by itself"), "warning"),
        "paused": Look(_l("Paused: it needs a member"), "bad"),
    },
    "template": {
        "wanted": Look(_l("Asked for"), "moving"),
        "unsubmitted": Look(_l("Not submitted yet"), "moving"),
        "received": Look(_l("Received by the provider"), "moving"),
        "pending": Look(_l("Waiting for approval"), "moving"),
        "approved": Look(_l("Approved"), "good"),
        "rejected": Look(_l("Rejected"), "bad"),
        "paused": Look(_l("Paused by the provider"), "bad"),
        "disabled": Look(_l("Switched off by the provider"), "bad"),
    },
}


def look_of(kind: str, state: str) -> Look:
    """Return the look of a state of one kind; an unknown one is shown by its own word."""
    return STATES.get(kind, {}).get(state) or Look(_l(str(state)), "quiet")


def init_states(app: Flask) -> None:
    """Let templates ask for looks."""
    app.add_template_global(look_of, "look_of")
