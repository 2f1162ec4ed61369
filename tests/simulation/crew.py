"""The workers of a world: begun, struck, paused, told to stop, cut off from the database, on wrong clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

from tests.simulation.oracle import Oracle
from tests.simulation.plan import WEB, Plan
from tests.simulation.processes import Process, Timeline
from tests.simulation.workers import Link, Worker

#: Number of the worker that sends nothing.
KEEPER = 99
#: A worker that is told to stop is gone after so many seconds, those in which it sleeps apart.
STOPS_WITHIN = 15.0


class Crew:
    """Every worker by its number; a killed one is followed by another with the same number."""

    def __init__(
        self,
        plan: Plan,
        chance: Random,
        *,
        timeline: Timeline,
        oracle: Oracle,
        hire: Callable[..., Worker],
    ) -> None:
        """Prepare a crew; `hire` begins a worker in a process, with its link to the database and its window."""
        self.plan, self.chance = plan, chance
        self.timeline, self.oracle, self._hire = timeline, oracle, hire
        self.workers: dict[int, Worker] = {}
        self.counts: Counter[str] = Counter()
        #: Nothing strikes any more; and nobody begins beside the keeper.
        self.is_calm = self.is_quiet = False
        #: Told when the database takes nothing down any more, and when it does again.
        self.on_read_only: Callable[[bool], None] = lambda is_read_only: None
        timeline.strike = self.strike

    def schedule(self) -> None:
        """Begin the workers, and put in store what the plan does to them."""
        plan, timeline = self.plan, self.timeline
        for whose, start, end in plan.cuts:
            timeline.at(start, partial(self.cut, whose))
            timeline.at(end, partial(self.mend, whose))
        for when, whose, error in plan.jumps:
            timeline.at(when, partial(self.jump, whose, error))
        for when, whose, error, until in plan.steps:
            timeline.at(when, partial(self._step, whose, error))
            timeline.at(until, partial(self.jump, whose, 0.0))
        for start, end in plan.read_only:
            timeline.at(start, self._take_writing_away)
            timeline.at(end, self._give_writing_back)
        for when in plan.restarts:
            timeline.at(when, lambda: self.restart(self.chance.randrange(plan.workers)))
        for number in range(plan.workers):
            self.start(number)

    def start(self, number: int) -> Worker:
        """Begin a worker."""
        process = self.timeline.start(f"worker {number}")
        if self.plan.blow_steps is not None and not self.is_calm and number != KEEPER:
            process.fuse = self._fuse()
        link = Link(
            self.timeline,
            self.chance,
            is_cut=lambda: self.is_cut_off(process.name),
            lost_commits=0.0 if self.is_calm else self.plan.lost_commits,
            broken_off=0.0 if self.is_calm else self.plan.broken_off,
        )
        window = None if number == KEEPER else self.plan.window
        worker = self.workers[number] = self._hire(process, link, window=window)
        self.oracle.note("starts", process.name)
        return worker

    def stop(self, number: int) -> None:
        """Tell a worker to stop, and wait until it is gone; nothing strikes it meanwhile."""
        worker = self.workers.get(number)
        if worker is None:
            return
        worker.process.fuse = None
        worker.stopping.set()
        self.timeline.run(lambda: worker.task.done() or worker.process.is_dead, limit=20.0)
        if self.workers.get(number) is worker:
            self._end(number)

    def _end(self, number: int) -> None:
        worker = self.workers.pop(number)
        if worker.process.faults or (worker.task.done() and worker.task.exception() is not None):
            self.oracle.blame(f"the worker broke: {worker.process.faults} {worker.task}")
        self.timeline.end(worker.process)

    def strike(self, process: Process) -> None:
        """Kill a process, or let it sleep, and let it go on (or another begin) later."""
        number = _number_of(process)
        if self.chance.random() < self.plan.pauses:
            process.fuse = self._fuse()
            self.put_to_sleep(number, self.chance.uniform(1.0, self.plan.longest_pause))
            return
        self.counts["crashes"] += 1
        self.oracle.note("KILLED", process.name)
        self.workers.pop(number)
        self.timeline.end(process)
        self.timeline.after(self.chance.uniform(0.0, 10.0), partial(self.revive, number))

    def put_to_sleep(self, number: int, seconds: float) -> None:
        """Pause a worker as SIGSTOP does."""
        process = self.workers[number].process
        self.counts["pauses"] += 1
        self.oracle.note(f"sleeps {seconds:.0f} s", process.name)
        process.is_paused = True
        self.timeline.after(seconds, partial(self._wake, process))

    def number_at_work(self) -> int:
        """Return the number of the worker whose step this is."""
        assert self.timeline.current is not None
        return _number_of(self.timeline.current)

    def wake_all(self) -> None:
        """Let every paused worker go on, as after SIGCONT."""
        for process in self.timeline.processes:
            self._wake(process)

    def _fuse(self) -> int:
        return 1 + int(self.chance.expovariate(1 / (self.plan.blow_steps or 1.0)))

    def revive_all(self) -> None:
        """Let a new worker begin in the place of each that is gone."""
        for number in range(self.plan.workers):
            self.revive(number)

    def revive(self, number: int) -> None:
        """Let a new worker begin in the place of one that is gone."""
        if number not in self.workers and not self.is_quiet:
            self.start(number)

    def sleepers(self) -> list[Process]:
        """Return the workers that are paused."""
        return [process for process in self.timeline.processes if process.is_paused]

    def _wake(self, process: Process) -> None:
        if process.is_paused:
            process.is_paused, process.woke_at = False, self.timeline.now
            process.wake_due()
            self.oracle.note("wakes", process.name)

    def restart(self, number: int) -> None:
        """Tell a worker to stop; another begins when it is gone."""
        worker = self.workers.get(number)
        if worker is not None and not worker.stopping.is_set():
            worker.process.call_soon(worker.stopping.set)
            self.oracle.note("told to stop", worker.process.name)
            self.timeline.after(STOPS_WITHIN, partial(self._replace, number, worker))

    def _replace(self, number: int, worker: Worker) -> None:
        if self.workers.get(number) is not worker:
            return
        process = worker.process
        left = process.woke_at + STOPS_WITHIN - self.timeline.now
        if not process.is_paused and not worker.task.done():
            if left > 0:
                # It slept when it was told.
                self.timeline.after(left, partial(self._replace, number, worker))
                return
            self.oracle.blame(f"{process.name} did not stop within {STOPS_WITHIN:.0f} s")
        self._end(number)
        self.start(number)

    def cut(self, whose: int | None) -> None:
        """Take the database out of reach: of one worker, or (None) of everybody, callbacks and members too."""
        for name in self._names(whose):
            self.oracle.cut_since.setdefault(name, self.timeline.now)
        self.oracle.note("the database is out of reach", ", ".join(self._names(whose)))

    def mend(self, whose: int | None) -> None:
        """Bring it back."""
        for name in self._names(whose):
            if self.oracle.cut_since.pop(name, None) is not None:
                self.oracle.note("the database is back", name)

    def _take_writing_away(self) -> None:
        if not self.is_calm:
            self.oracle.read_only_since = self.timeline.now
            self.oracle.faults["read-only servers"] += 1
            self.oracle.note("the database is read-only")
            self.on_read_only(True)

    def _give_writing_back(self) -> None:
        self.oracle.read_only_since = None
        self.on_read_only(False)

    def mend_everything(self) -> None:
        """End every fault of workers, once and for all."""
        self.is_calm = True
        self.oracle.note("everything is mended")
        self.mend(None)
        self._give_writing_back()
        for worker in self.workers.values():
            worker.calm()
        for process in self.timeline.processes:
            process.fuse, process.clock_error = None, 0.0
        self.wake_all()

    def _names(self, whose: int | None) -> list[str]:
        everybody = [f"worker {number}" for number in range(self.plan.workers)] + ["web"]
        if whose == WEB:
            return ["web"]
        return everybody if whose is None else [f"worker {whose}"]

    def is_cut_off(self, name: str | None) -> bool:
        """Say whether a process (None: the web) has no database."""
        if name is None and self.oracle.read_only_since is not None:
            # Who must write something down to answer cannot.
            return True
        return (name or "web") in self.oracle.cut_since

    def _step(self, whose: int, error: float) -> None:
        if whose in self.workers and not self.is_calm:
            self.oracle.faults[f"clock set by {error / 3600:+.0f} h"] += 1
            self.jump(whose, error)

    def jump(self, whose: int, error: float) -> None:
        """Set the clock of a worker wrong by so many seconds."""
        worker = self.workers.get(whose)
        if worker is not None and not self.is_calm:
            worker.process.clock_error = error
            self.oracle.note(f"clock is {error:+.0f} s wrong", worker.process.name)


def _number_of(process: Process) -> int:
    return int(process.name.split()[1])
