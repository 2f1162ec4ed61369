"""Results are written in groups, each only while its claim still holds the row."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Integer,
    Select,
    SmallInteger,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    column,
    false,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy import cast as cast_to

from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.engine.ports import Result
from campaigns.delivery.engine.queue.due_rows import DELIVERY
from campaigns.delivery.engine.queue.id_lists import among, is_among
from campaigns.delivery.models import Attempt
from campaigns.delivery.states import SendState

ATTEMPT = cast(Table, Attempt.__table__)
#: A late reply may still be written over `unknown`, as long as nobody else took the row.
_HELD = (SendState.SENDING.value, SendState.UNKNOWN.value)


def record(connection: Connection, results: Sequence[Result]) -> int:
    """Write what became of claimed deliveries and return how many rows their claims still held.

    A delivery whose outcome is unknown, or that is to be called again, but whose receipt came already is accepted.
    Calls that ended in anything but a clean acceptance leave an attempt row: one, however often the result is
    written.
    """
    if not results:
        return 0
    noted = _news(connection, [result for result in results if result.outcome is not None])
    written = _write(connection, results)
    _rename(connection, results)
    if noted:
        connection.execute(insert(ATTEMPT), [_attempt(result) for result in noted])
    return written


def find_held(connection: Connection, results: Sequence[Result]) -> Sequence[int]:
    """Return the ids of the deliveries that the claims which these results come from still hold.

    A commit whose acknowledgement was lost is written again, and by then its rows may be somebody else's.
    """
    return [result.id for result, *_ in _still_held(connection, results)]


def _news(connection: Connection, results: Sequence[Result]) -> list[Result]:
    """Return the results that their rows do not tell yet.

    A call of which no byte left us is repeated until the message expires; it is noted once for each cause.
    """
    return [
        result
        for result, state, error in _still_held(connection, results)
        if state in _HELD and state != result.state and not (result.refund and error == result.error)
    ]


def _still_held(connection: Connection, results: Sequence[Result]) -> list[tuple[Result, str, str | None]]:
    """Return the results whose claims still hold their deliveries, by id, with the state and error of each."""
    if not results:
        return []
    ids = among(connection, [result.id for result in results])
    rows = connection.execute(_standing(connection.dialect.name), ids).all()
    known = {(row_id, token): (state, error) for row_id, token, state, error in rows}
    held = [result for result in results if (result.id, result.token) in known]
    return [(result, *known[result.id, result.token]) for result in sorted(held, key=attrgetter("id"))]


@cache
def _standing(dialect: str) -> Select[int, str | None, str, str | None]:
    columns = DELIVERY.c.id, DELIVERY.c.token, DELIVERY.c.send_state, DELIVERY.c.error
    return select(*columns).where(is_among(DELIVERY.c.id, dialect))


def _attempt(result: Result) -> dict[str, Any]:
    return {
        "delivery_id": result.id,
        "number": result.number,
        "at": clock.now(),
        "outcome": result.outcome,
        "error": result.error,
    }


def _write(connection: Connection, results: Sequence[Result]) -> int:
    statement, rows = writing(results, connection.dialect.name)
    outcome: CursorResult[Any] = connection.execute(statement, {"rows": rows})
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


def writing(results: Sequence[Result], dialect: str) -> tuple[Update, str]:
    """Return the statement that writes a group of results, and the value of its parameter `rows`.

    Nearly every group is of clean acceptances alone, of which there is less to say.
    """
    if all(map(_is_clean, results)):
        return _accepting(dialect), _accepted_rows(results, dialect)
    written_as = datetime.isoformat if dialect == "postgresql" else _as_sqlite_stores
    return _recording(dialect), json.dumps([_row(result) for result in results], default=written_as)


def _is_clean(result: Result) -> bool:
    return result.state is SendState.ACCEPTED and result.error is None and not result.refund


def _accepted_rows(results: Sequence[Result], dialect: str) -> str:
    if dialect == "postgresql":
        return json.dumps([{"i": each.id, "t": each.token, "p": each.provider_id} for each in results])
    by_token: defaultdict[str, dict[int, str | None]] = defaultdict(dict)
    for result in results:
        by_token[result.token][result.id] = result.provider_id
    return json.dumps(by_token)


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
def _recording(dialect: str) -> Update:
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


@cache
def _accepting(dialect: str) -> Update:
    """Return the statement for clean acceptances: on SQLite by id within each token, since parsing costs most."""
    given = bindparam("rows", type_=String())
    row_id: ColumnElement[int]
    if dialect == "postgresql":
        kinds = (column("i", BigInteger()), column("t", String()), column("p", String()))
        rows = func.json_to_recordset(cast_to(given, JSON)).table_valued(*kinds, name="r")
        row = rows.render_derived(with_types=True).c
        row_id, token, provider_id = row.i, row.t, row.p
    else:
        claims = func.json_each(given).table_valued("key", "value", name="claims")
        rows = func.json_each(claims.c.value).table_valued("key", "value", name="r")
        row_id, token, provider_id = cast_to(rows.c.key, Integer()), claims.c.key, rows.c.value
    return (
        update(DELIVERY)
        .where(*_is_held(row_id, token))
        .values(
            send_state=SendState.ACCEPTED.value,
            provider_id=func.coalesce(provider_id, DELIVERY.c.provider_id),
            error=None,
        )
    )


def _is_held(row_id: ColumnElement[int], token: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that the claim which a result comes from still holds the row.

    The state hides in a CASE. As a plain condition it offers PostgreSQL ix_delivery_open instead of the ids, and
    every group then wades through the dead entries of all that was sent before it.
    """
    is_open = case((DELIVERY.c.send_state.in_(_HELD), true()), else_=false())
    return DELIVERY.c.id == row_id, DELIVERY.c.token == token, is_open


def _update(given: dict[str, Any]) -> Update:
    is_doubtful = given["state"].in_((SendState.UNKNOWN.value, SendState.QUEUED.value))
    has_receipt = and_(is_doubtful, DELIVERY.c.receipt_id.is_not(None))
    return (
        update(DELIVERY)
        .where(*_is_held(given["id"], given["token"]))
        .values(
            send_state=case((has_receipt, SendState.ACCEPTED.value), else_=given["state"]),
            provider_id=func.coalesce(given["provider_id"], DELIVERY.c.provider_id),
            error=given["error"],
            due_at=func.coalesce(given["due_at"], DELIVERY.c.due_at),
            attempts=DELIVERY.c.attempts - given["refund"],
        )
    )
