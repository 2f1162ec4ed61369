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
        "draft": Look(_lp("campaign", "Draft"), "quiet"),
        "submitted": Look(_lp("campaign", "Waiting for approval"), "warning"),
        "approved": Look(_lp("campaign", "Approved"), "good"),
        "sent": Look(_lp("campaign", "Sent"), "good"),
        "archived": Look(_lp("campaign", "Archived"), "quiet"),
    },
    "decision": {
        "approved": Look(_lp("decision", "Approved"), "good"),
        "returned": Look(_lp("decision", "Returned"), "warning"),
    },
    "proposal": {
        "waiting": Look(_lp("proposal", "Waits for another member"), "warning"),
        "agreed": Look(_lp("proposal", "Agreed"), "good"),
        "refused": Look(_lp("proposal", "Refused"), "bad"),
        "withdrawn": Look(_lp("proposal", "Taken back"), "quiet"),
        "overtaken": Look(_lp("proposal", "Proposed anew"), "quiet"),
    },
    "run": {
        "held": Look(_lp("run", "Waiting to start"), "warning"),
        "planning": Look(_lp("run", "Being planned"), "moving"),
        "running": Look(_lp("run", "Running"), "moving"),
        "paused": Look(_lp("run", "Paused"), "warning"),
        "stopped": Look(_lp("run", "Stopped"), "bad"),
        "done": Look(_lp("run", "Done"), "good"),
    },
    "send": {
        "queued": Look(_lp("send", "Queued"), "quiet"),
        "sending": Look(_lp("send", "Being sent"), "moving"),
        "accepted": Look(_lp("send", "Accepted by the provider"), "good"),
        "unknown": Look(_lp("send", "Outcome unknown"), "warning"),
        "failed": Look(_lp("send", "Not sent"), "bad"),
        "suppressed": Look(_lp("send", "Not sent: opted out, may have, or in danger"), "quiet"),
        "cancelled": Look(_lp("send", "Cancelled: run stopped"), "quiet"),
        "expired": Look(_lp("send", "Expired: too late to be sent"), "quiet"),
        "unconfirmed": Look(_lp("send", "Unconfirmed"), "warning"),
    },
    "conversation": {
        "new": Look(_lp("conversation", "New"), "warning"),
        "open": Look(_lp("conversation", "Taken"), "moving"),
        "answered": Look(_lp("conversation", "Answered"), "good"),
        "closed": Look(_lp("conversation", "Closed"), "quiet"),
    },
    "hand_over": {
        "proposed": Look(_lp("hand_over", "Waits for a second member"), "warning"),
        "offered": Look(_lp("hand_over", "Offered"), "moving"),
        "accepted": Look(_lp("hand_over", "Accepted"), "good"),
        "taken": Look(_lp("hand_over", "Taken"), "good"),
        "declined": Look(_lp("hand_over", "Declined"), "warning"),
        "lapsed": Look(_lp("hand_over", "Lapsed: nobody decided"), "warning"),
        "taken_back": Look(_lp("hand_over", "Taken back"), "quiet"),
        "over": Look(_lp("hand_over", "Over"), "quiet"),
        "gone": Look(_lp("hand_over", "Came back: nobody works there any more"), "warning"),
    },
    "urgency": {
        "danger": Look(_lp("urgency", "Danger now"), "bad"),
        "day": Look(_lp("urgency", "Within 24 hours"), "warning"),
        "question": Look(_lp("urgency", "Question"), "moving"),
        "report": Look(_lp("urgency", "Report"), "quiet"),
        "other": Look(_lp("urgency", "Other"), "quiet"),
        "machine": Look(_lp("urgency", "Perhaps automatic"), "quiet"),
    },
    "receipt": {
        "accepted": Look(_lp("receipt", "Accepted by the provider"), "moving"),
        "queued": Look(_lp("receipt", "Queued at the provider"), "moving"),
        "sending": Look(_lp("receipt", "Being sent by the provider"), "moving"),
        "sent": Look(_lp("receipt", "Sent by the provider"), "moving"),
        "undelivered": Look(_lp("receipt", "Not delivered"), "bad"),
        "failed": Look(_lp("receipt", "Not sent by the provider"), "bad"),
        "delivered": Look(_lp("receipt", "Delivered"), "good"),
        "read": Look(_lp("receipt", "Read"), "good"),
    },
    "translation": {
        "draft": Look(_lp("translation", "Draft"), "quiet"),
        "translated": Look(_lp("translation", "Waiting for review"), "warning"),
        "reviewed": Look(_lp("translation", "Reviewed"), "good"),
        "stale": Look(_lp("translation", "Out of date: the source text changed"), "bad"),
    },
    "service": {
        "verified": Look(_lp("service", "Verified"), "good"),
        "due": Look(_lp("service", "Verify before use"), "warning"),
        "unsourced": Look(_lp("service", "No source: not used"), "quiet"),
        "ended": Look(_lp("service", "Ended: not used"), "bad"),
    },
    "address": {
        "pending": Look(_lp("address", "Not confirmed yet"), "warning"),
        "active": Look(_lp("address", "May be written to"), "good"),
        "held": Look(_lp("address", "On hold"), "warning"),
        "opted_out": Look(_lp("address", "Opted out"), "bad"),
        "invalid": Look(_lp("address", "Number or account not in use"), "quiet"),
    },
    "consent": {
        "granted": Look(_lp("consent", "Agreed"), "good"),
        "withdrawn": Look(_lp("consent", "Withdrawn"), "bad"),
        "held": Look(_lp("consent", "Put on hold"), "warning"),
        "released": Look(_lp("consent", "Hold ended: it was no opt-out"), "good"),
        "lifted": Look(_lp("consent", "Opt-out lifted by a member"), "warning"),
    },
    "opt_outs": {
        "reading": Look(_lp("opt_outs", "Being read"), "moving"),
        "refused": Look(_lp("opt_outs", "Not taken"), "bad"),
        "checked": Look(_lp("opt_outs", "Checked, not opted out yet"), "warning"),
        "done": Look(_lp("opt_outs", "Opted out"), "good"),
        "cancelled": Look(_lp("opt_outs", "Discarded"), "quiet"),
    },
    "import": {
        "reading": Look(_lp("import", "Being read"), "moving"),
        "refused": Look(_lp("import", "Not taken"), "bad"),
        "checked": Look(_lp("import", "Checked, not imported yet"), "warning"),
        "done": Look(_lp("import", "Imported"), "good"),
        "cancelled": Look(_lp("import", "Discarded"), "quiet"),
    },
    "reach_file": {
        "checked": Look(_lp("reach_file", "Checked, not imported yet"), "warning"),
        "done": Look(_lp("reach_file", "Imported"), "good"),
        "cancelled": Look(_lp("reach_file", "Discarded"), "quiet"),
        "undone": Look(_lp("reach_file", "Undone"), "quiet"),
    },
    "left_out": {
        "stale_position": Look(_lp("left_out", "Last known place out of date"), "quiet"),
        "no_address": Look(_lp("left_out", "No number or account that could be used"), "quiet"),
        "opted_out": Look(_lp("left_out", "Opted out"), "bad"),
        "held": Look(_lp("left_out", "On hold: may have opted out"), "warning"),
        "no_consent": Look(_lp("left_out", "Have not agreed yet"), "quiet"),
        "invalid_address": Look(_lp("left_out", "Number or account not in use"), "quiet"),
        "no_sender": Look(_lp("left_out", "No sender for the country of their number"), "warning"),
        "no_template": Look(_lp("left_out", "No approved WhatsApp template in their language"), "warning"),
        "no_translation": Look(_lp("left_out", "No text in a language they read"), "warning"),
        "capped": Look(_lp("left_out", "Message limit reached"), "quiet"),
        "merged": Look(_lp("left_out", "Get it by another run at the same time"), "quiet"),
        "urgent": Look(_lp("left_out", "May be in danger, and speaks with your team"), "warning"),
        "silent": Look(_lp("left_out", "Silent for long, and did not answer whether to go on"), "quiet"),
        "same_number": Look(_lp("left_out", "Another contact with the same number gets it"), "quiet"),
        "no_signpost": Look(_lp("left_out", "No verified helpline for where they are"), "warning"),
    },
    "rung": {
        "planned": Look(_lp("rung", "Planned"), "quiet"),
        "accepted": Look(_lp("rung", "Accepted by the provider"), "moving"),
        "carrier": Look(_lp("rung", "Delivered, says the mobile network"), "good"),
        "delivered": Look(_lp("rung", "Delivered"), "good"),
        "read": Look(_lp("rung", "Read"), "good"),
        "failed": Look(_lp("rung", "Not sent"), "bad"),
        "undelivered": Look(_lp("rung", "Not delivered"), "bad"),
        "suppressed": Look(_lp("rung", "Not sent: opted out, or may have"), "quiet"),
        "expired": Look(_lp("rung", "Expired: too late to be sent"), "quiet"),
        "cancelled": Look(_lp("rung", "Cancelled: run stopped"), "quiet"),
        "unconfirmed": Look(_lp("rung", "Unconfirmed"), "warning"),
        "pending": Look(_lp("rung", "Not final yet"), "moving"),
    },
    "reply": {
        "stop": Look(_lp("reply", "STOP"), "bad"),
        "hold": Look(_lp("reply", "May mean STOP"), "warning"),
        "start": Look(_lp("reply", "START"), "good"),
        "help": Look(_lp("reply", "Asks for help"), "warning"),
        "info": Look(_lp("reply", "Asks what this is"), "quiet"),
        "moved": Look(_lp("reply", "Says where they are"), "good"),
        "yes": Look(_lp("reply", "YES"), "quiet"),
        "choice": Look(_lp("reply", "Answers our question"), "good"),
        "join": Look(_lp("reply", "Joined"), "good"),
        "location": Look(_lp("reply", "Shared where they are"), "good"),
        "text": Look(_lp("reply", "Incoming message"), "quiet"),
    },
    "health": {
        "well": Look(_lp("health", "Works"), "good"),
        "troubled": Look(_lp("health", "Problem: retrying automatically"), "warning"),
        "paused": Look(_lp("health", "Paused: needs an administrator"), "bad"),
    },
    "template": {
        "wanted": Look(_lp("template", "Asked for"), "moving"),
        "unsubmitted": Look(_lp("template", "Not submitted yet"), "moving"),
        "received": Look(_lp("template", "Received by the provider"), "moving"),
        "pending": Look(_lp("template", "Waiting for WhatsApp's approval"), "moving"),
        "approved": Look(_lp("template", "Approved by WhatsApp"), "good"),
        "rejected": Look(_lp("template", "Rejected by WhatsApp"), "bad"),
        "paused": Look(_lp("template", "Paused by the provider"), "bad"),
        "disabled": Look(_lp("template", "Switched off by the provider"), "bad"),
    },
}


def look_of(kind: str, state: str) -> Look:
    """Return the look of a state of one kind; an unknown one is shown by its own word."""
    return STATES.get(kind, {}).get(state) or Look(_l(str(state)), "quiet")


def init_states(app: Flask) -> None:
    """Let templates ask for looks."""
    app.add_template_global(look_of, "look_of")
