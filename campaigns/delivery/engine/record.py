"""Results written in groups: each only while its claim still holds the row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
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
    column,
    func,
    insert,
    update,
)
from sqlalchemy import cast as cast_to

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
    _rename(connection, results)
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
    dialect = connection.dialect.name
    outcome: CursorResult[Any] = connection.execute(recording(dialect), {"rows": as_rows(results, dialect)})
    return outcome.rowcount


def _rename(connection: Connection, results: Sequence[Result]) -> None:
    """Write the provider's own word for messages that its receipts do not name by ours.

    Apart from the statement for everybody: it touches an index, and hardly any provider needs it.
    """
    named = [
        {"row": result.id, "claim": result.token, "word": result.reference}
        for result in results
        if result.reference is not None
    ]
    if named:
        held = (DELIVERY.c.id == bindparam("row"), DELIVERY.c.token == bindparam("claim"))
        connection.execute(update(DELIVERY).where(*held).values(reference=bindparam("word")), named)


#: What a result sets.
_KINDS: dict[str, Any] = {
    "id": BigInteger(),
    "token": String(),
    "state": String(),
    "provider_id": String(),
    "error": String(),
    "due_at": UTCDateTime(),
    "refund": SmallInteger(),
}


def as_rows(results: Sequence[Result], dialect: str) -> str:
    """Return the value of the parameter `rows` of `recording`."""
    written_as = datetime.isoformat if dialect == "postgresql" else _as_sqlite_stores
    return json.dumps([_row(result) for result in results], default=written_as)


def _row(result: Result) -> dict[str, Any]:
    return {
        "id": result.id,
        "token": result.token,
        "state": result.state.value,
        "provider_id": result.provider_id,
        "error": result.error,
        "due_at": result.due_at,
        "refund": 1 if result.refund else 0,
    }


def _as_sqlite_stores(moment: datetime) -> str:
    """Return a time as the columns of SQLite hold it: UTC without saying so."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@cache
def recording(dialect: str) -> Update:
    """Return the one statement for a whole group: its rows travel as one JSON value.

    Arrays would do on PostgreSQL, but cost its driver more time than everything else here together.
    """
    if dialect == "postgresql":
        given = cast_to(bindparam("rows", type_=String()), JSON)
        columns = [column(name, kind) for name, kind in _KINDS.items()]
        rows = func.json_to_recordset(given).table_valued(*columns, name="r").render_derived(with_types=True)
        return _update({name: rows.c[name] for name in _KINDS})
    lines = func.json_each(bindparam("rows", type_=String())).table_valued("value", name="r")
    return _update(
        {name: func.json_extract(lines.c.value, f"$.{name}", type_=kind) for name, kind in _KINDS.items()}
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
