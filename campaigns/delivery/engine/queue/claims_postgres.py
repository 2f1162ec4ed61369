"""On PostgreSQL a claim is one statement, within which results may be written and the mark be raised."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Update,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    type_coerce,
    update,
)

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
from campaigns.delivery.states import SendState


def take(
    connection: Connection, given: dict[str, Any], ask: Ask, raising: Update | None, first: Update | None
) -> list[TakenRow]:
    """Move due rows from `queued` to `sending`, close them or put them off; return them by id. See `Claims.claim`.

    `given` are the parameters of the statements: run, sender, after, through, limit, now and claim (the token),
    those of `first`, which writes results within the same statement, and of `raising`, without whose row nothing
    is taken.
    """
    rows = connection.execute(_claim(first, raising, ask.line.is_rehearsal, ask.is_answer), given)
    return sorted(map(TakenRow._make, rows), key=attrgetter("id"))


@cache
def _claim(first: Update | None, raising: Update | None, is_rehearsal: bool, is_answer: bool) -> Update:
    """Return the claim on PostgreSQL, with the statement that writes results inside when there is one.

    With `raising` inside nothing is taken unless that statement found its row.
    """
    # All of the address is read here: read again for what is returned, it costs another look-up a row.
    secret, country = hidden_columns(is_rehearsal, is_answer)
    due = select_due(
        DELIVERY.c.id,
        is_closed(is_answer=is_answer).label("closed"),
        end_of_quiet().label("quiet_until"),
        secret.label("secret"),
        country.label("country"),
    )
    if raising is not None:
        due = due.where(select(raising.returning(literal_column("1").label("one")).cte("raised").c.one).exists())
    picked = due.with_for_update(skip_locked=True, of=DELIVERY).cte("picked")
    state = next_state(picked.c.closed, picked.c.quiet_until)
    is_put_off = picked.c.quiet_until.is_not(None)
    statement = (
        update(DELIVERY)
        .where(DELIVERY.c.id == picked.c.id)
        .values(
            send_state=state,
            token=case((is_put_off, DELIVERY.c.token), else_=bindparam("claim")),
            attempts=DELIVERY.c.attempts + case((state == SendState.SENDING.value, 1), else_=0),
            intent_at=case((or_(is_put_off, HAS_RECEIPT), DELIVERY.c.intent_at), else_=NOW),
            due_at=case((is_put_off, not_after_its_end(picked.c.quiet_until)), else_=DELIVERY.c.due_at),
        )
    )
    if first is not None:
        statement = statement.add_cte(first.returning(DELIVERY.c.id).cte("recorded"))
    return statement.returning(*_returned(), picked.c.secret, picked.c.country)


def _returned() -> tuple[ColumnElement[Any], ...]:
    return (
        DELIVERY.c.id,
        DELIVERY.c.send_state,
        DELIVERY.c.address_id,
        DELIVERY.c.text_id,
        DELIVERY.c.reference,
        DELIVERY.c.attempts,
        # As the driver gives it: converting it row by row costs as much as reading the row.
        type_coerce(DELIVERY.c.expires_at, DateTime(timezone=True)),
    )
