"""Whether each stage of a campaign takes as long for each person, and as much memory, however many there are.

The stages of `bench.million` are run with more and more people. Each size is told as seconds and megabytes on disk
for a million people, and megabytes of memory. `spread` of a stage is how much longer a million takes at the
slowest size than at the quickest; at most 0.15. `grown_mb` is how much more memory the largest size needs than the
smallest; at most 50.
"""

from __future__ import annotations

from typing import Any

import click

from bench.harness import measures_each
from bench.million import MOST_GROWN_MB, run_stages
from bench.stages import MEASURED

SIZES = (250_000, 500_000, 1_000_000, 2_000_000)
MOST_SPREAD = 0.15
MILLION = 1_000_000


def measure(kind: str, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return each stage's figures by size (people), and whether they stay level."""
    found = {people: run_stages(kind, people) for people in sorted(sizes)}
    stages = {name: _growth({people: found[people][name] for people in found}) for name in MEASURED}
    return {
        "database_mb": {people: round(found[people]["database_mb"] * MILLION / people) for people in found},
        "most_spread": max(stage["spread"] for stage in stages.values()),
        "most_grown_mb": max(stage["grown_mb"] for stage in stages.values()),
        "is_within_limit": all(
            stage["spread"] <= MOST_SPREAD and stage["grown_mb"] <= MOST_GROWN_MB for stage in stages.values()
        ),
        **stages,
    }


def _growth(found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Return one stage's figures of all sizes, smallest first."""
    seconds = {people: round(took["seconds"] * MILLION / people, 1) for people, took in found.items()}
    peaks = [took["peak_mb"] for took in found.values()]
    return {
        "seconds_a_million": seconds,
        "peak_mb": dict(zip(found, peaks, strict=True)),
        "spread": round(max(seconds.values()) / min(seconds.values()) - 1, 2),
        "grown_mb": round(peaks[-1] - peaks[0], 1),
    }


@click.command()
@click.option("--people", type=int, multiple=True, default=SIZES, show_default=True)
@measures_each
def main(kind: str, people: tuple[int, ...]) -> dict[str, Any]:
    """Run the stages of a campaign with more and more people: seconds and megabytes for a million of them."""
    return measure(kind, people)


if __name__ == "__main__":
    main()
