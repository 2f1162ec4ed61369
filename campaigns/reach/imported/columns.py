"""Columns of a report are known by names that platforms and partners use, and by those an organisation added."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from campaigns.places.geography.folded_names import fold

#: "Amount spent (EUR)", "Betrag (€)": what stands in brackets is the currency.
_BRACKETS = re.compile(r"\s*[(\[]([^)\]]*)[)\]]\s*$")
_CURRENCY = re.compile(r"\b([A-Z]{3})\b")


def field_of(name: str, own: Mapping[str, str]) -> str | None:
    """Return the field that a column's name means, or None; `own` are an organisation's words, folded."""
    folded = fold(name)
    if folded in own:
        return own[folded] or None
    return known_names().get(folded) or known_names().get(fold(_BRACKETS.sub("", name)))


def fields_of(columns: Sequence[str], own: Mapping[str, str]) -> dict[str, int]:
    """Return the position of the column of each field; of two that mean the same, the first."""
    found: dict[str, int] = {}
    for at, name in enumerate(columns):
        field = field_of(name, own)
        if field is not None:
            found.setdefault(field, at)
    return found


def currency_in(name: str) -> str:
    """Return the code of the currency in a column's name, else ''."""
    found = _CURRENCY.search(name)
    return found[1] if found else ""


@cache
def known_names() -> dict[str, str]:
    """Return fields by folded name. Source: data/report_columns.csv, as the platforms' exports name them."""
    with (files("campaigns.reach") / "data" / "report_columns.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = {fold(name): row["field"] for row in reversed(rows) for name in row["names"].split("|")}
    return names | {row["field"]: row["field"] for row in rows}


@cache
def words_for(meaning: str) -> frozenset[str]:
    """Return the folded words of a cell that mean "total", "yes", … Source: data/report_words.csv."""
    with (files("campaigns.reach") / "data" / "report_words.csv").open(encoding="utf-8") as lines:
        found = {row["meaning"]: frozenset(map(fold, row["words"].split())) for row in csv.DictReader(lines)}
    return found[meaning]


@cache
def all_fields() -> tuple[str, ...]:
    """Return every field that a column can mean."""
    return tuple(dict.fromkeys(known_names().values()))
