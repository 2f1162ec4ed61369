"""Reads on what an organisation spent in a month, and on what it lets its campaigns spend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.planning.spending.models import AccountBalance, RunCost, SpendingLimit, ToldCost
from campaigns.staff.queries import owned

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
        """How much of the limit is used up, in whole percent, rounded down; 0 without a limit."""
        if self.limit_cents is None:
            return 0
        return 100 * self.spent_cents // self.limit_cents

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


def load_month(session: Session, organisation_id: int, *, now: datetime) -> MonthMoney:
    """Return what an organisation spent in the month of `now` (aware UTC), rounded up to cents.

    Our estimate or what the providers told, whichever is more: they tell it hours later.
    """
    ours = func.sum(RunCost.micros), func.sum(RunCost.coming_micros)
    ran = owned(select(*ours), RunCost, organisation_id).where(RunCost.month == month_of(now))
    estimated, coming = (int(micros or 0) for micros in session.execute(ran).one())
    said = owned(select(func.sum(ToldCost.micros)), ToldCost, organisation_id)
    told = session.scalar(said.where(ToldCost.month == month_of(now), ToldCost.currency == DOLLARS)) or 0
    limit = session.get(SpendingLimit, organisation_id)
    micros = max(estimated, int(told)) + coming
    return MonthMoney(-(-micros * 100 // MICROS), limit.cents if limit else None)


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
