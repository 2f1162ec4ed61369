"""Work that compares times waits while this machine's clock may not be believed.

Against a better clock (the database server's) the answer is plain. Where there is none, only a *step* can be seen:
the time of day and the time since the machine started come apart. A clock that is ahead when the process begins,
and stays so, cannot be seen at all: it looks like an outage. One that is behind is seen by the last sign of life.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from campaigns.core import clock

#: A clock that is set by more than this at once is not believed for a while; NTP slews what is less.
STEP = timedelta(minutes=1)
#: Largest difference to a better clock: times that one machine writes (an opt-out, the intent to call) are
#: compared with the clocks of others.
CLOCKS_APART = timedelta(seconds=10)
#: A clock that was set is believed after it went on evenly for so long, if the kernel says that NTP keeps it.
KEPT_SECONDS = 30.0
#: One that was set back is believed after so long in any case: what is late hurts less than what never comes.
SETTLED_SECONDS = 300.0
#: A process that begins so long after the last sign of life of one before it gives NTP time to set the clock.
LONG_SILENCE = timedelta(hours=1)
#: What `adjtimex` returns while nothing keeps the clock.
_TIME_ERROR = 5

_log = logging.getLogger(__name__)


def boot_seconds() -> float:
    """Return the seconds since the machine started, its sleep included; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def is_kept_by_ntp() -> bool:
    """Say whether the kernel knows that something keeps its clock right; False where it cannot be asked.

    Linux forgets it whenever somebody sets the clock, until NTP has looked at it again.
    """
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    # A `struct timex` of zeros asks and changes nothing; it has some 200 bytes.
    return adjtimex is not None and 0 <= adjtimex(ctypes.create_string_buffer(512)) < _TIME_ERROR


class ClockGuard:
    """Watches the clock of a process; may be asked by any thread, at every step if need be."""

    def __init__(
        self,
        *,
        is_judged: bool = False,
        last_sign: datetime | None = None,
        seconds: Callable[[], float] = boot_seconds,
        is_kept: Callable[[], bool] = is_kept_by_ntp,
    ) -> None:
        """Begin to watch.

        `is_judged`: somebody will `judge` it by a better clock, and it is not believed before. `last_sign` (UTC)
        is the latest time that was written down here before, as far as anybody knows.
        """
        self._seconds, self._is_kept, self._is_judged = seconds, is_kept, is_judged
        self._lock = threading.Lock()
        #: A time of day and the seconds that belong to it, which were believed last.
        self._known = self._read()
        #: The same of the clock that is not believed yet; None: it is.
        self._strange: tuple[datetime, float] | None = None
        #: Whether it is ahead of what was expected; a clock that is behind does harm only by being late.
        self._is_ahead = False
        self._is_wrong, self._is_told = is_judged, False
        if last_sign is not None and not is_judged:
            self._compare(last_sign)

    def is_astray(self) -> bool:
        """Say whether what compares times has to wait."""
        with self._lock:
            if self._is_judged:
                return self._is_wrong or abs(self._since(self._known)) > STEP
            if self._strange is None:
                return self._look()
            return self._wait(self._strange)

    def judge(self, apart: timedelta) -> None:
        """Take the word of a better clock that lies so far from this one, either way."""
        with self._lock:
            self._is_wrong = apart > CLOCKS_APART
            if not self._is_wrong:
                self._known = self._read()
            elif not self._is_told:
                words = "%.0f seconds lie between this clock and the database's: nothing is sent from here"
                _log.error(words, apart.total_seconds())
            self._is_told = self._is_wrong

    def _compare(self, last_sign: datetime) -> None:
        """Look at the clock as the process begins."""
        gap = self._known[0] - last_sign
        if gap < -STEP:
            self._known = last_sign, self._known[1]
            self._doubt(gap, f"the last sign of life here lies {-gap.total_seconds():.0f} seconds ahead")
        elif gap > LONG_SILENCE and not self._is_kept():
            self._known = last_sign, self._known[1]
            # An outage, or a clock that is wrong: nobody can tell. A machine that starts is set right by NTP soon.
            self._doubt(-STEP, f"the last sign of life here is {gap.total_seconds():.0f} seconds old")

    def _look(self) -> bool:
        off = self._since(self._known)
        if abs(off) > STEP:
            self._doubt(off, f"the clock of this machine was set by {off.total_seconds():.0f} seconds")
            return True
        # It may drift as slowly as it likes.
        self._known = self._read()
        return False

    def _doubt(self, off: timedelta, words: str) -> None:
        self._strange, self._is_ahead = self._read(), off > timedelta(0)
        until = "it is set back, NTP keeps it, or the worker is started again" if self._is_ahead else "it settles"
        _log.error("%s: nothing is sent from here and no time is compared until %s", words, until)

    def _wait(self, strange: tuple[datetime, float]) -> bool:
        """Say whether a clock that was set has to prove itself still."""
        if abs(self._since(self._known)) <= STEP:
            return self._believe("the clock of this machine is back where it was")
        off = self._since(strange)
        if abs(off) > STEP:
            self._doubt(self._since(self._known), "the clock of this machine was set again")
            return True
        waited = self._seconds() - strange[1]
        if waited >= KEPT_SECONDS and self._is_kept():
            return self._believe("NTP keeps the clock of this machine: it is believed")
        if waited >= SETTLED_SECONDS and not self._is_ahead:
            return self._believe("the clock of this machine goes evenly: it is believed")
        return True

    def _believe(self, words: str) -> bool:
        self._strange, self._known = None, self._read()
        _log.warning("%s", words)
        return False

    def _since(self, known: tuple[datetime, float]) -> timedelta:
        """Return by how much the clock left its course since a moment; negative: it is behind."""
        now, seconds = self._read()
        return now - known[0] - timedelta(seconds=seconds - known[1])

    def _read(self) -> tuple[datetime, float]:
        """Return the time of day and the seconds that belong to it, also where the process sleeps in between."""
        while True:
            seconds, now = self._seconds(), clock.now()
            if self._seconds() - seconds < 1.0:
                return now, seconds
