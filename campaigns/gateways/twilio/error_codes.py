"""One table (`data/twilio_errors.csv`) says of each Twilio error whose fault it is, what it asks for, and why."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from campaigns.gateways.base import Action, Blame


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table."""

    code: str
    #: The family it belongs to (`recipient_permanent`, `transient`, …).
    family: str
    blame: Blame
    action: Action
    #: Why, in English, for whoever looks the code up.
    note: str


def action_for(code: str, *, synchronous: bool) -> Action:
    """Return what a code asks for, in the reply to a call (`synchronous`) or in a later receipt.

    A code the table lacks pauses the run when a call is refused with it (our request is wrong in a way we do not
    know, and will be for everybody), and only ends its own message when a receipt brings it.
    """
    row = table().get(code)
    if row is not None:
        return row.action
    return Action.PAUSE_RUN if synchronous else Action.GIVE_UP


def blame_for(code: str, *, synchronous: bool) -> Blame:
    """Return whose fault a code is; an unknown one is our account's in a reply, the provider's in a receipt."""
    row = table().get(code)
    if row is not None:
        return row.blame
    return Blame.ACCOUNT if synchronous else Blame.PROVIDER


def words_for(code: str) -> str | None:
    """Return the table's note on a code, or None when it has none."""
    row = table().get(code)
    return row.note if row is not None else None


@cache
def table() -> dict[str, Code]:
    """Return every row by its code. Raises ValueError for a row with an unknown blame or action."""
    with (files("campaigns.gateways") / "data" / "twilio_errors.csv").open(encoding="utf-8") as lines:
        return {
            row["code"]: Code(row["code"], row["class"], Blame(row["blame"]), Action(row["action"]), row["note"])
            for row in csv.DictReader(lines)
        }
