"""A worker's lifeline proves, for each claim, that the database still holds all that this machine has seen.

A restored backup has forgotten calls that were made, and its queue would make them again. What it cannot take
back is a mark outside of it. The order is: a claim is committed, with a number that this worker raises in the same
transaction; the mark of that number is on the disk; the calls of the claim begin. And a number is raised only
where the database's own is not below the mark. From these follows:

- Of a call that began, the mark tells (that one or a later one). A database that lacks its claim lacks the number
  of that claim as well, since both are one commit. So it is below the mark, and this worker claims nothing in it.
- Dying at any point leaves the database at the mark or ahead of it, never behind: a crash latches nothing.
- An acknowledgement that was lost leaves the database ahead or level. A number that was tried is not tried again.

Signs of life raise the number too, so a worker that claimed nothing since the backup notices as well. A database
without a mark here was never served from this machine, so it may be a copy. Another worker that moves on while we
watch is the witness that it is none; without a witness it is latched. The identity of its place (`places.py`)
shows most copies even without a mark. The latch is a row of the database, which each claim reads in its own
statement.

After a silence longer than GAP_SECONDS nobody claims before the providers' lists were asked: a snapshot of a
machine takes database and mark back together, and only those lists tell. `heard` says that this was done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Update, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.latch import hold_instance, latch
from campaigns.continuity.marks import Mark, read_marks, take_mark_file
from campaigns.continuity.models import ONLY, Instance, LatchReason, Pulse
from campaigns.continuity.places import files_of, is_there, place_of, timeline_in
from campaigns.continuity.raising import is_latched, raising
from campaigns.core import clock
from campaigns.core.errors import DamagedDataError

#: Seconds between two signs of life, and the silence after which the providers are asked first.
BEAT_SECONDS, GAP_SECONDS = 2.0, 60.0
#: A machine that a database does not know waits so long for a sign of another worker, in seconds.
WATCH_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Standing(StrEnum):
    """Whether a worker may claim."""

    #: It has not looked yet, or what it found did not fit: it looks again.
    UNSURE = "unsure"
    #: This machine does not know the database: it watches whether another worker serves it.
    WATCHING = "watching"
    LATCHED = "latched"
    #: Nobody gave a sign of life for a while: the providers are asked first.
    LISTENING = "listening"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """One raise of a worker's number, with what must be true of the database for it."""

    pulse: str
    number: int
    #: The number that the database must have reached.
    mark: int
    #: The worker's last sign of life must be later.
    lately: datetime
    #: Timeline that the server must be on; None where it has none, or does not tell.
    timeline: str | None

    def parameters(self) -> dict[str, Any]:
        """Return what its statement is executed with."""
        found = {"pulse": self.pulse, "step": self.number, "mark": self.mark, "lately": self.lately}
        return found if self.timeline is None else found | {"timeline": self.timeline}

    def statement(self) -> Update:
        """Return the raise itself, as a claim carries it."""
        return raising(has_timeline=self.timeline is not None)


class Lifeline:
    """The lifeline of one worker, shared by the threads that claim, look and give signs of life."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        marks: Path,
        *,
        last_intent: Callable[[Session], datetime | None] = lambda session: None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a lifeline; `marks` is how the paths of this machine's marks begin.

        `last_intent` tells when a database that knows no sign of life was last claimed from. Raises SettingsError
        when no mark can be written.
        """
        self._sessions, self._marks, self._last_intent, self._seconds = sessions, marks, last_intent, seconds
        self._file = take_mark_file(marks)
        #: Held from a raise of the number until its mark is written.
        self.lock = threading.Lock()
        self.standing = Standing.UNSURE
        #: The last sign of life before the silence, while LISTENING.
        self.since: datetime | None = None
        self._timeline: str | None = None
        #: The highest number tried, whether or not it was committed.
        self._tried = 0
        self._beat_at = float("-inf")
        #: When the watch for another worker began, and the numbers of the pulses then.
        self._watch: tuple[float, dict[str, int]] | None = None

    def is_open(self) -> bool:
        """Say whether something may leave this instance, as far as was seen last."""
        return self.standing is Standing.OPEN

    def look(self, connection: Connection) -> bool:
        """Say whether something may leave this instance now."""
        if self.is_open() and connection.scalar(is_latched()) is not None:
            self.standing = Standing.UNSURE
        return self.is_open()

    def step(self) -> Step | None:
        """Return the next step, for a claim, or None while nothing may be claimed; the caller holds `lock`."""
        return self._next_step() if self.is_open() else None

    def confirm(self, step: Step) -> None:
        """Write the mark of a step that was committed. Raises OSError, and then nothing may be called by it."""
        try:
            self._file.write(replace(self._own_mark(), number=step.number))
        except OSError:
            self.standing = Standing.UNSURE
            raise

    def tend(self) -> Standing:
        """Give a sign of life when it is time, or find out where this worker stands; to be called each second.

        Raises SQLAlchemyError when the database does not answer, and OSError when the mark cannot be written.
        """
        with self.lock:
            if not self.is_open():
                self._find_out()
            elif self._seconds() - self._beat_at >= BEAT_SECONDS:
                self._beat()
            return self.standing

    def heard(self) -> None:
        """Note that the providers were asked and list nothing unknown: the silence is over."""
        with self.lock:
            if self.standing is Standing.LISTENING:
                self._begin()

    def suspect(self) -> None:
        """Latch the instance, because a provider lists messages that the database does not know."""
        with self.lock, self._sessions.begin() as session:
            latch(session, LatchReason.LISTED)
            self.standing = Standing.LATCHED

    def close(self) -> None:
        """Let the next worker of this machine continue the mark; the caller claims nothing any more."""
        with self.lock:
            self.standing = Standing.UNSURE
            self._file.close()

    def _next_step(self) -> Step:
        mark = self._own_mark()
        self._tried += 1
        lately = clock.now() - timedelta(seconds=GAP_SECONDS)
        return Step(mark.pulse, self._tried, mark.number, lately, self._timeline)

    def _own_mark(self) -> Mark:
        if self._file.last is None:
            raise DamagedDataError("A worker without a mark must not claim.")
        return self._file.last

    def _beat(self) -> None:
        if not self._give_sign():
            # Behind, latched, moved, or silent for too long: what it is, the next look finds out.
            self.standing = Standing.UNSURE
            # A file that was replaced is opened anew.
            self._sessions.kw["bind"].dispose()

    def _begin(self) -> None:
        self.standing = Standing.OPEN if self._give_sign(is_first=True) else Standing.UNSURE
        if self.is_open():
            self.since = None
            _log.info("this worker may send")

    def _give_sign(self, *, is_first: bool = False) -> bool:
        """Raise the number with a sign of life; the first one ends a silence. Say whether the database fits."""
        step, began = self._next_step(), self._seconds()
        given = step.parameters() | {"now": clock.now()}
        statement = raising(is_sign=True, is_first=is_first, has_timeline=step.timeline is not None)
        with self._sessions.begin() as session:
            instance = session.get(Instance, ONLY)
            if instance is None or not is_there(session.connection(), instance):
                return False
            raised: Any = session.execute(statement, given)
            if not raised.rowcount:
                return False
        self.confirm(step)
        self._beat_at = began
        return True

    def _find_out(self) -> None:
        """Judge the database, and latch it or join it."""
        # Read before the database is: the other workers of this machine raise their numbers first and mark them
        # then, so what was marked by now the database holds, while a later mark may be ahead of what we read.
        marks = read_marks(self._marks)
        with self._sessions.begin() as session:
            instance = hold_instance(session)
            pulses = {pulse.id: pulse for pulse in session.scalars(select(Pulse))}
            self.standing = self._judge(session, instance, pulses, marks)
            if self.standing is not Standing.LISTENING:
                return
            pulse = self._join(session, instance, pulses)
            self.since = _last_sign(instance, pulses) or self._last_intent(session)
        # The pulse is committed and has claimed nothing yet: whoever dies here leaves nothing that misleads.
        last = self._file.last
        if last is None or (last.code, last.epoch, last.pulse) != (instance.code, instance.epoch, pulse.id):
            self._file.write(Mark(instance.epoch, pulse.number, instance.code, pulse.id))
        self._tried = max(self._tried, pulse.number)
        if self.since is None or clock.now() - self.since <= timedelta(seconds=GAP_SECONDS):
            self._begin()

    def _judge(
        self, session: Session, instance: Instance, pulses: Mapping[str, Pulse], marks: list[Mark]
    ) -> Standing:
        """Return LATCHED, WATCHING or, when the database fits what this machine knows of it, LISTENING."""
        if instance.latched_at is not None:
            return Standing.LATCHED
        reason = _contradiction(session.connection(), instance, pulses, marks)
        # After a release nobody has sent yet, and whoever comes first may come from anywhere.
        if reason is None and not marks and any(pulse.seen_at is not None for pulse in pulses.values()):
            if not self._has_watched_enough(pulses):
                return Standing.WATCHING
            reason = None if self._is_witnessed(pulses) else LatchReason.STRANGER
        if reason is not None:
            latch(session, reason)
            return Standing.LATCHED
        return Standing.LISTENING

    def _has_watched_enough(self, pulses: Mapping[str, Pulse]) -> bool:
        if self._watch is None:
            self._watch = self._seconds(), {pulse.id: pulse.number for pulse in pulses.values()}
            _log.info("this machine does not know the database; it waits for a sign of another worker")
        return self._is_witnessed(pulses) or self._seconds() - self._watch[0] >= WATCH_SECONDS

    def _is_witnessed(self, pulses: Mapping[str, Pulse]) -> bool:
        """Say whether another worker moved on while this one watched: its own mark agrees, or it could not."""
        before = {} if self._watch is None else self._watch[1]
        return any(pulse.number > before.get(pulse.id, pulse.number) for pulse in pulses.values())

    def _join(self, session: Session, instance: Instance, pulses: Mapping[str, Pulse]) -> Pulse:
        """Return this worker's pulse, which continues the mark that it holds or begins a new one."""
        place = place_of(session.connection())
        instance.place = instance.place or place
        self._timeline = timeline_in(place)
        last = self._file.last
        if (
            last is not None
            and (last.code, last.epoch) == (instance.code, instance.epoch)
            and last.pulse in pulses
        ):
            return pulses[last.pulse]
        pulse = Pulse(id=uuid4().hex, number=0)
        session.add(pulse)
        session.flush()
        return pulse


def lifeline_of(
    sessions: sessionmaker[Session], state: Path, *, last_intent: Callable[[Session], datetime | None]
) -> Lifeline | None:
    """Return the lifeline of a worker of this machine; None where the database ends with its process.

    Raises SettingsError when no mark can be written.
    """
    url = sessions.kw["bind"].url
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return None
    return Lifeline(sessions, files_of(url, state, "mark"), last_intent=last_intent)


def _contradiction(
    connection: Connection, instance: Instance, pulses: Mapping[str, Pulse], marks: list[Mark]
) -> LatchReason | None:
    """Return what shows that this database is not the one that this machine has seen, or has gone back."""
    if not is_there(connection, instance):
        return LatchReason.MOVED
    for mark in marks:
        if mark.code in instance.forgiven:
            continue
        if mark.code != instance.code:
            return LatchReason.MOVED
        pulse = pulses.get(mark.pulse)
        is_behind = mark.epoch == instance.epoch and (pulse is None or pulse.number < mark.number)
        # A mark of an earlier epoch is of before a release, which has judged it.
        if is_behind or mark.epoch > instance.epoch:
            return LatchReason.BEHIND
    return None


def _last_sign(instance: Instance, pulses: Mapping[str, Pulse]) -> datetime | None:
    """Return when a worker, or the operator who released it, was last heard of in a database."""
    signs = [pulse.seen_at for pulse in pulses.values()] + [instance.released_at]
    return max((sign for sign in signs if sign is not None), default=None)
