"""Many worlds, one after the other or on several cores, and what became of them in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from tests.simulation.mishaps import draw_world
from tests.simulation.quick import QuickWorld
from tests.simulation.stage import Outcome
from tests.simulation.verdict import lost
from tests.simulation.world import World

#: Seeds that one core is given at a time.
PORTION = 25


@dataclass(slots=True)
class Tally:
    """The sum of many worlds."""

    counts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    #: What was broken, by seed.
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one world."""
        self.counts.update(outcome.counts)
        self.counts["seeds"] += 1
        self.counts["doubles"] += outcome.doubles
        self.counts["lost"] += lost(outcome.broken)
        self.counts["after stop"] += outcome.after_stop
        self.states.update(outcome.states)
        if outcome.broken:
            self.broken[outcome.plan.seed] = outcome.broken

    def join(self, other: Tally) -> None:
        """Count what another core has seen."""
        self.counts.update(other.counts)
        self.states.update(other.states)
        self.broken.update(other.broken)


def simulate(seeds: Iterable[int], *, is_quick: bool = False, most_broken: int | None = None) -> Tally:
    """Live through the worlds of these seeds; stop after so many that broke a promise."""
    tally, kind = Tally(), QuickWorld if is_quick else World
    for seed in seeds:
        tally.add(kind(draw_world(seed)).live())
        if most_broken is not None and len(tally.broken) >= most_broken:
            break
    return tally


def simulate_on(processes: int, seeds: Iterable[int], *, is_quick: bool = False) -> Tally:
    """Do the same on several cores; the figures are those of one."""
    tally, remaining = Tally(), iter(seeds)
    portions = iter(partial(_portion, remaining), [])
    with ProcessPoolExecutor(processes) as pool:
        for part in pool.map(partial(simulate, is_quick=is_quick), portions):
            tally.join(part)
    return tally


def trace_of(outcome: Outcome) -> list[str]:
    """Return a world as lines of text: its plan, all that happened, and what was broken."""
    lines = [f"seed {outcome.plan.seed}", f"{outcome.plan}"]
    lines += [f"{at:10.3f}  {what:28} {of}" for at, what, of in outcome.trace]
    return lines + [f"broken: {promise}" for promise in outcome.broken]


def _portion(seeds: Iterable[int]) -> list[int]:
    return list(islice(seeds, PORTION))
