"""Processes in one thread, each an event loop of its own on one virtual clock, stopped or killed between steps.

A killed process never takes another step, and nothing it holds is cleaned up, as after `kill -9`. A paused one
goes on later with the memory it had, as after SIGSTOP; meanwhile its monotonic clock ran on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")


class HaltedError(BaseException):
    """Thrown into what a killed process left, when nothing it does can be seen any more."""


class Step:
    """One callback that a process will run, unless it is cancelled before."""

    __slots__ = ("_arguments", "_callback", "_context", "_is_cancelled", "_when")

    def __init__(
        self, callback: Callable[..., Any], arguments: tuple[Any, ...], context: Any, when: float
    ) -> None:
        self._callback, self._arguments = callback, arguments
        #: None: the callback does not care, and a context costs more than most callbacks.
        self._context = context
        self._when = when
        self._is_cancelled = False

    def run(self) -> None:
        if self._is_cancelled:
            return
        if self._context is None:
            self._callback(*self._arguments)
        else:
            self._context.run(self._callback, *self._arguments)

    def cancel(self) -> None:
        self._is_cancelled = True

    def cancelled(self) -> bool:
        return self._is_cancelled

    def when(self) -> float:
        return self._when


class Process(asyncio.AbstractEventLoop):
    """The event loop of one process; `Timeline` says when it takes a step."""

    def __init__(self, timeline: Timeline, name: str) -> None:
        self.name = name
        self.ready: deque[Step] = deque()
        self.timers: list[tuple[float, int, Step]] = []
        self.is_paused = self.is_dead = False
        #: When it last went on after a pause, in seconds since the world began.
        self.woke_at = 0.0
        #: How far its wall clock is from the true time, in seconds.
        self.clock_error = 0.0
        #: Steps until something strikes it; None: nothing will.
        self.fuse: int | None = None
        #: What its code let fall on the floor: errors nobody caught.
        self.faults: list[str] = []
        #: Where work is done that would keep the loop waiting.
        self.thread: Callable[..., Any] = _no_thread
        #: Called when it ends, however it does, as the kernel lets go of its locks.
        self.at_end: Callable[[], None] = lambda: None
        self._timeline = timeline
        self._tasks: list[asyncio.Task[Any]] = []
        self._numbers = count()

    def time(self) -> float:
        return self._timeline.now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None) -> Any:
        step = Step(callback, args, context, self._timeline.now)
        self.ready.append(step)
        return step

    def call_later(self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None) -> Any:
        return self.call_at(self._timeline.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None) -> Any:
        step = Step(callback, args, context, when)
        heappush(self.timers, (when, next(self._numbers), step))
        return step

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> Any:
        task = asyncio.Task(coro, loop=self, name=name or "task")
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], Any], *args: *Ts) -> Any:
        """Do what `asyncio.to_thread` asks for in the process's thread, if it has one."""
        return self.thread(func, *args)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_dead:
            self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")

    def wake_due(self) -> None:
        """Make ready what is due by now, in the order of its times."""
        while self.timers and self.timers[0][0] <= self._timeline.now:
            self.ready.append(heappop(self.timers)[2])

    def next_at(self) -> float | None:
        """Return when the next timer rings."""
        while self.timers and self.timers[0][2].cancelled():
            heappop(self.timers)
        return self.timers[0][0] if self.timers else None

    def step(self) -> None:
        """Run one callback; the timeline has made this loop the running one."""
        self.ready.popleft().run()

    def kill(self) -> None:
        """End it on the spot. What its coroutines still do on their way out reaches nobody: it is dead by then."""
        self.is_dead = True
        self.at_end()
        self.ready.clear()
        self.timers.clear()
        asyncio._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    # Never to be finished, so nobody has to be told that it was not.
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _bury(task.get_coro())  # type: ignore[arg-type]
        finally:
            asyncio._set_running_loop(None)
        self._tasks.clear()
        self.ready.clear()
        self.timers.clear()


def _no_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    raise RuntimeError("This process has no thread.")


def _bury(coroutine: Coroutine[Any, Any, Any]) -> None:
    while True:
        try:
            coroutine.throw(HaltedError())
        except BaseException:
            return


class Timeline:
    """The one clock: runs steps of processes in an order that chance decides, then moves on to the next moment."""

    def __init__(self, chance: Random) -> None:
        #: True time, in seconds since the world began.
        self.now = 0.0
        #: Whose step it is; None: something outside of every process happens.
        self.current: Process | None = None
        #: The process whose loop asyncio holds for the running one; it may be that of the step before.
        self._running: Process | None = None
        self.processes: list[Process] = []
        #: Called when a process's fuse has burnt down, between two of its steps.
        self.strike: Callable[[Process], None] = Process.kill
        self.steps = 0
        self._chance = chance
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def start(self, name: str) -> Process:
        """Begin a process without anything to do."""
        # Abstract in its types only: what no engine calls is left out.
        process = Process(self, name)  # type: ignore[abstract]
        self.processes.append(process)
        return process

    def end(self, process: Process) -> None:
        """Kill a process."""
        self.processes.remove(process)
        process.kill()
        self._running = None

    def at(self, when: float, act: Callable[[], object]) -> None:
        """Let something outside of every process happen at a time."""
        heappush(self._events, (max(when, self.now), next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something outside of every process happen so many seconds from now."""
        self.at(self.now + seconds, act)

    def shown(self) -> float:
        """Return the seconds since the world began as the clock of whoever asks shows them."""
        return self.now + (self.current.clock_error if self.current is not None else 0.0)

    def is_empty(self) -> bool:
        """Say whether nothing more will happen outside of the processes."""
        return not self._events

    def run(self, until: Callable[[], bool], *, limit: float) -> bool:
        """Go on until `until()` is true, and return True; or for `limit` seconds."""
        end = self.now + limit
        try:
            while not until():
                if self._run_all_ready():
                    continue
                following = self._next_at()
                if following is None or following > end:
                    self.now = max(self.now, end)
                    return False
                self.now = max(self.now, following)
                self._happen()
            return True
        finally:
            self._make_running(None)

    def _run_all_ready(self) -> bool:
        """Run what is ready until nothing is; say whether there was anything."""
        before = self.steps
        try:
            while able := [process for process in self.processes if process.ready and not process.is_paused]:
                self._step(able[0] if len(able) == 1 else self._chance.choice(able))
        finally:
            self.current = None
        return self.steps > before

    def _step(self, process: Process) -> None:
        if process is not self._running:
            self._make_running(process)
        self.current = process
        self.steps += 1
        process.step()
        if process.fuse is not None:
            process.fuse -= 1
            if process.fuse <= 0:
                self.current = None
                self.strike(process)

    def _make_running(self, process: Process | None) -> None:
        """Tell asyncio whose loop runs: only when it is another's, because that costs more than most steps."""
        self._running = process
        asyncio._set_running_loop(process)

    def _next_at(self) -> float | None:
        moments = [process.next_at() for process in self.processes if not process.is_paused]
        if self._events:
            moments.append(self._events[0][0])
        return min((moment for moment in moments if moment is not None), default=None)

    def _happen(self) -> None:
        while self._events and self._events[0][0] <= self.now:
            heappop(self._events)[2]()
        for process in self.processes:
            if not process.is_paused:
                process.wake_due()
