"""Claims: the intent to call is committed with the claim, in one statement, before anything else happens.

Statements are built once: SQLAlchemy then renders each a single time, and the partial index on queued rows is used
because the state is written into the statement instead of being bound.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
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
    select,
    update,
)

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import UTCDateTime
from campaigns.core.errors import DamagedDataError
from campaigns.delivery.engine.ports import Ask, Claimed, Found
from campaigns.delivery.models import Delivery, RunText, RunZone
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState

#: Core tables, because the mapped classes cost time on every claim.
DELIVERY = cast(Table, Delivery.__table__)
ADDRESS = cast(Table, Address.__table__)
RUN_TEXT = cast(Table, RunText.__table__)
#: Written into statements, so that the partial index on queued rows is seen to apply.
QUEUED: ColumnElement[str] = literal_column(f"'{SendState.QUEUED.value}'", String())
HIGHEST_ID = 2**63 - 1
#: Error of a delivery whose address or text cannot be read.
DAMAGED = "damaged"

_log = logging.getLogger(__name__)


class TextLine(NamedTuple):
    """A rendered text as it is sent."""

    body: str | None
    parts: int


class Claims:
    """Claims deliveries on a connection and reads what their calls need."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._texts: dict[int, TextLine] = {}

    def claim(self, connection: Connection, ask: Ask) -> Found:
        """Move due deliveries of a running run from `queued` to `sending`, and close those that must not be sent.

        Expired ones become `expired`; those whose address is not active any more `suppressed`; those that cannot
        be read `failed`, so that one damaged row holds up nobody else.
        """
        now, token = clock.now(), uuid4().hex
        limit = {
            "run": ask.run_id,
            "after": ask.after,
            "through": ask.through or HIGHEST_ID,
            "limit": ask.limit,
        }
        taken = connection.execute(_claim(), limit | {"now": now, "claim": token})
        rows = sorted(taken.all(), key=lambda row: int(row.id))
        live = [row for row in rows if row.send_state == SendState.SENDING]
        claimed = self._read(connection, ask.run_id, live, token=token, now=now)
        return Found(
            claimed=claimed,
            last_id=rows[-1].id if rows else ask.after,
            taken=len(rows),
            next_due=connection.scalar(_next_due(), {"run": ask.run_id, "now": now})
            if len(rows) < ask.limit
            else None,
        )

    def forget_texts(self) -> None:
        """Drop remembered texts; called when no run needs them, so that memory does not grow with runs."""
        self._texts.clear()

    def _read(
        self, connection: Connection, run_id: int, rows: Sequence[Any], *, token: str, now: datetime
    ) -> list[Claimed]:
        if not rows:
            return []
        wanted = _among(connection, [row.address_id for row in rows])
        addresses = {row.id: row for row in connection.execute(_addresses(connection.dialect.name), wanted)}
        self._learn_texts(connection, {row.text_id for row in rows})
        claimed: list[Claimed] = []
        closed: dict[SendState, list[int]] = {SendState.SUPPRESSED: [], SendState.FAILED: []}
        for row in rows:
            address, text = addresses.get(row.address_id), self._texts.get(row.text_id)
            if address is not None and address.state != AddressState.ACTIVE:
                closed[SendState.SUPPRESSED].append(row.id)
                continue
            to = self._handle_of(address)
            if to is None or text is None or text.body is None:
                closed[SendState.FAILED].append(row.id)
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
                    parts=text.parts,
                )
            )
        _close(connection, closed)
        return claimed

    def _learn_texts(self, connection: Connection, text_ids: set[int]) -> None:
        unknown = text_ids - self._texts.keys()
        if unknown:
            for row in connection.execute(_texts(connection.dialect.name), _among(connection, unknown)):
                self._texts[row.id] = TextLine(row.body, row.parts)

    def _handle_of(self, address: Any) -> str | None:
        if address is None:
            return None
        try:
            return self._vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
        except (DamagedDataError, UnicodeDecodeError):
            _log.error("address %s cannot be deciphered", address.id)
            return None


def _close(connection: Connection, closed: Mapping[SendState, list[int]]) -> None:
    for state, ids in closed.items():
        if ids:
            error = DAMAGED if state is SendState.FAILED else None
            values = {"state": state.value, "why": error} | _among(connection, ids)
            connection.execute(_closing(connection.dialect.name), values)


@cache
def _claim() -> Update:
    now = bindparam("now", type_=UTCDateTime())
    running = select(Run.id).where(Run.id == bindparam("run"), Run.state == RunState.RUNNING).exists()
    picked = (
        select(DELIVERY.c.id)
        .where(DELIVERY.c.run_id == bindparam("run"), DELIVERY.c.send_state == QUEUED)
        .where(DELIVERY.c.id > bindparam("after"), DELIVERY.c.id <= bindparam("through"))
        .where(DELIVERY.c.due_at <= now, running)
        .order_by(DELIVERY.c.id)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=DELIVERY)
        .cte("picked")
    )
    is_late = DELIVERY.c.expires_at <= now
    return (
        update(DELIVERY)
        .where(DELIVERY.c.id == picked.c.id)
        .values(
            send_state=case((is_late, SendState.EXPIRED.value), else_=SendState.SENDING.value),
            token=bindparam("claim"),
            attempts=DELIVERY.c.attempts + case((is_late, 0), else_=1),
            intent_at=now,
        )
        .returning(
            DELIVERY.c.id,
            DELIVERY.c.send_state,
            DELIVERY.c.address_id,
            DELIVERY.c.text_id,
            DELIVERY.c.reference,
            DELIVERY.c.attempts,
            DELIVERY.c.expires_at,
        )
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
def _addresses(dialect: str) -> Select[*tuple[Any, ...]]:
    wanted = _is_among(ADDRESS.c.id, dialect)
    return select(ADDRESS.c.id, ADDRESS.c.state, ADDRESS.c.ciphertext).where(wanted)


@cache
def _texts(dialect: str) -> Select[*tuple[Any, ...]]:
    wanted = _is_among(RUN_TEXT.c.id, dialect)
    return select(RUN_TEXT.c.id, RUN_TEXT.c.body, RUN_TEXT.c.parts).where(wanted)


@cache
def _next_due() -> Select[*tuple[Any, ...]]:
    return select(func.min(RunZone.due_at)).where(
        RunZone.run_id == bindparam("run"), RunZone.due_at > bindparam("now", type_=UTCDateTime())
    )


@cache
def _closing(dialect: str) -> Update:
    return (
        update(DELIVERY)
        .where(_is_among(DELIVERY.c.id, dialect))
        .values(send_state=bindparam("state"), error=bindparam("why"), attempts=DELIVERY.c.attempts - 1)
    )
