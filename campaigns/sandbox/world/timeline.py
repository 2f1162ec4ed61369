"""The sandbox's clock and agenda run in real time, faster, or as they are moved by hand."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Any

#: Entries run in one go before other tasks get the loop; keeps answers quick while thousands of stages fall due.
_BATCH = 200
#: Seconds of real time; what falls due within is run together, since a timer costs more than most stages.
_SHORTEST_WAIT = 0.001


class Timeline:
    """An agenda of calls ordered by due time; `now()` is seconds since the epoch on this clock."""

    def __init__(self) -> None:
        self.factor = 1.0
        self._epoch = time.time()
        self._mark = time.monotonic()
        self._agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        """Return how many calls are still to come."""
        return len(self._agenda)

    def now(self) -> float:
        """Return the present in seconds since the epoch."""
        return self._epoch + (time.monotonic() - self._mark) * self.factor

    def after(self, delay: float, call: Callable[..., None], *args: Any) -> None:
        """Run `call(*args)` once, `delay` seconds of this clock from now."""
        number = next(self._order)
        heapq.heappush(self._agenda, (self.now() + delay, number, call, args))
        if self._timer is None or self._agenda[0][1] == number:
            self._arm()

    def set_factor(self, factor: float) -> None:
        """Run `factor` times as fast as real time; 0 stands still until `advance`."""
        self._move_to(self.now())
        self.factor = factor
        self._arm()

    async def advance(self, seconds: float) -> None:
        """Move the clock forward and run everything that falls due on the way, each at its own time."""
        target = self.now() + seconds
        while self._agenda and self._agenda[0][0] <= target:
            self._move_to(max(self.now(), self._agenda[0][0]))
            self._run_due(_BATCH)
            await asyncio.sleep(0)
        self._move_to(max(self.now(), target))
        self._arm()

    def clear(self) -> None:
        """Forget every call still to come and return to the real clock."""
        self._agenda.clear()
        self._move_to(time.time())
        self.factor = 1.0
        self._arm()

    def _move_to(self, moment: float) -> None:
        self._epoch, self._mark = moment, time.monotonic()

    def _run_due(self, limit: int) -> None:
        now = self.now()
        while limit and self._agenda and self._agenda[0][0] <= now:
            _, _, call, args = heapq.heappop(self._agenda)
            call(*args)
            limit -= 1

    def _tick(self) -> None:
        self._timer = None
        try:
            self._run_due(_BATCH)
        finally:
            self._arm()

    def _arm(self) -> None:
        if not self._agenda or not self.factor:
            self._disarm()
            return
        wait = max(_SHORTEST_WAIT, (self._agenda[0][0] - self.now()) / self.factor)
        due_at = time.monotonic() + wait
        if self._timer and self._timer_at <= due_at + _SHORTEST_WAIT:
            return
        self._disarm()
        self._timer, self._timer_at = asyncio.get_running_loop().call_later(wait, self._tick), due_at

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
