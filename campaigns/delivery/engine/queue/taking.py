"""Due deliveries are taken from the queue by one statement on PostgreSQL, in one transaction on SQLite.

Statements are built once: SQLAlchemy then renders each a single time, and the partial index on queued rows is used
because the state is written into the statement instead of being bound.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Select,
    String,
    Table,
    Update,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    update,
)

from campaigns.audience.models import Address, AddressState, Contact
from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import OPEN_CANARY, CanaryDelivery, Delivery, RunCanary, RunQuiet, RunZone
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunState

#: Core tables, because the mapped classes cost time on every claim.
DELIVERY = cast(Table, Delivery.__table__)
ADDRESS = cast(Table, Address.__table__)
CONTACT = cast(Table, Contact.__table__)
RUN_ZONE = cast(Table, RunZone.__table__)
RUN_QUIET = cast(Table, RunQuiet.__table__)
RUN_CANARY = cast(Table, RunCanary.__table__)
CANARY_DELIVERY = cast(Table, CanaryDelivery.__table__)
#: Written into statements, so that the partial index on queued rows is seen to apply.
QUEUED: ColumnElement[str] = literal_column(f"'{SendState.QUEUED.value}'", String())
_NOW: ColumnElement[datetime] = bindparam("now", type_=UTCDateTime())
_HAS_RECEIPT = DELIVERY.c.receipt_id.is_not(None)

#: A taken row: id, state, address id, text id, reference, attempts, expires_at (aware), and the ciphertext of the
#: address; in a rehearsal its keyed hash instead, and its country.
Taken = tuple[int, str, int, int, str, int, datetime, bytes | None, str | None]


def take(
    connection: Connection,
    given: dict[str, Any],
    *,
    is_rehearsal: bool,
    first: Update | None = None,
    raising: Update | None = None,
) -> list[Taken]:
    """Move due rows from `queued` to `sending`, close them or put them off; return them by id. See `Claims.claim`.

    `given` are the parameters of the statements: run, sender, after, through, limit, now and claim (the token),
    and those of `first`, which writes results within the same statement and is possible on PostgreSQL only, and of
    `raising`, without whose row nothing is taken.
    """
    if connection.dialect.name == "sqlite":
        if raising is not None and not connection.execute(raising, given).rowcount:
            return []
        return _take_from_sqlite(connection, given, is_rehearsal=is_rehearsal)
    rows = connection.execute(_claim(first, raising, is_rehearsal), given).all()
    return sorted(cast(list[Taken], rows), key=itemgetter(0))


def among(connection: Connection, ids: Collection[int]) -> dict[str, Any]:
    """Return the parameter that names `ids` for `is_among`: one value, however many ids there are."""
    return {"ids": list(ids)} if connection.dialect.name == "postgresql" else {"ids": json.dumps(list(ids))}


def is_among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Return the condition that `column` is one of the ids that the parameter `ids` names."""
    if dialect == "postgresql":
        return column == any_(bindparam("ids", type_=ARRAY(BigInteger())))
    given = func.json_each(bindparam("ids", type_=String())).table_valued("value")
    return column.in_(select(given.c.value))


def _take_from_sqlite(connection: Connection, given: dict[str, Any], *, is_rehearsal: bool) -> list[Taken]:
    """Read the due rows, then move them; the transaction is a writing one, so nobody comes in between.

    SQLite lets go of the interpreter at every row it hands out, and with the loop busy each costs a turn: so all
    rows are one JSON value.
    """
    rows = json.loads(connection.execute(_due_as_json(is_rehearsal), given).scalar_one())
    taken = [_as_taken(row) for row in rows]
    for state in (SendState.SENDING, SendState.EXPIRED, SendState.SUPPRESSED, SendState.ACCEPTED):
        ids = [row[0] for row in taken if row[1] == state.value]
        if ids:
            moment = {"now": given["now"], "claim": given["claim"]}
            connection.execute(_move(state), moment | among(connection, ids))
    put_off = defaultdict(list)
    for row in rows:
        if row[1] == SendState.QUEUED.value:
            put_off[row[-1]].append(row[0])
    for until, ids in put_off.items():
        connection.execute(_put_off(), {"until": _moment(until)} | among(connection, ids))
    return taken


def _as_taken(row: Iterable[Any]) -> Taken:
    row_id, state, address_id, text_id, reference, attempts, expires_at, secret, country, _ = row
    # SQLite writes the absence of bytes as none of them.
    hidden = bytes.fromhex(secret) if secret else None
    return row_id, state, address_id, text_id, reference, attempts, _moment(expires_at), hidden, country


@lru_cache(maxsize=1024)
def _moment(stored: str) -> datetime:
    """Return a time that SQLite stores as text; a run has few, one a time zone."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _next_state(address_state: ColumnElement[Any], quiet_until: ColumnElement[Any]) -> ColumnElement[str]:
    return case(
        # Its provider has it, although we queued it again: an earlier call was accepted after all.
        (_HAS_RECEIPT, SendState.ACCEPTED.value),
        (quiet_until.is_not(None), SendState.QUEUED.value),
        (DELIVERY.c.expires_at <= _NOW, SendState.EXPIRED.value),
        (address_state != AddressState.ACTIVE.value, SendState.SUPPRESSED.value),
        else_=SendState.SENDING.value,
    )


@cache
def _claim(first: Update | None, raising: Update | None, is_rehearsal: bool) -> Update:
    """Return the claim on PostgreSQL, with the statement that writes results inside when there is one.

    With `raising` inside nothing is taken unless that statement found its row.
    """
    # All of the address is read here: read again for what is returned, it costs another look-up a row.
    secret, country = _hidden(is_rehearsal)
    due = _due(
        DELIVERY.c.id,
        ADDRESS.c.state,
        _quiet_until().label("quiet_until"),
        secret.label("secret"),
        country.label("country"),
    )
    if raising is not None:
        due = due.where(select(raising.returning(literal_column("1").label("one")).cte("raised").c.one).exists())
    picked = due.with_for_update(skip_locked=True, of=DELIVERY).cte("picked")
    state = _next_state(picked.c.state, picked.c.quiet_until)
    is_put_off = picked.c.quiet_until.is_not(None)
    statement = (
        update(DELIVERY)
        .where(DELIVERY.c.id == picked.c.id)
        .values(
            send_state=state,
            token=case((is_put_off, DELIVERY.c.token), else_=bindparam("claim")),
            attempts=DELIVERY.c.attempts + case((state == SendState.SENDING.value, 1), else_=0),
            intent_at=case((or_(is_put_off, _HAS_RECEIPT), DELIVERY.c.intent_at), else_=_NOW),
            due_at=case((is_put_off, _not_after_its_end(picked.c.quiet_until)), else_=DELIVERY.c.due_at),
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


@cache
def _due_as_json(is_rehearsal: bool) -> Select[str]:
    """Select what is due as one JSON array of arrays: the values of a `Taken`, and how long it is quiet."""
    secret, country = _hidden(is_rehearsal)
    quiet_until = _quiet_until()
    due = _due(
        DELIVERY.c.id,
        _next_state(ADDRESS.c.state, quiet_until).label("state"),
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
            intent_at=case((_HAS_RECEIPT, DELIVERY.c.intent_at), else_=_NOW),
        )
    )


@cache
def _put_off() -> Update:
    until = _not_after_its_end(bindparam("until", type_=UTCDateTime()))
    return update(DELIVERY).where(is_among(DELIVERY.c.id, "sqlite")).values(due_at=until)


def _not_after_its_end(moment: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Return the moment, or when a delivery expires if that is sooner: the next claim closes it then."""
    return case((DELIVERY.c.expires_at < moment, DELIVERY.c.expires_at), else_=moment)


def _hidden(is_rehearsal: bool) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what is read of an address: a rehearsal does not even read the handle."""
    if is_rehearsal:
        return ADDRESS.c.lookup, ADDRESS.c.country
    return ADDRESS.c.ciphertext, literal_column("NULL", String())


def _quiet_until() -> ColumnElement[datetime]:
    """Return when quiet hours end for the person of a row that could be called; NULL: it is not quiet there.

    Nobody's zone is looked up while it is quiet in none of the run's. A number of a country that had nobody in its
    zone when the run was planned, because the person moved or another sender took over, goes by all of that zone.
    """
    quiet, zone = RUN_QUIET.c, RUN_ZONE.c
    time_zone, country = func.coalesce(CONTACT.c.time_zone, UNKNOWN_ZONE), func.coalesce(ADDRESS.c.country, "")
    is_now = and_(quiet.run_id == bindparam("run"), quiet.begins_at <= _NOW, quiet.ends_at > _NOW)
    waits = select(Run.id).where(Run.id == quiet.run_id, Run.priority < Priority.URGENT).exists()
    anywhere = select(quiet.run_id).where(is_now, waits).exists()
    is_planned = (
        select(zone.run_id)
        .where(zone.run_id == bindparam("run"), zone.time_zone == time_zone, zone.country == country)
        .correlate(CONTACT, ADDRESS)
        .exists()
    )
    until = (
        select(func.max(quiet.ends_at))
        .join_from(CONTACT, RUN_QUIET, quiet.time_zone == time_zone)
        .where(CONTACT.c.id == DELIVERY.c.contact_id, is_now, or_(quiet.country == country, ~is_planned))
        .correlate(DELIVERY, ADDRESS)
        .scalar_subquery()
    )
    could_be_called = and_(ADDRESS.c.state == AddressState.ACTIVE.value, DELIVERY.c.expires_at > _NOW)
    return case((and_(anywhere, could_be_called), until))


def _due(*columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Select the next due rows of a running run and a sender, with their addresses."""
    running = select(Run.id).where(Run.id == bindparam("run"), Run.state == RunState.RUNNING).exists()
    # Asked once a claim: as long as the canary of a run is open, nothing else of it is claimed.
    canary, ahead = RUN_CANARY.c, CANARY_DELIVERY.c
    watched = (
        select(canary.run_id).where(canary.run_id == bindparam("run"), canary.state.in_(OPEN_CANARY)).exists()
    )
    goes_ahead = DELIVERY.c.id.in_(select(ahead.delivery_id).where(ahead.run_id == bindparam("run")))
    return (
        select(*columns)
        .select_from(DELIVERY.outerjoin(ADDRESS, ADDRESS.c.id == DELIVERY.c.address_id))
        .where(DELIVERY.c.run_id == bindparam("run"), DELIVERY.c.sender_id == bindparam("sender"))
        .where(DELIVERY.c.send_state == QUEUED)
        .where(DELIVERY.c.id > bindparam("after"), DELIVERY.c.id <= bindparam("through"))
        .where(DELIVERY.c.due_at <= _NOW, running, or_(~watched, goes_ahead))
        .order_by(DELIVERY.c.id)
        .limit(bindparam("limit"))
    )
