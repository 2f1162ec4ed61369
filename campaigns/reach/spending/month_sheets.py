"""Reads on what was spent by month and country, as members of the organisation may see it.

Sums are in whole dollars, and countries with few messages stand together: a sum that grows by the price of one
message would else tell of one person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.small_numbers import is_told
from campaigns.planning.spending.models import RunCost
from campaigns.planning.spending.queries import MICROS, month_of
from campaigns.staff.queries import owned

#: How many months are shown, this one among them.
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Line:
    """What messages to the numbers of one country cost in a month."""

    #: Alpha-2; None: several countries with few messages each, or numbers whose country is not known.
    country: str | None
    messages: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class MonthSheet:
    """One calendar month, as "2026-03", with its countries: the dearest first, all others together last."""

    month: str
    lines: tuple[Line, ...]
    messages: int
    usd: Decimal


def load_sheets(session: Session, organisation_id: int, *, now: datetime) -> list[MonthSheet]:
    """Return the last months in which anything was sent, the latest first."""
    first = month_of(now.replace(year=now.year - 1, day=1))
    columns = RunCost.month, RunCost.country
    sums = func.sum(RunCost.messages).label("messages"), func.sum(RunCost.micros).label("micros")
    spent = owned(select(*columns, *sums), RunCost, organisation_id).where(RunCost.month > first)
    rows = session.execute(spent.group_by(*columns).order_by(RunCost.month.desc())).all()
    return [_sheet(month, list(found)) for month, found in groupby(rows, key=lambda row: row.month)]


def whole_dollars(micros: int) -> Decimal:
    """Return a sum in whole dollars, rounded up."""
    return (Decimal(micros) / MICROS).to_integral_value(ROUND_CEILING)


def _sheet(month: str, rows: list[Any]) -> MonthSheet:
    named = [row for row in rows if row.country and is_told(row.messages)]
    named.sort(key=lambda row: (-whole_dollars(row.micros), row.country))
    others = [row for row in rows if row not in named]
    lines = [_line(row.country, [row]) for row in named]
    if any(row.messages for row in others):
        lines.append(_line(None, others))
    whole = _line(None, rows)
    return MonthSheet(month, tuple(lines), whole.messages, whole.usd)


def _line(country: str | None, rows: Iterable[Any]) -> Line:
    found = list(rows)
    micros = sum(int(row.micros) for row in found)
    return Line(country, sum(int(row.messages) for row in found), whole_dollars(micros))
