"""Results written in groups: each only while its claim still holds the row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    CursorResult,
    SmallInteger,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    update,
)

from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.engine.ports import Result
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.states import SendState

DELIVERY = cast(Table, Delivery.__table__)
ATTEMPT = cast(Table, Attempt.__table__)
#: A late reply may still be written over `unknown`, as long as nobody else took the row.
_HELD = (SendState.SENDING.value, SendState.UNKNOWN.value)


def record(connection: Connection, results: Sequence[Result]) -> int:
    """Write what became of claimed deliveries and return how many rows their claims still held.

    A delivery whose outcome is unknown but whose receipt came already is accepted. Calls that ended in anything
    but a clean acceptance leave an attempt row.
    """
    if not results:
        return 0
    written = _write(connection, results)
    noted = [
        {
            "delivery_id": result.id,
            "number": result.number,
            "at": clock.now(),
            "outcome": result.outcome,
            "error": result.error,
        }
        for result in results
        if result.outcome is not None
    ]
    if noted:
        connection.execute(insert(ATTEMPT), noted)
    return written


def _write(connection: Connection, results: Sequence[Result]) -> int:
    outcome: CursorResult[Any]
    if connection.dialect.name == "postgresql":
        outcome = connection.execute(_record_arrays(), _columns(results))
    else:
        outcome = connection.execute(_record_one(), [_row(result) for result in results])
    return outcome.rowcount


def _row(result: Result) -> dict[str, Any]:
    return {
        "r_id": result.id,
        "r_token": result.token,
        "r_state": result.state.value,
        "r_provider_id": result.provider_id,
        "r_error": result.error,
        "r_due_at": result.due_at,
        "r_refund": 1 if result.refund else 0,
    }


def _columns(results: Sequence[Result]) -> dict[str, list[Any]]:
    rows = [_row(result) for result in results]
    return {name: [row[name] for row in rows] for name in rows[0]}


@cache
def _record_one() -> Update:
    given = {
        "id": bindparam("r_id", type_=BigInteger()),
        "token": bindparam("r_token", type_=String()),
        "state": bindparam("r_state", type_=String()),
        "provider_id": bindparam("r_provider_id", type_=String()),
        "error": bindparam("r_error", type_=String()),
        "due_at": bindparam("r_due_at", type_=UTCDateTime()),
        "refund": bindparam("r_refund", type_=SmallInteger()),
    }
    return _update(given)


@cache
def _record_arrays() -> Update:
    """One statement for a whole group: its columns travel as arrays (PostgreSQL)."""
    kinds: dict[str, Any] = {
        "id": BigInteger(),
        "token": String(),
        "state": String(),
        "provider_id": String(),
        "error": String(),
        "due_at": UTCDateTime(),
        "refund": SmallInteger(),
    }
    arrays = [bindparam(f"r_{name}", type_=ARRAY(kind)) for name, kind in kinds.items()]
    rows = func.unnest(*arrays).table_valued(*kinds, name="r").render_derived()
    return _update({name: rows.c[name] for name in kinds})


def _update(given: dict[str, Any]) -> Update:
    has_receipt = and_(given["state"] == SendState.UNKNOWN.value, DELIVERY.c.receipt_id.is_not(None))
    return (
        update(DELIVERY)
        .where(
            DELIVERY.c.id == given["id"],
            DELIVERY.c.token == given["token"],
            DELIVERY.c.send_state.in_(_HELD),
        )
        .values(
            send_state=case((has_receipt, SendState.ACCEPTED.value), else_=given["state"]),
            provider_id=func.coalesce(given["provider_id"], DELIVERY.c.provider_id),
            error=given["error"],
            due_at=func.coalesce(given["due_at"], DELIVERY.c.due_at),
            attempts=DELIVERY.c.attempts - given["refund"],
        )
    )
