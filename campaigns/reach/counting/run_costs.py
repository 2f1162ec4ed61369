"""A worker counts what each run cost, by sender and country, so that no page does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, case, delete, func, insert, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.database import insert_or, one_moment
from campaigns.delivery.member_phones import phone_of
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.rehearsal_addresses import LAST_NOBODY, country_of
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState, Sender
from campaigns.planning.senders.prices import price_of
from campaigns.planning.spending.models import RunCost, RunCostCount
from campaigns.planning.spending.queries import MICROS, month_of
from campaigns.reach.counting.run_counts import share_of_size
from campaigns.staff.models import MemberPhone

#: A count younger than this is left as it is; that of a large run for longer.
FRESH_FOR = timedelta(seconds=60)
#: What was in doubt at the end of a run is settled by then.
SETTLES_AFTER = timedelta(hours=2)
#: Runs of one look: answers are runs too, and there may be thousands.
AT_ONCE = 200
#: Messages that wait, or of which nobody knows yet: they will cost something.
COMING = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)


@dataclass(slots=True)
class _Sum:
    """What goes over one sender to the numbers of one country."""

    channel: str
    messages: int = 0
    parts: int = 0
    coming: int = 0


def recount_costs(sessions: sessionmaker[Session], *, fresh_for: timedelta = FRESH_FOR) -> int:
    """Count what every run cost that may have cost more since the last look; return how many were counted.

    Counting only reads, and happens before the transaction that writes the few rows it gives.
    """
    now = clock.now()
    with one_moment(sessions) as session:
        runs = session.execute(_select_runs(now, fresh_for)).all()
        prices = {sender.id: sender.prices for sender in session.scalars(select(Sender))}
    due = [run for run in runs if run.counted_at is None or now - run.counted_at >= _pause(run, fresh_for)]
    for run in due:
        with one_moment(sessions) as session:
            sums = _collected(session.execute(select_sent(run.id)))
        whose = {"run_id": run.id, "organisation_id": run.organisation_id, "month": month_of(run.began_at)}
        rows = [
            whose | _priced(found, country, prices.get(sender_id, {})) | {"sender_id": sender_id}
            for (sender_id, country), found in sums.items()
        ]
        with sessions.begin() as session:
            _replace(session, run.id, rows)
    return len(due)


def select_sent(run_id: int) -> Select[*tuple[Any, ...]]:
    """Select by sender, channel and country how many messages of a run were taken or will be, and their parts.

    The address of somebody who was erased still names the country of their number; a test message goes to
    that of a member's phone.
    """
    # Only SMS is paid for by the part.
    parts = case((Delivery.channel == Channel.SMS, func.coalesce(RunText.parts, 1)), else_=1)
    is_taken = or_(Delivery.send_state == SendState.ACCEPTED, Delivery.receipt_state.is_not(None))
    columns = (
        Delivery.sender_id,
        Delivery.channel,
        func.coalesce(Address.country, MemberPhone.country, "").label("country"),
        case((Delivery.address_id.between(LAST_NOBODY, -1), Delivery.address_id), else_=0).label("erased_id"),
        is_taken.label("is_taken"),
    )
    counts = func.count().label("messages"), func.sum(parts).label("parts")
    return (
        select(*columns, *counts)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(MemberPhone, MemberPhone.id == phone_of(Delivery.address_id))
        .where(Delivery.run_id == run_id, or_(is_taken, Delivery.send_state.in_(COMING)))
        .group_by(*columns)
    )


def _select_runs(now: datetime, fresh_for: timedelta) -> Select[*tuple[Any, ...]]:
    """Select the runs to people whose cost may have moved since it was counted.

    Until all messages of a campaign's run exist, what was expected of it says more than they do.
    """
    is_whole = or_(Run.started_at.is_not(None), Run.finished_at.is_not(None), Run.schedule_id.is_(None))
    moving = or_(
        RunCostCount.run_id.is_(None),
        Run.finished_at.is_(None),
        Run.finished_at >= now - SETTLES_AFTER,
        RunCostCount.counted_at < Run.finished_at,
    )
    began_at = func.coalesce(Run.started_at, Run.created_at).label("began_at")
    return (
        select(Run.id, Run.organisation_id, Run.planned, Run.finished_at, began_at, RunCostCount.counted_at)
        .outerjoin(RunCostCount, RunCostCount.run_id == Run.id)
        .where(~Run.is_rehearsal, Run.state != RunState.HELD, is_whole)
        .where(or_(RunCostCount.run_id.is_(None), RunCostCount.counted_at <= now - fresh_for), moving)
        .order_by(Run.id.desc())
        .limit(AT_ONCE)
    )


def _pause(run: Row[*tuple[Any, ...]], fresh_for: timedelta) -> timedelta:
    # What is sent meanwhile was counted as coming, at the same price.
    return fresh_for * share_of_size(run.planned, run.finished_at)


def _collected(rows: Iterable[Any]) -> dict[tuple[int, str], _Sum]:
    sums: dict[tuple[int, str], _Sum] = {}
    for row in rows:
        country = row.country or (country_of(row.erased_id) if row.erased_id else "") or ""
        found = sums.setdefault((row.sender_id, country), _Sum(str(row.channel)))
        if row.is_taken:
            found.messages += row.messages
            found.parts += row.parts
        else:
            found.coming += row.parts
    return sums


def _priced(found: _Sum, country: str, own: dict[str, str]) -> dict[str, Any]:
    micros = price_of(found.channel, country or None, own).usd * MICROS
    return {
        "country": country,
        "messages": found.messages,
        "parts": found.parts,
        "micros": int(micros * found.parts),
        "coming_micros": int(micros * found.coming),
    }


def _replace(session: Session, run_id: int, rows: list[dict[str, Any]]) -> None:
    noting = insert_or(session, RunCostCount).values(run_id=run_id, counted_at=clock.now())
    session.execute(noting.on_conflict_do_update(index_elements=["run_id"], set_={"counted_at": clock.now()}))
    session.execute(delete(RunCost).where(RunCost.run_id == run_id))
    if rows:
        session.execute(insert(RunCost), rows)
