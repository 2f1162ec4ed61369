"""A pure queue says which run of a sender is asked for deliveries next, and from which id on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.delivery.engine.ports import Ask, Found, RunningRun
from campaigns.delivery.lanes.sender_facts import Line

#: A run without due deliveries is looked through again after this time, for rows that others put back.
LOOK_AGAIN = timedelta(seconds=5)
#: But after this one at first, then after twice as long each time: who resumes a run gives it its rows back soon.
LOOK_SOON = timedelta(seconds=0.5)
#: Looking through may take this share of the time; a run of a million that is due tomorrow is asked less often.
LOOKING_SHARE = 0.05
#: But not longer: a process that slept, or a database that hung, during a look makes it seem to last for minutes.
LOOK_AT_LAST = timedelta(seconds=30)
#: While a run is read, retries that fell due behind the cursor are looked for this often.
LOOK_BEHIND = timedelta(seconds=10)


@dataclass(slots=True)
class _Place:
    """Where the reading of one run stands."""

    organisation_id: int
    priority: int
    is_answer: bool
    cursor: int = 0
    #: Nothing is due before; None: ask at once.
    next_at: datetime | None = None
    #: When to look behind the cursor.
    behind_at: datetime | None = None
    #: The delivery that last tried whether the sender works again.
    probed: int = 0
    #: When rows were put back, perhaps by the very statement that looks for the next ones.
    put_back_at: datetime | None = None
    #: How long the run is left alone when nothing more is due.
    pause: timedelta = LOOK_SOON


class FairQueue:
    """Takes turns between the runs of a sender, each with a cursor, so that no claim rescans what is behind it.

    What is due of an urgent run goes first; else that of the organisation that was served least, whose runs take
    turns. Parts are counted, as the sender's pace does. An organisation saves nothing up while it has nothing due,
    and what overtakes is not held against it (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996).
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        #: By run; the run that was asked last is the last.
        self._places: dict[int, _Place] = {}
        #: Parts at which the last organisation's turn began, and at which that of each ended.
        self._began_at = 0
        self._ended_at: dict[int, int] = {}

    def keep(self, runs: Iterable[RunningRun]) -> None:
        """Take over which runs are running; one that is new (or resumed) is read from its start."""
        wanted = {run.run_id: run for run in runs}
        for run_id in self._places.keys() - wanted.keys():
            del self._places[run_id]
        for run_id in sorted(wanted.keys() - self._places.keys()):
            run = wanted[run_id]
            self._places[run_id] = _Place(run.organisation_id, run.priority, run.is_answer)
        for run_id, place in self._places.items():
            # A run that a member puts first while it runs overtakes from where it stands.
            place.priority = wanted[run_id].priority
        owners = {place.organisation_id for place in self._places.values()}
        self._ended_at = {owner: parts for owner, parts in self._ended_at.items() if owner in owners}

    def next(self, now: datetime, limit: int) -> Ask | None:
        """Return the next request, or None when no run has anything due at `now` (UTC)."""
        due = [pair for pair in self._places.items() if _has_come(pair[1].next_at, now)]
        if not due:
            return None
        run_id, place = min(due, key=self._order)
        if place.cursor and place.behind_at is not None and _has_come(place.behind_at, now):
            return Ask(self._line, run_id, 0, limit, through=place.cursor, is_answer=place.is_answer)
        return Ask(self._line, run_id, place.cursor, limit, is_answer=place.is_answer)

    def probe(self, now: datetime) -> Ask | None:
        """Return a request for one delivery that tries a sender which is held, or None when nothing is due.

        Each time it is another one's turn: always the first would use up the attempts of one person.
        """
        ask = self.next(now, 1)
        if ask is None:
            return None
        return replace(ask, after=self._places[ask.run_id].probed, through=None, is_probe=True)

    def priority_of(self, run_id: int) -> int:
        """Return how urgent a run is; one that runs no more is not."""
        place = self._places.get(run_id)
        return place.priority if place is not None else 0

    def _order(self, pair: tuple[int, _Place]) -> tuple[int, int]:
        return -pair[1].priority, self._begin(pair[1].organisation_id)

    def _begin(self, organisation_id: int) -> int:
        return max(self._began_at, self._ended_at.get(organisation_id, 0))

    def answer(self, ask: Ask, found: Found, *, now: datetime, took: float) -> None:
        """Move the run's cursor behind what was found, and the run to the end of the line.

        `took` is how long the database looked, in seconds.
        """
        place = self._places.pop(ask.run_id, None)
        if place is None:
            return
        self._places[ask.run_id] = place
        self._began_at = self._begin(place.organisation_id)
        # What was closed at once counts as one: it took the database's time, and nothing of the pace.
        self._ended_at[place.organisation_id] = (
            self._began_at + found.taken + sum(claimed.parts - 1 for claimed in found.claimed)
        )
        if ask.is_probe and (found.taken or place.probed):
            place.probed = found.last_id if found.taken else 0
            return
        put_back_at, place.put_back_at = place.put_back_at, None
        is_full = found.taken >= ask.limit
        if ask.through is not None:
            place.behind_at = now if is_full else _earliest(now + LOOK_BEHIND, put_back_at)
        elif is_full:
            place.cursor, place.next_at = found.last_id, None
            place.behind_at = _earliest(place.behind_at or now + LOOK_BEHIND, put_back_at)
        else:
            again = now + min(max(place.pause, timedelta(seconds=took / LOOKING_SHARE)), LOOK_AT_LAST)
            place.pause = min(2 * place.pause, LOOK_AGAIN)
            place.cursor, place.behind_at = 0, None
            place.next_at = _earliest(again, found.next_due, put_back_at)

    def remind(self, run_id: int, due_at: datetime) -> None:
        """Note that a delivery of the run is due again at `due_at`."""
        place = self._places.get(run_id)
        if place is None:
            return
        if place.next_at is not None:
            place.next_at = min(place.next_at, due_at)
        elif place.behind_at is not None:
            place.behind_at = min(place.behind_at, due_at)

    def put_back(self, run_id: int, now: datetime) -> None:
        """Note that a claim of the run goes back to the queue, where the next look need not see it yet."""
        self.remind(run_id, now)
        if run_id in self._places:
            self._places[run_id].put_back_at = now


def _has_come(moment: datetime | None, now: datetime) -> bool:
    """Say whether it is time; a moment further ahead than any is set was set before the clock was put back."""
    return moment is None or moment <= now or moment - now > LOOK_AT_LAST


def _earliest(moment: datetime, *others: datetime | None) -> datetime:
    return min([moment, *(other for other in others if other is not None)])
