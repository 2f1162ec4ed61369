"""Reads on what an organisation spent in a month, and on what it lets its campaigns spend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import Select, Subquery, func, select, true
from sqlalchemy.orm import Session

from campaigns.planning.spending.models import AccountBalance, RunCost, SpendingLimit, ToldCost
from campaigns.staff.models import Organisation

MICROS = 1_000_000
#: The currency of our prices and of limits.
DOLLARS = "USD"
#: For how many days a balance is to last, at what was charged in as many, and what it is never to fall below.
DAYS_AHEAD, LEAST_LEFT = 7, Decimal(20)
#: From which share of the limit members are warned, in percent.
WARNED_FROM = 80


@dataclass(frozen=True, slots=True)
class MonthMoney:
    """What an organisation spent in a month, with what is on its way, and what its campaigns may spend."""

    spent_cents: int
    #: None: no limit is set.
    limit_cents: int | None

    @property
    def spent(self) -> Decimal:
        """What was spent as members may read it: in whole dollars, rounded up, so that no single message shows."""
        return Decimal(-(-self.spent_cents // 100))

    @property
    def limit(self) -> Decimal | None:
        """The limit in dollars."""
        return None if self.limit_cents is None else Decimal(self.limit_cents) / 100

    @property
    def percent(self) -> int:
        """How much of the limit is used up, in whole percent, rounded down; 0 without a limit.

        By what members may read: whoever tries one limit after another learns no more than that.
        """
        if self.limit_cents is None:
            return 0
        return 100 * 100 * int(self.spent) // self.limit_cents

    @property
    def is_warned_of(self) -> bool:
        """Whether members are to be warned."""
        return self.percent >= WARNED_FROM

    @property
    def is_used_up(self) -> bool:
        """Whether campaigns wait."""
        return self.percent >= 100


def month_of(moment: datetime) -> str:
    """Return the calendar month (UTC) of a moment, as "2026-03"."""
    return f"{moment:%Y-%m}"


def hold_limit(session: Session, organisation_id: int) -> None:
    """Let nobody else start a run of the organisation until the transaction ends, where a limit is set."""
    mine = select(SpendingLimit.cents).where(SpendingLimit.organisation_id == organisation_id)
    session.execute(mine.with_for_update())


def load_month(session: Session, organisation_id: int, *, now: datetime) -> MonthMoney:
    """Return what an organisation spent in the month of `now` (aware UTC); see `load_months`."""
    found = load_months(session, now=now, organisation_id=organisation_id)
    return found.get(organisation_id, MonthMoney(0, None))


def load_months(session: Session, *, now: datetime, organisation_id: int | None = None) -> dict[int, MonthMoney]:
    """Return what organisations spent in the month of `now` (aware UTC), by their ids, rounded up to cents.

    Our estimate or what the providers told, whichever is more: they tell it hours later. With `organisation_id`
    nothing of the others is read.
    """
    costs, told = _sums_of(now, organisation_id)
    columns = (Organisation.id, SpendingLimit.cents, costs.c[1], costs.c[2], told.c[1])
    rows = session.execute(
        select(*columns)
        .outerjoin(SpendingLimit, SpendingLimit.organisation_id == Organisation.id)
        .outerjoin(costs, costs.c.organisation_id == Organisation.id)
        .outerjoin(told, told.c.organisation_id == Organisation.id)
        .where(true() if organisation_id is None else Organisation.id == organisation_id)
    )
    months: dict[int, MonthMoney] = {}
    for organisation_id, limit, *sums in rows:
        estimated, coming, charged = (int(each or 0) for each in sums)
        months[organisation_id] = MonthMoney(-(-(max(estimated, charged) + coming) * 100 // MICROS), limit)
    return months


def _sums_of(now: datetime, organisation_id: int | None) -> tuple[Subquery, Subquery]:
    """Return the month's sums of our estimates and of what the providers told, by organisation."""
    costs = _sums(RunCost, now, RunCost.micros, RunCost.coming_micros)
    told = _sums(ToldCost, now, ToldCost.micros).where(ToldCost.currency == DOLLARS)
    if organisation_id is not None:
        # A database may group the rows of all organisations before it joins the sums to one of them.
        costs = costs.where(RunCost.organisation_id == organisation_id)
        told = told.where(ToldCost.organisation_id == organisation_id)
    return costs.subquery(), told.subquery()


def _sums(table: type[RunCost] | type[ToldCost], now: datetime, *columns: Any) -> Select[*tuple[Any, ...]]:
    sums = [func.sum(column).label(f"sum_{at}") for at, column in enumerate(columns)]
    return select(table.organisation_id, *sums).where(table.month == month_of(now)).group_by(table.organisation_id)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left on an account that an organisation may use."""

    #: Names of the gateway and of the credential.
    gateway: str
    secret_name: str
    amount: Decimal
    currency: str
    told_at: datetime
    #: What all who share the account were charged in the last days; the balance does not last as long again.
    lately: Decimal

    @property
    def is_low(self) -> bool:
        """Whether members are to be warned: it does not last another week, or is nearly nothing."""
        return self.amount < max(self.lately, LEAST_LEFT)

    @property
    def shown(self) -> Decimal:
        """The amount in whole units: to the cent it would tell how many messages a run to few people was."""
        return self.amount.to_integral_value(ROUND_FLOOR)


def find_left(session: Session, secret_names: Collection[str], *, now: datetime) -> list[Left]:
    """Return what is left on accounts, by the names of their credentials, as their providers said last."""
    since = (now - timedelta(days=DAYS_AHEAD)).date()
    charged = (
        select(func.sum(ToldCost.micros))
        .where(ToldCost.secret_name == AccountBalance.secret_name, ToldCost.currency == AccountBalance.currency)
        .where(ToldCost.day > since)
        .scalar_subquery()
    )
    rows = session.execute(
        select(AccountBalance, charged)
        .where(AccountBalance.secret_name.in_(secret_names))
        .order_by(AccountBalance.secret_name)
    )
    return [
        Left(
            row.gateway,
            row.secret_name,
            Decimal(row.micros) / MICROS,
            row.currency,
            row.told_at,
            Decimal(int(lately or 0)) / MICROS,
        )
        for row, lately in rows
    ]
