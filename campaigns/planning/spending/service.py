"""These verbs set what campaigns may spend in a month, and note what a run will cost; they do not commit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.planning.models import Run
from campaigns.planning.spending.models import RunCost, SpendingLimit, SpendingNotice
from campaigns.planning.spending.queries import MICROS, month_of
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: In cents: more is taken for a slip of the pen.
LARGEST_LIMIT = 100_000_000


def set_spending_limit(session: Session, organisation: Organisation, cents: int | None, *, by: int) -> None:
    """Let campaigns spend at most `cents` of a dollar in a month; None takes the limit away.

    Administrators are told anew of the month. Raises InputError for a sum below a dollar or above the largest, and
    for one that is not of whole dollars.
    """
    if cents is not None and (cents % 100 or not 100 <= cents <= LARGEST_LIMIT):
        raise InputError(N_("A monthly limit is a sum of whole dollars between $1 and $1,000,000."))
    limit = session.get(SpendingLimit, organisation.id)
    if (limit.cents if limit else None) == cents:
        return
    told = SpendingNotice.organisation_id == organisation.id, SpendingNotice.period == month_of(clock.now())
    session.execute(delete(SpendingNotice).where(*told))
    if limit is not None and cents is None:
        session.delete(limit)
    elif cents is not None:
        limit = limit or SpendingLimit(organisation_id=organisation.id)
        limit.cents, limit.set_by_id, limit.set_at = cents, by, clock.now()
        session.add(limit)
    audit.record(
        session,
        "organisation.limit_spending",
        subject=organisation,
        organisation_id=organisation.id,
        member_id=by,
        dollars="none" if cents is None else f"{cents / 100:.2f}",
    )


def expect_cost(session: Session, run: Run, usd: Decimal, *, now: datetime) -> None:
    """Count a run that starts as money on its way, until its messages exist and a worker counts what they cost."""
    forget_cost(session, run)
    figures = {"messages": 0, "parts": 0, "micros": 0, "coming_micros": int(usd * MICROS)}
    whose = {"organisation_id": run.organisation_id, "month": month_of(now), "country": ""}
    session.add(RunCost(run_id=run.id, sender_id=run.sender_id, **whose, **figures))


def forget_cost(session: Session, run: Run) -> None:
    """Count nothing of a run, of which no message exists."""
    session.execute(delete(RunCost).where(RunCost.run_id == run.id))
