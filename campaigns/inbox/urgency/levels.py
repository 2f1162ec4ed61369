"""Six levels say how soon somebody has to be answered."""

from __future__ import annotations

from enum import IntEnum


class Urgency(IntEnum):
    """How soon somebody has to be answered, by what was written, never by who wrote; the higher, the sooner."""

    #: More automatic than a person: perhaps another machine.
    MACHINE = 0
    OTHER = 10
    #: Tells of something that others do.
    REPORT = 20
    QUESTION = 30
    #: Within 24 hours.
    DAY = 40
    #: May be in danger now.
    DANGER = 50

    @property
    def word(self) -> str:
        """The level as pages name it."""
        return self.name.lower()
