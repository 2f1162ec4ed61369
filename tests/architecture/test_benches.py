"""Every bench still fits the code that it measures: what nobody runs from day to day breaks without a word."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import bench
from bench.harness import fresh_database
from bench.large_instance import Size, seed_instance
from bench.pages import LIMITS, measure, sign_in
from campaigns.audience.figures import init_counts
from tests.web.pages import make_pages

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


#: A page may look once more whether there is something before or after what it lists.
MORE_QUERIES = 1


def queries_of(size: Size) -> dict[str, int]:
    """Return how many statements each page of staff takes once it was opened before."""
    with fresh_database("sqlite") as engine:
        seeded = seed_instance(engine, size)
        with make_pages(engine, owners_twilio="bench") as pages:
            init_counts(pages.app)
            reader = sign_in(pages, seeded, only="")
            return {path: min(reader.open(path).queries for _ in range(2)) for path in reader.addresses}


@pytest.mark.long
def test_no_page_asks_more_where_there_is_more() -> None:
    few, many = queries_of(Size(people=40, campaigns=5, places=45)), queries_of(Size(40, 30, 100))
    assert {path: (few[path], many[path]) for path in few if many[path] > few[path] + MORE_QUERIES} == {}
