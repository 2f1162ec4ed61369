"""Reads on what an organisation spent in a month, and on what it lets its campaigns spend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.planning.spending.models import RunCost, SpendingLimit
from campaigns.staff.queries import owned

MICROS = 1_000_000
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
    """Return what an organisation spent in the month of `now` (aware UTC), rounded up to cents."""
    money = owned(select(func.sum(RunCost.micros + RunCost.coming_micros)), RunCost, organisation_id)
    micros = session.scalar(money.where(RunCost.month == month_of(now))) or 0
    limit = session.get(SpendingLimit, organisation_id)
    return MonthMoney(-(-int(micros) * 100 // MICROS), limit.cents if limit else None)
