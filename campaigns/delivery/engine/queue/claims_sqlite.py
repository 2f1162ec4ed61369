"""On SQLite a claim is one writing transaction: it reads the due rows, then moves them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, String, Update, bindparam, case, func, select, type_coerce, update

from campaigns.core.database import UTCDateTime
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.due_rows import (
    DELIVERY,
    HAS_RECEIPT,
    NOW,
    TakenRow,
    end_of_quiet,
    hidden_columns,
    is_closed,
    next_state,
    not_after_its_end,
    select_due,
)
from campaigns.delivery.engine.queue.id_lists import among, is_among
from campaigns.delivery.states import SendState


class _DueRow(NamedTuple):
    """A due row as `_due_as_json` tells it; times and bytes are text."""

    id: int
    state: str
    address_id: int
    text_id: int
    reference: str
    attempts: int
    expires_at: str
    hidden: str
    country: str | None
    #: How long it is quiet for the person, when the row is put off.
    quiet_until: str | None


def take(connection: Connection, given: dict[str, Any], ask: Ask, raising: Update | None) -> list[TakenRow]:
    """Move due rows from `queued` to `sending`, close them or put them off; return them by id. See `Claims.claim`.

    `given` are the parameters of the statements: run, sender, after, through, limit, now and claim (the token),
    and those of `raising`, without whose row nothing is taken. The transaction is a writing one, so nobody comes
    in between.

    SQLite lets go of the interpreter at every row it hands out, and with the loop busy each costs a turn: so all
    rows are one JSON value.
    """
    if raising is not None and not connection.execute(raising, given).rowcount:
        return []
    told = connection.execute(_due_as_json(ask.line.is_rehearsal, ask.is_answer), given).scalar_one()
    rows = [_DueRow(*row) for row in json.loads(told)]
    ids, put_off = defaultdict[str, list[int]](list), defaultdict[str | None, list[int]](list)
    for row in rows:
        if row.state == SendState.QUEUED.value:
            put_off[row.quiet_until].append(row.id)
        else:
            ids[row.state].append(row.id)
    moment = {"now": given["now"], "claim": given["claim"]}
    for state, moved in ids.items():
        connection.execute(_move(SendState(state)), moment | among(connection, moved))
    for until, kept in put_off.items():
        connection.execute(_put_off(), {"until": _moment(until)} | among(connection, kept))
    return [_taken(row) for row in rows]


def _taken(row: _DueRow) -> TakenRow:
    row_id, state, address_id, text_id, reference, attempts, expires_at, sealed, country, _ = row
    # SQLite writes the absence of bytes as none of them.
    secret = bytes.fromhex(sealed) if sealed else None
    return TakenRow(row_id, state, address_id, text_id, reference, attempts, _moment(expires_at), secret, country)


@lru_cache(maxsize=1024)
def _moment(stored: str) -> datetime:
    """Return a time that SQLite stores as text; a run has few, one a time zone."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


@cache
def _due_as_json(is_rehearsal: bool, is_answer: bool) -> Select[str]:
    """Select what is due as one JSON array of arrays: the values of a `_DueRow`."""
    secret, country = hidden_columns(is_rehearsal, is_answer)
    quiet_until = end_of_quiet()
    due = select_due(
        DELIVERY.c.id,
        next_state(is_closed(is_answer=is_answer), quiet_until).label("state"),
        DELIVERY.c.address_id,
        DELIVERY.c.text_id,
        DELIVERY.c.reference,
        # The call that this claim begins is counted.
        (DELIVERY.c.attempts + 1).label("attempts"),
        type_coerce(DELIVERY.c.expires_at, String()).label("expires_at"),
        func.hex(secret).label("secret"),
        country.label("country"),
        type_coerce(quiet_until, String()).label("quiet_until"),
    ).subquery()
    return select(func.json_group_array(func.json_array(*due.c)))


@cache
def _move(state: SendState) -> Update:
    return (
        update(DELIVERY)
        .where(is_among(DELIVERY.c.id, "sqlite"))
        .values(
            send_state=state.value,
            token=bindparam("claim"),
            attempts=DELIVERY.c.attempts + int(state is SendState.SENDING),
            intent_at=case((HAS_RECEIPT, DELIVERY.c.intent_at), else_=NOW),
        )
    )


@cache
def _put_off() -> Update:
    until = not_after_its_end(bindparam("until", type_=UTCDateTime()))
    return update(DELIVERY).where(is_among(DELIVERY.c.id, "sqlite")).values(due_at=until)
