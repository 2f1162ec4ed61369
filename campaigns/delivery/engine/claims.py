"""Claims: the intent to call is committed with the claim, in one statement, before anything else happens.

Statements are built once: SQLAlchemy then renders each a single time, and the partial index on queued rows is used
because the state is written into the statement instead of being bound.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple, cast
from uuid import uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    Update,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import HIGHEST_ID, UTCDateTime
from campaigns.core.errors import DamagedDataError
from campaigns.delivery.engine.ports import Ask, Claimed, Found
from campaigns.delivery.models import (
    OPEN_CANARY,
    CanaryDelivery,
    Delivery,
    RunCanary,
    RunText,
    RunZone,
)
from campaigns.delivery.standins import find_stand_in
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Template
from campaigns.planning.models import Run, RunState

#: Core tables, because the mapped classes cost time on every claim.
DELIVERY = cast(Table, Delivery.__table__)
ADDRESS = cast(Table, Address.__table__)
RUN_TEXT = cast(Table, RunText.__table__)
RUN_CANARY = cast(Table, RunCanary.__table__)
CANARY_DELIVERY = cast(Table, CanaryDelivery.__table__)
#: Written into statements, so that the partial index on queued rows is seen to apply.
QUEUED: ColumnElement[str] = literal_column(f"'{SendState.QUEUED.value}'", String())
#: Error of a delivery whose address or text cannot be read.
DAMAGED = "damaged"

_log = logging.getLogger(__name__)


class TextLine(NamedTuple):
    """A rendered text as it is sent."""

    body: str | None
    parts: int
    template: Template | None


class Claims:
    """Claims deliveries on a connection and reads what their calls need."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._texts: dict[int, TextLine] = {}

    def claim(self, connection: Connection, ask: Ask, *, first: Update | None = None, rows: str = "") -> Found:
        """Move due deliveries of a running run from `queued` to `sending`, and close those that must not be sent.

        Expired ones become `expired`; those whose address is not active any more `suppressed`; those that cannot
        be read `failed`, so that one damaged row holds up nobody else. On PostgreSQL the statement that writes
        results (`first`, with its parameter `rows`) may travel inside the claim.
        """
        now, token = clock.now(), uuid4().hex
        given = {
            "run": ask.run_id,
            "sender": ask.line.sender_id,
            "after": ask.after,
            "through": ask.through or HIGHEST_ID,
            "limit": ask.limit,
            "now": now,
            "claim": token,
        }
        if first is not None:
            given["rows"] = rows
        taken = connection.execute(_claim(first, ask.line.is_rehearsal), given)
        found = sorted(taken.all(), key=lambda row: int(row.id))
        live = [row for row in found if row.send_state == SendState.SENDING]
        claimed = self._read(connection, ask, live, token=token, now=now)
        is_last = len(found) < ask.limit
        return Found(
            claimed=claimed,
            last_id=found[-1].id if found else ask.after,
            taken=len(found),
            next_due=connection.scalar(_next_due(), {"run": ask.run_id, "now": now}) if is_last else None,
        )

    def forget_texts(self) -> None:
        """Drop remembered texts; called when no run needs them, so that memory does not grow with runs."""
        self._texts.clear()

    def _read(
        self, connection: Connection, ask: Ask, rows: Sequence[Any], *, token: str, now: datetime
    ) -> list[Claimed]:
        """Return claims with what their calls need, and close those whose address or text cannot be read."""
        self._learn_texts(connection, {row.text_id for row in rows})
        claimed: list[Claimed] = []
        damaged: list[int] = []
        run_id, channel = ask.run_id, ask.line.channel
        handle_of = partial(self._stand_in_of, channel) if ask.line.is_rehearsal else self._handle_of
        for row in rows:
            text, to = self._texts.get(row.text_id), handle_of(row)
            if to is None or text is None or text.body is None:
                damaged.append(row.id)
                continue
            claimed.append(
                Claimed(
                    id=row.id,
                    run_id=run_id,
                    address_id=row.address_id,
                    reference=row.reference,
                    token=token,
                    attempts=row.attempts,
                    intent_at=now,
                    expires_at=row.expires_at,
                    to=to,
                    body=text.body,
                    # Of a channel other than SMS a sender's pace is in messages.
                    parts=text.parts if channel is Channel.SMS else 1,
                    template=text.template if channel is Channel.WHATSAPP else None,
                )
            )
        if damaged:
            connection.execute(_close_damaged(connection.dialect.name), _among(connection, damaged))
        return claimed

    def _learn_texts(self, connection: Connection, text_ids: set[int]) -> None:
        unknown = text_ids - self._texts.keys()
        if unknown:
            for row in connection.execute(_texts(connection.dialect.name), _among(connection, unknown)):
                template = (
                    None if row.content_sid is None else Template(row.content_sid, row.content_variables or {})
                )
                self._texts[row.id] = TextLine(row.body, row.parts, template)

    def _handle_of(self, row: Any) -> str | None:
        if row.ciphertext is None:
            return None
        try:
            return self._vault.open(row.ciphertext, table="address", column="ciphertext", row_id=row.address_id)
        except (DamagedDataError, UnicodeDecodeError):
            _log.error("address %s cannot be deciphered", row.address_id)
            return None

    def _stand_in_of(self, channel: Channel, row: Any) -> str | None:
        """Return the handle that a rehearsal writes to; the real one is not even read."""
        return None if row.lookup is None else find_stand_in(self._vault, row.id, channel, row.country, row.lookup)


@cache
def _claim(first: Update | None, is_rehearsal: bool) -> Update:
    """Return the claim, with the statement that writes results inside when there is one."""
    now, picked = bindparam("now", type_=UTCDateTime()), _due_rows().cte("picked")
    state = case(
        (DELIVERY.c.expires_at <= now, SendState.EXPIRED.value),
        (picked.c.state != AddressState.ACTIVE.value, SendState.SUPPRESSED.value),
        else_=SendState.SENDING.value,
    )
    statement = (
        update(DELIVERY)
        .where(DELIVERY.c.id == picked.c.id)
        .values(
            send_state=state,
            token=bindparam("claim"),
            attempts=DELIVERY.c.attempts + case((state == SendState.SENDING.value, 1), else_=0),
            intent_at=now,
        )
    )
    if first is not None:
        statement = statement.add_cte(first.returning(DELIVERY.c.id).cte("recorded"))
    wanted = (ADDRESS.c.country, ADDRESS.c.lookup) if is_rehearsal else (ADDRESS.c.ciphertext,)
    return statement.returning(
        DELIVERY.c.id,
        DELIVERY.c.send_state,
        DELIVERY.c.address_id,
        DELIVERY.c.text_id,
        DELIVERY.c.reference,
        DELIVERY.c.attempts,
        DELIVERY.c.expires_at,
        *(_of_address(column) for column in wanted),
    )


def _of_address(column: ColumnElement[Any]) -> Any:
    """Return a column of a delivery's address."""
    own = select(column).where(ADDRESS.c.id == DELIVERY.c.address_id).correlate(DELIVERY)
    return own.scalar_subquery().label(column.key)


def _due_rows() -> Select[*tuple[Any, ...]]:
    """Select the next due rows of a running run and a sender, locked, with the state of their addresses."""
    running = select(Run.id).where(Run.id == bindparam("run"), Run.state == RunState.RUNNING).exists()
    # Asked once a claim: as long as the canary of a run is open, nothing else of it is claimed.
    canary, ahead = RUN_CANARY.c, CANARY_DELIVERY.c
    watched = (
        select(canary.run_id).where(canary.run_id == bindparam("run"), canary.state.in_(OPEN_CANARY)).exists()
    )
    goes_ahead = DELIVERY.c.id.in_(select(ahead.delivery_id).where(ahead.run_id == bindparam("run")))
    return (
        select(DELIVERY.c.id, ADDRESS.c.state)
        .select_from(DELIVERY.outerjoin(ADDRESS, ADDRESS.c.id == DELIVERY.c.address_id))
        .where(DELIVERY.c.run_id == bindparam("run"), DELIVERY.c.sender_id == bindparam("sender"))
        .where(DELIVERY.c.send_state == QUEUED)
        .where(DELIVERY.c.id > bindparam("after"), DELIVERY.c.id <= bindparam("through"))
        .where(DELIVERY.c.due_at <= bindparam("now", type_=UTCDateTime()), running, or_(~watched, goes_ahead))
        .order_by(DELIVERY.c.id)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=DELIVERY)
    )


def _among(connection: Connection, ids: Collection[int]) -> dict[str, Any]:
    """Return the parameter that names `ids` in the statements below: one value, however many ids there are."""
    return {"ids": list(ids)} if connection.dialect.name == "postgresql" else {"ids": json.dumps(list(ids))}


def _is_among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    if dialect == "postgresql":
        return column == any_(bindparam("ids", type_=ARRAY(BigInteger())))
    given = func.json_each(bindparam("ids", type_=String())).table_valued("value")
    return column.in_(select(given.c.value))


@cache
def _texts(dialect: str) -> Select[*tuple[Any, ...]]:
    wanted = _is_among(RUN_TEXT.c.id, dialect)
    columns = RUN_TEXT.c
    return select(columns.id, columns.body, columns.parts, columns.content_sid, columns.content_variables).where(
        wanted
    )


@cache
def _next_due() -> Select[*tuple[Any, ...]]:
    return select(func.min(RunZone.due_at)).where(
        RunZone.run_id == bindparam("run"), RunZone.due_at > bindparam("now", type_=UTCDateTime())
    )


@cache
def _close_damaged(dialect: str) -> Update:
    return (
        update(DELIVERY)
        .where(_is_among(DELIVERY.c.id, dialect))
        .values(send_state=SendState.FAILED.value, error=DAMAGED, attempts=DELIVERY.c.attempts - 1)
    )
