"""The reach of a run is a CSV file that opens in any spreadsheet and runs nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.audience.rules import LeftOut
from campaigns.core.spreadsheets import BYTE_ORDER_MARK, write_table
from campaigns.reach.counting.ladder import STANDINGS
from campaigns.reach.counting.queries import Counts, RunTable
from campaigns.reach.results.visibility import Show

#: How a hidden count is written: no number, so that it is not added up by mistake.
HIDDEN = "<20"

#: Columns in which a line's deliveries are counted once each; they add up to `planned`.
STANDING_COLUMNS = tuple(f"now_{rung}" for rung in STANDINGS)


def write_run(table: RunTable, *, show: Show, language: str) -> str:
    """Return the file of a run: a line a region, its name in `language`, figures as `show` lets them be seen."""
    # Of a run to few people even the name of a cause would tell of them.
    counts = table.total.by_cause if show(table.total.planned) is not None else {}
    causes = sorted(counts, key=lambda cause: (-(show(counts[cause]) or 0), cause))
    rows = _rows(table, causes, show=show, language=language)
    return BYTE_ORDER_MARK + write_table([_columns(causes), *rows])


def _columns(causes: list[str]) -> list[str]:
    return [
        "region_code",
        "region",
        "country",
        "planned",
        "accepted",
        "delivered",
        "delivered_by_carrier_only",
        "read",
        *STANDING_COLUMNS,
        *(f"failed_{cause or 'without_code'}" for cause in causes),
        *(f"left_out_{reason}" for reason in LeftOut),
    ]


def _rows(table: RunTable, causes: list[str], *, show: Show, language: str) -> Iterator[list[str | int]]:
    for line in table.regions:
        region = line.region
        named: list[str | int] = (
            ["", "", ""]
            if region is None
            else [shown_code(region.code), region.names.get(language) or region.name, region.country]
        )
        yield [*named, *(_written(show(count)) for count in _figures(line.counts, causes))]


def shown_code(code: str) -> str:
    """Return a region's code, '' for one of our own making (CC-Xnn), which means nothing to anybody else."""
    return "" if code[3:4] == "X" and code[4:].isdigit() else code


def _figures(counts: Counts, causes: list[str]) -> Iterator[int]:
    yield from (counts.planned, counts.accepted, counts.delivered, counts.by_carrier, counts.read)
    yield from (counts.by_rung.get(rung, 0) for rung in STANDINGS)
    yield from (counts.by_cause.get(cause, 0) for cause in causes)
    yield from (counts.left_out.get(reason, 0) for reason in LeftOut)


def _written(count: int | None) -> str | int:
    return HIDDEN if count is None else count
