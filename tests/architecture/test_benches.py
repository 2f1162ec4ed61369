"""Every bench still fits the code that it measures: what nobody runs from day to day breaks without a word."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import bench

BENCHES = sorted(path.stem for path in Path(bench.__file__).parent.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_imported(name: str) -> None:
    importlib.import_module(f"bench.{name}")
