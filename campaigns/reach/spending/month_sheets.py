"""Reads on what was spent by month and country, as members of the organisation may see it.

Sums are in whole dollars, and countries with few messages stand together: a sum that grows by the price of one
message would else tell of one person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.small_numbers import is_told
from campaigns.planning.spending.models import RunCost, ToldCost
from campaigns.planning.spending.queries import DOLLARS, MICROS, month_of
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Line:
    """What messages to the numbers of one country cost in a month."""

    #: Alpha-2; None: several countries with few messages each, or numbers whose country is not known.
    country: str | None
    messages: int
    #: By our own prices.
    usd: Decimal
    #: As the providers told it, in dollars.
    told: Decimal


@dataclass(frozen=True, slots=True)
class MonthSheet:
    """One calendar month, as "2026-03", with its countries: the dearest first, all others together last."""

    month: str
    lines: tuple[Line, ...]
    whole: Line
    #: What was charged in other currencies, and how many messages have no price yet.
    foreign: tuple[tuple[str, Decimal], ...]
    unpriced: int


def load_sheets(session: Session, organisation_id: int, *, now: datetime) -> list[MonthSheet]:
    """Return the last months in which anything was sent, the latest first."""
    first = month_of(now.replace(year=now.year - 1, day=1))
    ours = owned(select(RunCost.month, RunCost.country, *_sums(RunCost)), RunCost, organisation_id)
    ours = ours.where(RunCost.month > first).group_by(RunCost.month, RunCost.country)
    keys = ToldCost.month, ToldCost.country, ToldCost.currency
    told = owned(select(*keys, *_sums(ToldCost)), ToldCost, organisation_id)
    told = told.where(ToldCost.month > first).group_by(*keys)
    by_month: dict[str, tuple[list[Any], list[Any]]] = {}
    for place, statement in enumerate((ours, told)):
        for row in session.execute(statement):
            by_month.setdefault(row.month, ([], []))[place].append(row)
    return [_sheet(month, *by_month[month]) for month in sorted(by_month, reverse=True)]


def whole_units(micros: int) -> Decimal:
    """Return a sum in whole dollars, or in whole units of another currency, rounded up."""
    return (Decimal(micros) / MICROS).to_integral_value(ROUND_CEILING)


def _sums(table: type[RunCost] | type[ToldCost]) -> tuple[Any, Any]:
    return func.sum(table.messages).label("messages"), func.sum(table.micros).label("micros")


def _sheet(month: str, ours: list[Any], told: list[Any]) -> MonthSheet:
    dollars = [row for row in told if row.currency == DOLLARS]
    counts = {row.country: int(row.messages) for row in dollars} | {row.country: int(row.messages) for row in ours}
    named = [country for country, messages in counts.items() if country and is_told(messages)]
    others = [country for country in counts if country not in named]
    lines = [_line(country, ours, dollars, [country]) for country in named]
    lines.sort(key=lambda line: (-max(line.usd, line.told), str(line.country)))
    if any(counts[country] for country in others):
        lines.append(_line(None, ours, dollars, others))
    foreign: Counter[str] = Counter()
    for row in told:
        if row.currency not in ("", DOLLARS):
            foreign[row.currency] += int(row.micros)
    return MonthSheet(
        month,
        tuple(lines),
        _line(None, ours, dollars, counts),
        tuple((currency, whole_units(micros)) for currency, micros in sorted(foreign.items())),
        sum(int(row.messages) for row in told if not row.currency),
    )


def _line(country: str | None, ours: Iterable[Any], told: Iterable[Any], countries: Collection[str]) -> Line:
    """Add up some countries; messages are those that we sent, as far as we know of any there."""
    mine = [row for row in ours if row.country in countries]
    theirs = [row for row in told if row.country in countries]
    return Line(
        country,
        sum(int(row.messages) for row in mine) or sum(int(row.messages) for row in theirs),
        whole_units(sum(int(row.micros) for row in mine)),
        whole_units(sum(int(row.micros) for row in theirs)),
    )
