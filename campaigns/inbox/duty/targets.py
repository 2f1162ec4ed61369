"""Pure rules say until when somebody is to be answered, and what happens at what hour when nobody does.

The times are those that others publish: GOV.UK Notify (emergencies within 30 minutes, the rest until the end of
the next working day), Help Texts (a crisis within 15 minutes), the US hotline (24 hours for what needs a service).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.inbox.duty.duty_hours import DutyHours
from campaigns.inbox.urgency.levels import Urgency

#: Every wait that is ever over is so within this.
LONGEST_WAIT = timedelta(days=30)


class Step(StrEnum):
    """What happens when somebody waits for so long."""

    #: Whoever is on duty is told.
    ALERT = "alert"
    #: Everybody who answers is told.
    RESPONDERS = "responders"
    #: The lead and the reserve are told.
    LEAD = "lead"
    #: They are told once more.
    LEAD_AGAIN = "lead_again"
    #: It stands in red on everybody's first page.
    RED = "red"


@dataclass(frozen=True, slots=True)
class Wait:
    """For how long somebody may wait: whatever is over first."""

    #: By the clock, nights and all.
    clock: timedelta | None = None
    #: In hours of duty.
    duty: timedelta | None = None
    #: Until the end of the next day with any duty.
    next_day: bool = False

    @property
    def is_by_clock(self) -> bool:
        """Whether hours of duty change nothing."""
        return self.duty is None and not self.next_day

    def over(self, since: datetime, hours: DutyHours) -> datetime | None:
        """Return when a wait since a moment (UTC) is over; None: never, there is no duty."""
        ends = [
            since + self.clock if self.clock is not None else None,
            hours.after(since, self.duty) if self.duty is not None else None,
            hours.end_of_next_day(since) if self.next_day else None,
        ]
        return min((each for each in ends if each is not None), default=None)

    def over_since(self, now: datetime, hours: DutyHours) -> datetime | None:
        """Return since when, at the latest, somebody waits whose wait is over now; None: nobody's is.

        Of two waits the one that began first is over first, so the moment is found by halving, to the second.
        With it one statement finds all whose wait is over.
        """
        if self.is_by_clock:
            return now - self.clock if self.clock is not None else None
        early, late = now - LONGEST_WAIT, now
        if not self._is_over(early, hours, now):
            return None
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) // 2
            early, late = (middle, late) if self._is_over(middle, hours, now) else (early, middle)
        return early

    def _is_over(self, since: datetime, hours: DutyHours, now: datetime) -> bool:
        over = self.over(since, hours)
        return over is not None and over <= now


_DAY = timedelta(days=1)
#: Until when somebody is to be answered, the first time and each time that they write again.
TARGETS: Mapping[Urgency, Wait] = {
    Urgency.DANGER: Wait(clock=timedelta(minutes=15)),
    # Where no duty comes in time the clock decides: they asked for help within a day.
    Urgency.DAY: Wait(duty=timedelta(hours=4), clock=_DAY),
    Urgency.QUESTION: Wait(next_day=True),
    Urgency.REPORT: Wait(next_day=True),
}
_AT_ONCE = Wait(clock=timedelta())
_UNHURRIED = ((Step.ALERT, _AT_ONCE), (Step.LEAD, Wait(clock=2 * _DAY)), (Step.LEAD_AGAIN, Wait(clock=5 * _DAY)))
#: What happens when, as long as nobody answers; the night ends none of it for whoever may be in danger.
STEPS: Mapping[Urgency, Sequence[tuple[Step, Wait]]] = {
    Urgency.DANGER: (
        (Step.ALERT, _AT_ONCE),
        (Step.RESPONDERS, Wait(clock=timedelta(minutes=15))),
        (Step.LEAD, Wait(clock=timedelta(minutes=30))),
        (Step.RED, Wait(clock=timedelta(minutes=60))),
    ),
    Urgency.DAY: (
        (Step.ALERT, _AT_ONCE),
        (Step.LEAD, TARGETS[Urgency.DAY]),
        (Step.LEAD_AGAIN, Wait(duty=timedelta(hours=12), clock=_DAY)),
    ),
    Urgency.QUESTION: _UNHURRIED,
    Urgency.REPORT: _UNHURRIED,
}


def answer_until(urgency: int, since: datetime, hours: DutyHours) -> datetime | None:
    """Return until when (UTC) somebody is to be answered; None where there is no such time."""
    target = TARGETS.get(Urgency(urgency))
    return None if target is None else target.over(since, hours)
