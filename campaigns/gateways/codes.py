"""Provider error codes as a table (`data/twilio_errors.csv`): what each asks for, and why in words."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from campaigns.gateways.base import Action

#: What a class of the table asks for.
ACTIONS: dict[str, Action] = {
    "recipient_permanent": Action.INVALIDATE_ADDRESS,
    "channel_permanent": Action.OTHER_CHANNEL,
    "consent": Action.OPT_OUT,
    "window": Action.GIVE_UP,
    "transient": Action.RETRY_LATER,
    "expired": Action.GIVE_UP,
    "config_stop_campaign": Action.PAUSE_RUN,
    "content_fix": Action.PAUSE_RUN,
    "platform_refused": Action.GIVE_UP,
    "unknown_outcome": Action.RECONCILE,
}


def action_for(code: str, *, synchronous: bool) -> Action:
    """Return what a code asks for, in the reply to a call (`synchronous`) or in a later receipt.

    A code the table lacks pauses the run when a call is refused with it (our request is wrong in a way we do not
    know), and only ends its own message when a receipt brings it.
    """
    row = _table().get(code)
    if row is not None:
        return ACTIONS[row["class"]]
    return Action.PAUSE_RUN if synchronous else Action.GIVE_UP


def words_for(code: str) -> str | None:
    """Return the table's note on a code, or None when it has none."""
    row = _table().get(code)
    return row["note"] if row is not None else None


@cache
def _table() -> dict[str, dict[str, str]]:
    with (files("campaigns.gateways") / "data" / "twilio_errors.csv").open(encoding="utf-8") as lines:
        return {row["code"]: row for row in csv.DictReader(lines)}
