"""Waiting receipts are taken a batch at a time, and stay in the database: what travels is where they stand.

One statement finds them, holds their deliveries, and says of each whether it is news and of each delivery which
of them is the best. Its lists go back to the database as they came, so nothing else is done for each receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.functions import FunctionElement

from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts.receipt_words import BLAMING, ENDED, LOST, ON_ITS_WAY, WORDS
from campaigns.delivery.states import RANKS, SendState
from campaigns.gateways.base import Action

#: A receipt that comes so long after its call is late: the run of its message may be over for days.
LATE = timedelta(days=3)
#: More than there are receipts ever: a rank times this, and an id, are one number in the order of both.
_MOST_IDS = 2**40
_LATE_BEFORE = bindparam("late_before", type_=UTCDateTime())


@dataclass(frozen=True, slots=True)
class ReceiptBatch:
    """Receipts that are merged together; a list is as the database wrote it, None when nothing is in it."""

    count: int
    #: Id of the last of them; the next batch goes on behind it.
    last_id: int
    #: Those that say again what is known.
    repeats: str | None = None
    #: All others.
    news: str | None = None
    #: Of these the best of each delivery, where it is better than what the delivery was told before (`_winners`).
    winners: str | None = None
    #: Whether some of the news ask something of an address or sender, or that another sender go on, or are of
    #: deliveries in a lost state (`LOST`).
    is_blaming: bool = False
    asks_another: bool = False
    is_any_lost: bool = False
    #: Whether some are of deliveries that were called so long ago that their run may be counted for good.
    is_any_late: bool = False

    def only(self, places: str | None) -> dict[str, Any]:
        """Return what a statement is given that is on the receipts of one of the lists."""
        return {"places": places, "last_id": self.last_id}


def take_batch(session: Session, *, after: int, limit: int) -> ReceiptBatch:
    """Return up to `limit` waiting receipts with ids above `after`, the oldest first, and hold their deliveries.

    Rows that another transaction holds are left out. Whoever holds a delivery merges its receipts alone: one that
    somebody else merged meanwhile stands elsewhere, and is not found by the place that was read.
    """
    wanted = {"after": after, "limit": limit, "late_before": clock.now() - LATE}
    found = session.execute(_taking(session.get_bind().dialect.name), wanted).one()
    if not found.taken:
        return ReceiptBatch(0, after)
    return ReceiptBatch(
        found.taken,
        found.last_id,
        _list_of(found.repeats),
        _list_of(found.news),
        _list_of(found.winners),
        bool(found.is_blaming),
        bool(found.asks_another),
        bool(found.is_lost),
        bool(found.is_late),
    )


def _list_of(places: str | None) -> str | None:
    # SQLite writes a list without anything so, and pairs.
    return None if places in ("[]", "{}") else places


class _place(FunctionElement[str]):  # noqa: N801 - reads as a SQL function
    """Where a receipt stands: for PostgreSQL its place in the table, which saves a search in an index for each."""

    type = String()
    inherit_cache = True


@compiles(_place, "sqlite")
def _place_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return "receipt.id"


@compiles(_place, "postgresql")
def _place_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return "receipt.ctid"


class _listed(FunctionElement[str]):  # noqa: N801 - reads as a SQL function
    """The places of the rows for which a condition is true, as one text that `stands_among` reads."""

    type = String()
    inherit_cache = True


@compiles(_listed, "sqlite")
def _listed_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    place, condition = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"json_group_array({place}) FILTER (WHERE {condition})"


@compiles(_listed, "postgresql")
def _listed_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    place, condition = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(array_agg({place}) FILTER (WHERE {condition}) AS text)"


class stands_among(FunctionElement[bool]):  # noqa: N801 - reads as a SQL function
    """The condition that a receipt stands at one of the places of a list that `_listed` wrote."""

    inherit_cache = True


@compiles(stands_among, "sqlite")
def _stands_among_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    [given] = element.clauses
    places = func.json_each(given).table_valued("value")
    return f"receipt.id IN {compiler.process(select(places.c.value).scalar_subquery(), **kw)}"


@compiles(stands_among, "postgresql")
def _stands_among_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    [given] = element.clauses
    return f"receipt.ctid = ANY(CAST({compiler.process(given, **kw)} AS tid[]))"


def _rank_of(word: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    """Return the rank of a receipt's word or of a stored state; an unknown word has 0.

    The words are compared one after the other, so the last ones of a message, which most receipts say, go first.
    """
    ranks = {told: RANKS[state] for told, state in WORDS.items()}
    return case(dict(sorted(ranks.items(), key=lambda one: one[1], reverse=True)), value=word, else_=0)


@cache
def _taking(dialect: str) -> Select[*tuple[Any, ...]]:
    waiting = _waiting().cte("waiting")
    each = waiting.c
    is_news = each.is_known == 0
    flags = (each.is_blaming, each.asks_another, each.is_lost, each.is_late)
    return select(
        func.count().label("taken"),
        func.max(each.id).label("last_id"),
        _listed(each.place, each.is_known == 1).label("repeats"),
        _listed(each.place, is_news).label("news"),
        _winners(waiting, dialect).label("winners"),
        *(func.max(case((is_news, flag), else_=0)).label(flag.name) for flag in flags),
    )


def _winners(waiting: CTE, dialect: str) -> ScalarSelect[str]:
    """List the best of each delivery among the news that are better than what it was told before.

    Only these are sorted, and of each only what the order needs: that costs less than a place for every receipt.
    On SQLite each stands behind the id of its delivery: in the order of these ids a batch comes by each page of
    deliveries once.
    """
    each = waiting.c
    is_better = or_(
        each.told_by.is_(None),
        each.rank > each.told_rank,
        and_(each.rank == each.told_rank, each.id > each.told_by),
    )
    better = select(each.delivery_id).where(each.is_known == 0, is_better)
    if dialect == "sqlite":
        # One number of rank and id, which is the place here too: a window costs twice as much.
        place = func.max(each.rank * _MOST_IDS + each.id) % _MOST_IDS
        best = better.add_columns(place.label("place")).group_by(each.delivery_id).subquery("best").c
        return select(func.json_group_object(best.delivery_id, best.place)).scalar_subquery()
    nth = func.row_number().over(partition_by=each.delivery_id, order_by=(each.rank.desc(), each.id.desc()))
    numbered = better.add_columns(each.place, nth.label("nth")).subquery("better").c
    return select(_listed(numbered.place, numbered.nth == 1)).scalar_subquery()


def _waiting() -> Select[*tuple[Any, ...]]:
    """Select waiting receipts whose delivery is there, with what there is to say of each; truths are 0 and 1."""
    # What may send a delivery on waits for the end of its call: the engine still holds the row.
    is_early = and_(Delivery.send_state == SendState.SENDING, Receipt.action == Action.OTHER_CHANNEL)
    is_lost = Delivery.send_state.in_(sorted(LOST))
    return (
        select(
            Receipt.id,
            _place().label("place"),
            Delivery.id.label("delivery_id"),
            _rank_of(Receipt.status).label("rank"),
            _rank_of(Delivery.receipt_state).label("told_rank"),
            Delivery.receipt_id.label("told_by"),
            _truth("is_known", _is_known()),
            _truth("is_blaming", Receipt.action.in_(sorted(BLAMING))),
            _truth("asks_another", Receipt.action == Action.OTHER_CHANNEL),
            _truth("is_lost", is_lost),
            _truth("is_late", func.coalesce(Delivery.intent_at < _LATE_BEFORE, is_lost)),
        )
        .join(Delivery, Delivery.reference == Receipt.reference)
        .where(Receipt.applied_at.is_(None), Receipt.id > bindparam("after"))
        .where(~func.coalesce(is_early, false()))
        .order_by(Receipt.id)
        .limit(bindparam("limit", type_=Integer()))
        # SQLite is not told of it: there one connection writes at a time.
        .with_for_update(skip_locked=True, of=Delivery)
    )


def _is_known() -> ColumnElement[bool]:
    """Match receipts that say again the best that their delivery was told, or less than that and ask for nothing.

    Not those of another message of the same delivery: they tell that it was sent twice.
    """
    is_same = and_(
        Receipt.status == Delivery.receipt_state,
        func.coalesce(Receipt.error, "") == func.coalesce(Delivery.receipt_error, ""),
    )
    is_less = and_(Delivery.receipt_state.in_(ENDED), Receipt.status.in_(ON_ITS_WAY))
    is_told = and_(Delivery.provider_id == Receipt.provider_id, Delivery.send_state.not_in(sorted(LOST)))
    again = or_(is_same, is_less)
    return and_(Delivery.receipt_id.is_not(None), again, is_told)


def _truth(name: str, condition: ColumnElement[bool]) -> Any:
    return case((condition, 1), else_=0).cast(Integer).label(name)
