"""Claims: the intent to call is committed with the claim, before anything else happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    Table,
    Update,
    bindparam,
    func,
    select,
    union_all,
    update,
)

from campaigns.audience.consent.urgent_contacts import URGENT_FOR
from campaigns.audience.models import Channel
from campaigns.continuity.lifeline import Step
from campaigns.core import clock
from campaigns.core.database import HIGHEST_ID, UTCDateTime
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import has_nobodys_link, with_own_link
from campaigns.delivery.engine.decisions import Decided, is_told, tell
from campaigns.delivery.engine.ports import Ask, Claimed, Found
from campaigns.delivery.engine.queue import claims_postgres, claims_sqlite
from campaigns.delivery.engine.queue.due_rows import DELIVERY, TakenRow
from campaigns.delivery.engine.queue.id_lists import among, is_among
from campaigns.delivery.member_phones import is_members, phone_of
from campaigns.delivery.models import RunQuiet, RunText, RunZone
from campaigns.delivery.rehearsal_addresses import country_of, find_stand_in, is_nobodys, stand_in
from campaigns.delivery.sealed_texts import open_body
from campaigns.delivery.states import SendState
from campaigns.directory.queries import last_days
from campaigns.gateways.base import Template
from campaigns.staff.models import SEALED_NUMBER

RUN_TEXT = cast(Table, RunText.__table__)
#: Error of a delivery whose address or text cannot be read.
DAMAGED = "damaged"
#: Texts are read anew after so long: those of a run that was paused for a wrong number say another one when it
#: goes on, and those of runs that ended need no memory.
TEXTS_LIVE = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class TextLine(NamedTuple):
    """A rendered text as it is sent."""

    body: str | None
    parts: int
    template: Template | None
    #: Each person's own link stands in it.
    is_personal: bool


#: Gives the handle of a row; None: it is damaged.
_HandleOf = Callable[[TakenRow], str | None]


class Claims:
    """Claims deliveries on a connection and reads what their calls need."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._texts: dict[int, TextLine] = {}
        self._texts_since = datetime.min.replace(tzinfo=UTC)

    def claim(
        self,
        connection: Connection,
        ask: Ask,
        *,
        step: Step | None = None,
        first: Update | None = None,
        rows: str = "",
    ) -> Found:
        """Move due deliveries of a running run from `queued` to `sending`, and close those that must not be sent.

        Expired ones become `expired`; those whose address is not active any more, or from whose person campaigns
        are held back, `suppressed`; those that cannot be read `failed`, so that one damaged row holds up nobody
        else. Where it is quiet they stay queued, and are due when it is not. With a `step` of the worker's
        lifeline nothing is claimed in a database that is behind it. On PostgreSQL the statement that writes
        results (`first`, with its parameter `rows`) may travel inside the claim.
        """
        now, token = clock.now(), uuid4().hex
        given = _parameters(ask, now=now, token=token)
        if first is not None:
            given["rows"] = rows
        raising = step.statement() if step is not None else None
        if step is not None:
            given |= step.parameters()
        if connection.dialect.name == "sqlite":
            found = claims_sqlite.take(connection, given, ask, raising)
        else:
            found = claims_postgres.take(connection, given, ask, raising, first)
        live = [row for row in found if row.state == SendState.SENDING.value]
        if len(live) < len(found) and is_told():
            _explain(ask.run_id, found)
        claimed = self._read(connection, ask, live, token=token, now=now)
        is_last = len(found) < ask.limit
        return Found(
            claimed=claimed,
            last_id=found[-1].id if found else ask.after,
            taken=len(found),
            next_due=connection.scalar(_next_due(), {"run": ask.run_id, "now": now}) if is_last else None,
        )

    def _read(
        self, connection: Connection, ask: Ask, rows: Sequence[TakenRow], *, token: str, now: datetime
    ) -> list[Claimed]:
        """Return claims with what their calls need, and close those whose address or text cannot be read."""
        self._learn_texts(connection, {row.text_id for row in rows}, now)
        claimed: list[Claimed] = []
        damaged: list[int] = []
        run_id, texts, vault, channel = ask.run_id, self._texts, self._vault, ask.line.channel
        # Of a channel other than SMS a sender's pace is in messages.
        is_sms, has_templates = channel is Channel.SMS, channel is Channel.WHATSAPP
        handle_of = self._stand_in_of(channel) if ask.line.is_rehearsal else self._handle_of()
        for row in rows:
            text, to = texts.get(row.text_id), handle_of(row)
            if to is None or text is None or text.body is None:
                damaged.append(row.id)
                continue
            body = with_own_link(text.body, row.address_id, channel, to, vault) if text.is_personal else text.body
            parts, template = text.parts if is_sms else 1, text.template if has_templates else None
            # By position, in the order of Claimed: words cost a third of the loop.
            claimed.append(
                Claimed(
                    row.id,
                    run_id,
                    row.address_id,
                    row.reference,
                    token,
                    row.attempts,
                    now,
                    row.expires_at,
                    to,
                    body,
                    parts,
                    template,
                    ask.is_answer,
                )
            )
        if damaged:
            _close(connection, damaged, run_id)
        return claimed

    def _learn_texts(self, connection: Connection, text_ids: set[int], now: datetime) -> None:
        if abs(now - self._texts_since) > TEXTS_LIVE:
            self._texts.clear()
            self._texts_since = now
        unknown = text_ids - self._texts.keys()
        if unknown:
            for row in connection.execute(_texts(connection.dialect.name), among(connection, unknown)):
                body = open_body(row.body, row.sealed_body, row.id, self._vault)
                template = (
                    None if row.content_sid is None else Template(row.content_sid, row.content_variables or {})
                )
                self._texts[row.id] = TextLine(
                    body, row.parts, template, body is not None and has_nobodys_link(body)
                )

    def _handle_of(self) -> _HandleOf:
        """Return what deciphers the handle of a taken row."""
        open_sealed = self._vault.opener(table="address", column="ciphertext")
        open_phone = self._vault.opener(**SEALED_NUMBER)

        def handle_of(row: TakenRow) -> str | None:
            if row.hidden is None:
                return None
            try:
                if is_members(row.address_id):
                    return open_phone(row.hidden, phone_of(row.address_id))
                return open_sealed(row.hidden, row.address_id)
            except Exception as error:
                _set_aside(row.address_id, error)
                return None

        return handle_of

    def _stand_in_of(self, channel: Channel) -> _HandleOf:
        """Return what makes the handle that a rehearsal writes to; the real one is not even read.

        The link to leave of a stand-in names nobody.
        """
        vault = self._vault

        def handle_of(row: TakenRow) -> str | None:
            if is_nobodys(row.address_id):
                return stand_in(row.id, channel, country_of(row.address_id))
            # A rehearsal that was planned before people were invented for it.
            if row.hidden is None:
                return None
            try:
                return find_stand_in(vault, row.id, channel, row.country, row.hidden)
            except Exception as error:
                _set_aside(row.address_id, error)
                return None

        return handle_of


def _explain(run_id: int, found: Sequence[TakenRow]) -> None:
    """Tell the decision log what becomes of rows that are not called."""
    for row in found:
        if row.state == SendState.QUEUED.value:
            tell(Decided.PUT_OFF, delivery=row.id, run=run_id)
        elif row.state != SendState.SENDING.value:
            tell(Decided.CLOSED, delivery=row.id, run=run_id, code=row.state)


def _set_aside(address_id: int, error: Exception) -> None:
    """Say which address cannot be read.

    Whatever is wrong with one must not hold up everybody behind it, claim after claim. The words of the error stay
    out of the log: they may hold what was deciphered.
    """
    _log.error("address %s cannot be read: %s", address_id, type(error).__name__)


def _parameters(ask: Ask, *, now: datetime, token: str) -> dict[str, Any]:
    return {
        "run": ask.run_id,
        "sender": ask.line.sender_id,
        "after": ask.after,
        "through": ask.through or HIGHEST_ID,
        "limit": ask.limit,
        "now": now,
        **last_days(now),
        "urgent_since": now - URGENT_FOR,
        "claim": token,
    }


@cache
def _texts(dialect: str) -> Select[*tuple[Any, ...]]:
    wanted = is_among(RUN_TEXT.c.id, dialect)
    columns = RUN_TEXT.c
    words = (columns.body, columns.sealed_body, columns.parts)
    return select(columns.id, *words, columns.content_sid, columns.content_variables).where(wanted)


@cache
def _next_due() -> Select[*tuple[Any, ...]]:
    run: BindParameter[int] = bindparam("run")
    now = bindparam("now", type_=UTCDateTime())
    zones = select(RunZone.due_at.label("at")).where(RunZone.run_id == run, RunZone.due_at > now)
    put_off = select(RunQuiet.ends_at).where(
        RunQuiet.run_id == run, RunQuiet.begins_at <= now, RunQuiet.ends_at > now
    )
    coming = union_all(zones, put_off).subquery()
    return select(func.min(coming.c.at))


def _close(connection: Connection, damaged: Sequence[int], run_id: int) -> None:
    for row_id in damaged:
        tell(Decided.CLOSED, delivery=row_id, run=run_id, code=DAMAGED)
    connection.execute(_close_damaged(connection.dialect.name), among(connection, damaged))


@cache
def _close_damaged(dialect: str) -> Update:
    return (
        update(DELIVERY)
        .where(is_among(DELIVERY.c.id, dialect))
        .values(send_state=SendState.FAILED.value, error=DAMAGED, attempts=DELIVERY.c.attempts - 1)
    )
