"""`python -m tests.simulation --seeds 2000`: live through many worlds and print figures, or one world in full."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial

from tests.simulation.hunt import hunt
from tests.simulation.mishaps import draw_world
from tests.simulation.quick import QuickWorld
from tests.simulation.tally import Tally, simulate, simulate_on, trace_of
from tests.simulation.world import World

#: Broken promises that are printed.
SHOWN = 10


def main() -> int:
    """Run what the command line asks for; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="the engine alone, on a store in memory")
    parser.add_argument("--trace", type=int, metavar="SEED", help="print everything that happens in one world")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--machine", type=int, metavar="EXAMPLES", help="let Hypothesis try orders of acts")
    parser.add_argument("--steps", type=int, default=60, help="most steps of an example")
    options = parser.parse_args()
    if options.trace is not None:
        kind = QuickWorld if options.quick else World
        outcome = kind(draw_world(options.trace)).live()
        sys.stdout.write("\n".join(trace_of(outcome)) + "\n")
        return 1 if outcome.broken else 0
    started = time.monotonic()
    if options.machine is not None:
        found = hunt(examples=options.machine, steps=options.steps, first=options.first)
        sys.stdout.write(json.dumps({"seconds": round(time.monotonic() - started, 1), **found}) + "\n")
        return 0
    seeds = range(options.first, options.first + options.seeds)
    alone = options.processes == 1
    tally = (simulate if alone else partial(simulate_on, options.processes))(seeds, is_quick=options.quick)
    figures = {"seconds": round(time.monotonic() - started, 1), **tally.counts, "states": dict(tally.states)}
    sys.stdout.write(json.dumps(figures) + "\n" if options.json else _in_words(figures, tally))
    return 1 if tally.broken else 0


def _in_words(figures: dict[str, object], tally: Tally) -> str:
    lines = [f"{name:22} {value}" for name, value in figures.items()]
    for seed, promises in sorted(tally.broken.items())[:SHOWN]:
        lines.append(f"seed {seed} (--trace {seed} shows it): {promises[0]}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
