"""Every bench still fits the code that it measures: what nobody runs from day to day breaks without a word."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import bench
from bench.large_instance import Size
from bench.pages import LIMITS, measure

BENCHES = sorted(path.stem for path in Path(bench.__file__).parent.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_imported(name: str) -> None:
    importlib.import_module(f"bench.{name}")


def test_pages_are_measured_by_their_paths() -> None:
    """Every page is opened, in an instance with little in it; of a few the figures are whole."""
    found = measure(
        "sqlite",
        Size(people=40, campaigns=4, places=42),
        times=1,
        only="/campaigns/<",
        at_once=False,
        beside_run=False,
    )
    page = found["pages"]["/campaigns/<int:campaign_id>"]
    assert {*LIMITS} - {"beside_p95_ms"} <= {*page}
    assert found["counts"] > 0
    assert "/campaigns/<int:campaign_id>?tab=people" in found["pages"]
    assert set(found["outside"]) <= set(found["pages"])
