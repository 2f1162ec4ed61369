"""Results written in groups: each only while its claim still holds the row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
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
        columns = zip(*map(_values, results), strict=True)
        arrays = {f"r_{name}": list(column) for name, column in zip(_KINDS, columns, strict=True)}
        outcome = connection.execute(_record_arrays(), arrays)
    else:
        rows = json.dumps([_values(result) for result in results], default=_as_stored)
        outcome = connection.execute(_record_json(), {"r_rows": rows})
    return outcome.rowcount


#: What a result sets, in the order of `_values`.
_KINDS: dict[str, Any] = {
    "id": BigInteger(),
    "token": String(),
    "state": String(),
    "provider_id": String(),
    "error": String(),
    "due_at": UTCDateTime(),
    "refund": SmallInteger(),
}


def _values(result: Result) -> tuple[Any, ...]:
    return (
        result.id,
        result.token,
        result.state.value,
        result.provider_id,
        result.error,
        result.due_at,
        1 if result.refund else 0,
    )


def _as_stored(moment: datetime) -> str:
    """Return a time as SQLite's columns hold it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@cache
def _record_arrays() -> Update:
    """One statement for a whole group: its columns travel as arrays (PostgreSQL)."""
    arrays = [bindparam(f"r_{name}", type_=ARRAY(kind)) for name, kind in _KINDS.items()]
    rows = func.unnest(*arrays).table_valued(*_KINDS, name="r").render_derived()
    return _update({name: rows.c[name] for name in _KINDS})


@cache
def _record_json() -> Update:
    """One statement for a whole group: its rows travel as JSON (SQLite)."""
    rows = func.json_each(bindparam("r_rows", type_=String())).table_valued("value", name="r")
    return _update(
        {
            name: func.json_extract(rows.c.value, f"$[{place}]", type_=kind)
            for place, (name, kind) in enumerate(_KINDS.items())
        }
    )


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
