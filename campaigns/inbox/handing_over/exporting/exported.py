"""A receiver takes along of a hand-over words that are masked, and days instead of minutes; pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    """A hand-over as it leaves this system: no id, number, handle or name of staff."""

    #: Names of the organisations.
    sender: str
    receiver: str
    offered_on: date
    accepted_on: date | None
    #: Word of the Urgency.
    urgency: str
    #: BCP 47 code, code of the region, headings of the word lists, as far as they were ticked.
    language: str | None
    region: str | None
    topics: tuple[str, ...]
    summary: str
    #: What the person answered when they were asked; None: they were not.
    consent: str | None
    #: Why: an Override.
    unasked: str | None
    came_on: date | None
    helped_on: date | None

    def to_json(self) -> bytes:
        """Return it for a program; None where nothing was said."""
        facts: dict[str, Any] = {"format": "fingerpost hand-over", "version": 1, **asdict(self)}
        return json.dumps(facts, ensure_ascii=False, indent=2, default=date.isoformat).encode()
