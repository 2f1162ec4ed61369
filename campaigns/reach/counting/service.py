"""Counts anew what runs and crowds reached: set-based, whole, and the same however often it is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, case, delete, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.rehearsal_addresses import nobodys
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.reach.counting.ladder import FAILURES, Rung, carrier_countries, rung_of
from campaigns.reach.counting.unique_people import Crowd, selects_of
from campaigns.reach.models import PeopleCount, PeopleReach, RunCount, RunReach

#: First key of the advisory lock of a count ("rea" in ASCII); the second is the run's id.
COUNT_LOCK = 0x726561
COLUMNS = ("run_id", "region_id", "channel", "language", "rung", "cause", "people")


def recount_run(session: Session, run_id: int) -> None:
    """Replace the run's reach by what its deliveries say now, in one statement that sees one moment.

    The country of a number, which says what a receipt proves, is kept when its person is erased (`nobodys`).
    """
    _clear(session, run_id)
    session.execute(insert(RunReach).from_select(COLUMNS, select_counts(run_id)))


def replace_counts(session: Session, run_id: int, counts: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """Replace the run's reach by rows that `select_counts` gave a moment ago, perhaps to another session."""
    _clear(session, run_id)
    if counts:
        session.execute(insert(RunReach), [dict(zip(COLUMNS, row, strict=True)) for row in counts])


def count_crowd(session: Session, crowd: Crowd) -> list[dict[str, Any]]:
    """Return the rows of people_reach of a crowd as its deliveries are now; only reads."""
    rows: list[dict[str, Any]] = []
    keys = {"scope": crowd.scope, "scope_id": crowd.scope_id, "period": crowd.period}
    for part, measures, statement in selects_of(crowd):
        for key, *people in session.execute(statement):
            rows += [
                keys | {"part": part, "key": key, "measure": measure, "people": count}
                for measure, count in zip(measures, people, strict=True)
                if count
            ]
    return rows


def replace_crowd(session: Session, crowd: Crowd, rows: Sequence[dict[str, Any]], *, counted_at: datetime) -> None:
    """Replace what is stored of a crowd by rows that `count_crowd` gave, perhaps to another session.

    `counted_at` is a time before they were read: what came after it has yet to be counted.
    """
    of_crowd = {"scope": crowd.scope.value, "scope_id": crowd.scope_id, "period": crowd.period}
    if session.get_bind().dialect.name == "postgresql":
        name = func.hashtext("/".join(map(str, of_crowd.values())))
        session.execute(select(func.pg_advisory_xact_lock(COUNT_LOCK, name)))
    for table in (PeopleReach, PeopleCount):
        session.execute(delete(table).filter_by(**of_crowd))
    if rows:
        session.execute(insert(PeopleReach), rows)
    session.execute(insert(PeopleCount).values(**of_crowd, counted_at=counted_at))


def _clear(session: Session, run_id: int) -> None:
    _hold(session, run_id)
    session.execute(delete(RunReach).where(RunReach.run_id == run_id))


def _hold(session: Session, run_id: int) -> None:
    """Keep other counts of this run waiting until the transaction ends, and note the time of this one.

    SQLite needs no lock: a writing transaction is alone there.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(COUNT_LOCK, run_id)))
    count = session.get(RunCount, run_id, populate_existing=True)
    if count is None:
        session.add(RunCount(run_id=run_id, counted_at=clock.now()))
    else:
        count.counted_at = clock.now()
    session.flush()


def select_counts(run_id: int) -> Select[*tuple[Any, ...]]:
    """Select the rows of run_reach (`COLUMNS`): the few combinations of states, each given its rung, added up."""
    groups = _groups(run_id)
    each = groups.c
    rung = _rung(groups)
    failed = case((each.send_state == SendState.FAILED, each.error), else_=each.receipt_error)
    cause = case((rung.in_(FAILURES), func.coalesce(failed, "")), else_="")
    keys = (each.region_id, each.channel, func.coalesce(RunText.language, ""), rung, cause)
    return (
        select(literal(run_id), *keys, func.sum(each.people))
        .select_from(groups)
        .outerjoin(RunText, RunText.id == each.text_id)
        .group_by(*keys)
    )


def _groups(run_id: int) -> Subquery:
    """Add up the deliveries of a run that are alike in all that says where they stand.

    They are told apart by what is stored. PostgreSQL knows how many kinds of that there are; of terms made of it
    it expects as many as rows, and sorts them all.
    """
    countries = sorted(carrier_countries())
    erased = Delivery.address_id.in_([nobodys(country) for country in countries])
    columns: list[ColumnElement[Any]] = [
        Delivery.region_id.label("region_id"),
        Delivery.channel.label("channel"),
        Delivery.text_id.label("text_id"),
        or_(func.coalesce(Address.country, "").in_(countries), erased).label("is_by_carrier"),
        Delivery.send_state.label("send_state"),
        Delivery.receipt_state.label("receipt_state"),
        Delivery.receipt_error.label("receipt_error"),
        Delivery.error.label("error"),
    ]
    return (
        select(*columns, func.count().label("people"))
        .outerjoin(Address, Address.id == Delivery.address_id)
        .where(Delivery.run_id == run_id)
        .group_by(*columns)
        .subquery("groups")
    )


def _rung(groups: Subquery) -> ColumnElement[str]:
    """Write `rung_of` as SQL by asking it for every combination, so that there is one rule and not two."""
    keys: dict[Rung, list[str]] = {}
    countries = {"handset": None, "carrier": min(carrier_countries(), default=None)}
    for channel, proof, sent, receipt in product(Channel, countries, SendState, (None, *ReceiptState)):
        rung = rung_of(channel, countries[proof], send_state=sent, receipt_state=receipt)
        keys.setdefault(rung, []).append("/".join((channel, proof, sent, receipt or "")))
    proven = case((groups.c.is_by_carrier, "carrier"), else_="handset")
    received = func.coalesce(groups.c.receipt_state, "")
    key = groups.c.channel + "/" + proven + "/" + groups.c.send_state + "/" + received
    return case(*((key.in_(found), literal(rung.value)) for rung, found in keys.items()))
