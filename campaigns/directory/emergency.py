"""A pure table has each country's number for emergencies, which stands where no verified service fits.

The table is libphonenumber's list of short numbers for emergencies. No number of it was ever called as a test, and
none may be: what a member adds rests on a document.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """What the table says of one country."""

    #: Alpha-2.
    country: str
    #: Every number that it knows, each for some service.
    numbers: tuple[str, ...]
    #: The number that answers for every emergency; None: there is none, and a member has to say which to name.
    single_number: str | None
    source: str


@cache
def all_emergency_rows() -> dict[str, EmergencyRow]:
    """Return the table by country code."""
    with (files("campaigns.directory") / "data" / "emergency.csv").open(encoding="utf-8") as lines:
        return {row["country"]: _row(row) for row in csv.DictReader(lines)}


def emergency_numbers(confirmed: Mapping[str, str]) -> dict[str, str]:
    """Return the number to name in each country: the one that a member has `confirmed`, else the table's."""
    single = {code: row.single_number for code, row in all_emergency_rows().items() if row.single_number}
    return single | dict(confirmed)


def _row(row: Mapping[str, str]) -> EmergencyRow:
    return EmergencyRow(row["country"], tuple(row["numbers"].split()), row["single_number"] or None, row["source"])
