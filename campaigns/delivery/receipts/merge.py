"""Receipts are stored as they come, and merged into deliveries later, in whole sets; nothing here speaks HTTP.

Whatever the order of arrival, a delivery ends with the receipt of the highest (rank, id): `states.merge` says the
rule for two receipts, `apply_receipts` says the same to the database for thousands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Integer,
    Select,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    column,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    table,
    true,
    update,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.audience.loading.new_rows import METHOD as IMPORTED
from campaigns.audience.models import Consent, ConsentKind
from campaigns.core import clock
from campaigns.core.database import UTCDateTime, keeping_more
from campaigns.delivery.lanes.sender_health import write_health
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.one_person.channel_fallback import fall_back
from campaigns.delivery.queries import in_state
from campaigns.delivery.receipts.receipt_words import ADDRESS_ACTIONS, FAILED, FAILING, LOST, WORDS
from campaigns.delivery.receipts.waiting_batch import ReceiptBatch, stands_among, take_batch
from campaigns.delivery.refusals import heed_refusals
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Health, Run, Sender

RECEIPT = cast(Table, Receipt.__table__)
#: Fields that hold a handle; they are never kept.
HANDLE_FIELDS = frozenset({"From", "To", "ChannelToAddress", "WaId", "ProfileName"})
#: A reference is committed before its call, so a receipt for an unknown one is a stranger's. It is tried again
#: for so long (a restored or lagging database may still bring the delivery), then marked as nobody's.
STRANGER_WAIT = timedelta(minutes=10)
#: What is kept of runs that were counted, which the rooms above this one do.
_KEPT = table("run_tally", column("run_id", BigInteger()), column("is_settled", Boolean()))
#: What a long queue is drained of before it is looked through from its beginning again, in batches.
BATCHES_ONWARD = 50
#: Receipts of a batch. A commit writes each page that was touched, and receipts come in an order of their own:
#: larger batches touch fewer pages for each. On SQLite, where that is half of the work, one takes 0.24 s, which is
#: how long whoever writes waits for it.
AT_ONCE = {"sqlite": 40_000, "postgresql": 5000}


def store(session: Session, updates: Sequence[StatusUpdate], *, gateway: str) -> None:
    """Write what callbacks said, in their order, one row each; unknown words and references are kept too."""
    store_rows(session.connection(), [row_of(arrived, gateway) for arrived in updates])


def store_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what `row_of` made, in one statement however many they are; all of it was received now."""
    if rows:
        statement = storing(connection.dialect.name)
        connection.execute(statement, {"rows": json.dumps(rows), "received_at": clock.now()})


def apply_receipts(session: Session, limit: int = 1000) -> int:
    """Merge up to `limit` waiting receipts into their deliveries and return how many were merged.

    Any number of processes may do so at once: rows that another transaction holds are left for the next call,
    so this one never waits for a delivery and cannot be part of a deadlock.
    """
    return _apply_batch(session, after=0, limit=limit).count


def is_anything_to_merge(session: Session) -> bool:
    """Say whether a receipt waits, or a call that was given up has one; most looks find neither."""
    return bool(session.scalar(_anything()))


@cache
def _anything() -> Select[bool]:
    waiting = select(Receipt.id).where(Receipt.applied_at.is_(None))
    told = select(Delivery.id).where(in_state(SendState.UNKNOWN), Delivery.receipt_id.is_not(None))
    return select(or_(waiting.exists(), told.exists()))


class ReceiptDrain:
    """Merges a long queue batch after batch, each beginning behind the last one.

    The index of those that wait keeps the entries of all that was merged before until it is vacuumed: from its
    beginning each batch would read more of them than the one before.
    """

    def __init__(self, at_once: int | None = None) -> None:
        """Prepare a drain of `at_once` receipts a batch, or as many as its database does well with."""
        self._after = self._batches = 0
        self._at_once = at_once
        #: Whether the last batch was the end of the queue.
        self.is_over = False

    def apply(self, session: Session) -> int:
        """Merge the next batch and return how many receipts were in it."""
        connection = session.connection()
        limit = self._at_once or AT_ONCE[connection.dialect.name]
        with keeping_more(connection):
            batch = _apply_batch(session, after=self._after, limit=limit)
        self._batches += 1
        # What somebody else held must not wait for the end of a queue that others keep filling.
        self._after = batch.last_id if self._batches % BATCHES_ONWARD else 0
        self.is_over = batch.count < limit
        return batch.count


def _apply_batch(session: Session, *, after: int, limit: int) -> ReceiptBatch:
    batch = take_batch(session, after=after, limit=limit)
    now = clock.now()
    if batch.repeats:
        # A provider posts again what was not answered, and whoever has seen a signed receipt can post it for ever.
        session.execute(_removal(), batch.only(batch.repeats))
    if batch.news:
        _apply(session, batch, batch.only(batch.news), now=now)
    if batch.count < limit:
        # Once the queue is drained, and not for each batch of a long one: both look at every waiting row.
        session.execute(_settle(in_batch=False), {"now": now})
        session.execute(_give_up_on_strangers(), {"now": now, "before": now - STRANGER_WAIT})
    return batch


def _apply(session: Session, batch: ReceiptBatch, news: Mapping[str, Any], *, now: datetime) -> None:
    """Merge the news of a batch.

    Its deliveries are held, so what was read of them still holds; what none of them asks for is not looked for:
    receipts that ask for nothing, of messages that were accepted, need three statements and not seven.
    """
    if batch.winners:
        session.execute(_merge(session.get_bind().dialect.name), batch.only(batch.winners))
    if batch.is_blaming:
        # After they are merged: a number to which a message was delivered is not dead, whatever comes late.
        _heed_refusals(session, news)
    if batch.is_any_lost:
        session.execute(_settle(in_batch=True), {**news, "now": now})
    if batch.is_any_late:
        session.execute(_unsettle(), news)
    if batch.asks_another:
        # Last, because a delivery that goes on over another sender has another reference.
        fall_back(session, session.scalars(_select_refused(), news).all())
    session.execute(_mark_applied(), {**news, "now": now})


def row_of(arrived: StatusUpdate, gateway: str) -> dict[str, Any]:
    """Return what is stored of an update: nothing longer than its column, and no handle."""
    return {
        "gateway": gateway,
        "reference": _clipped(arrived.reference, 64),
        "provider_id": _clipped(arrived.provider_id, 64),
        "status": _clipped(arrived.status, 30),
        "error": _clipped(arrived.error, 40) if arrived.error else None,
        "action": arrived.action,
        "raw": {name: value for name, value in arrived.raw.items() if name not in HANDLE_FIELDS},
    }


#: What `row_of` gives, by column.
_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("gateway", "reference", "provider_id", "status", "error", "action"), String()),
    "raw": JSON(),
}


@cache
def storing(dialect: str) -> Insert:
    """Return the one statement for a whole group: its rows travel as one JSON value."""
    given = bindparam("rows", type_=String())
    received_at = bindparam("received_at", type_=UTCDateTime())
    if dialect == "postgresql":
        columns = [column(name, kind) for name, kind in _COLUMNS.items()]
        rows = func.json_to_recordset(cast_to(given, JSON)).table_valued(*columns, name="r")
        rows = rows.render_derived(with_types=True)
        arrived = select(*(rows.c[name] for name in _COLUMNS), received_at)
    else:
        lines = func.json_each(given).table_valued("value", name="r")
        arrived = select(*(func.json_extract(lines.c.value, f"$.{name}") for name in _COLUMNS), received_at)
    return insert(RECEIPT).from_select([*_COLUMNS, "received_at"], arrived)


def _clipped(text: str, length: int) -> str:
    # PostgreSQL stores no NUL and nothing too long: one such value must not cost the whole group its commit.
    return text.replace("\0", "")[:length]


#: Receipts of one batch; the statements below are built once, because that costs more than to execute them.
#: A place may be given to a receipt that comes meanwhile, where somebody else merged the one that stood there and
#: a vacuum was quick: its id is behind the last that was read. (+ 0, so that the places are what is looked up.)
_PLACES = bindparam("places", type_=String())
_IN_BATCH: ColumnElement[bool] = and_(
    stands_among(_PLACES), Receipt.id + 0 <= bindparam("last_id", type_=BigInteger())
)
_NOW = bindparam("now", type_=UTCDateTime())


@cache
def _removal() -> Delete:
    return delete(Receipt).where(_IN_BATCH).execution_options(synchronize_session=False)


@cache
def _merge(dialect: str) -> Update:
    """Return the statement that gives deliveries what the receipts of a list say: one each, that is the better."""
    state = case({word: state.value for word, state in WORDS.items()}, value=Receipt.status)
    if dialect == "sqlite":
        best = func.json_each(_PLACES).table_valued("key", "value", name="best").c
        stands = and_(Receipt.id == best.value, Delivery.id == cast_to(best.key, Integer()))
    else:
        stands = and_(Delivery.reference == Receipt.reference, _IN_BATCH)
    return (
        update(Delivery)
        .where(stands)
        .values(
            receipt_state=state,
            receipt_id=Receipt.id,
            receipt_error=case((Receipt.status.in_(FAILING), Receipt.error)),
            provider_id=func.coalesce(Delivery.provider_id, func.nullif(Receipt.provider_id, "")),
        )
        .execution_options(synchronize_session=False)
    )


def _heed_refusals(session: Session, batch: Mapping[str, Any]) -> None:
    """Do what failing receipts ask: a block is an opt-out, a dead number is not used again, a sender is paused.

    What the sandbox says in a rehearsal says nothing of people and senders.
    """
    blamed = session.execute(_select_blamed(Delivery.address_id, ADDRESS_ACTIONS), batch).all()
    heed_refusals(session, ((address_id, Action(action), code) for address_id, action, code in blamed))
    for sender_id, _, code in session.execute(_select_blamed(Delivery.sender_id, (Action.PAUSE_SENDER,)), batch):
        write_health(session, [sender_id], Health.PAUSED, code=code)


@cache
def _select_blamed(of: InstrumentedAttribute[int], actions: tuple[Action, ...]) -> Select[*tuple[Any, ...]]:
    """Select whom failing receipts blame, what they ask and one of the codes, each pair once."""
    return (
        select(of, Receipt.action, func.coalesce(func.min(Receipt.error), ""))
        .join(Receipt, Receipt.reference == Delivery.reference)
        .join(Run, Run.id == Delivery.run_id)
        .where(_IN_BATCH, Receipt.status.in_(FAILING), Receipt.action.in_(actions))
        .where(Run.is_rehearsal.is_(False))
        .where(or_(Receipt.action != Action.INVALIDATE_ADDRESS, Delivery.receipt_state.in_(FAILED)))
        .where(or_(Receipt.action != Action.PAUSE_SENDER, ~_was_mended_since()))
        .where(or_(Receipt.action != Action.OPT_OUT, ~_has_agreed_since()))
        .group_by(of, Receipt.action)
        .order_by(of)
    )


def _was_mended_since() -> ColumnElement[bool]:
    """Match deliveries that were called before their sender, which is well, was mended or recovered."""
    mended = (Sender.health == Health.WELL) & (Sender.health_at > Delivery.intent_at)
    return select(Sender.id).where(Sender.id == Delivery.sender_id, mended).correlate(Delivery).exists()


def _has_agreed_since() -> ColumnElement[bool]:
    """Match deliveries that were called before their person said start: what was refused then says nothing now.

    What somebody else says that they agreed to, in a file, is no such word.
    """
    agreed = select(Consent.id).where(
        Consent.address_id == Delivery.address_id,
        Consent.kind.in_((ConsentKind.GRANTED, ConsentKind.LIFTED)),
        Consent.method != IMPORTED,
        Consent.given_at > Delivery.intent_at,
    )
    return agreed.correlate(Delivery).exists()


@cache
def _select_refused() -> Select[int]:
    """Select deliveries whose last word is that their channel will never reach the person."""
    return (
        select(Delivery.id)
        .join(Receipt, Receipt.id == Delivery.receipt_id)
        .where(_IN_BATCH, Receipt.action == Action.OTHER_CHANNEL)
        .where(Delivery.receipt_state == ReceiptState.FAILED)
    )


@cache
def _settle(*, in_batch: bool) -> Update:
    """Return the statement that makes deliveries in a lost state (`LOST`) `accepted` that have a receipt.

    A receipt often comes while its row is still `sending`, and only then the call is given up; so they are looked
    for by state too (written into the statement, else the partial index on open rows is not used).
    """
    told = Delivery.reference.in_(select(Receipt.reference).where(_IN_BATCH))
    among = told if in_batch else in_state(SendState.UNKNOWN)
    known = (
        select(Delivery.id)
        .where(among, Delivery.send_state.in_(sorted(LOST)))
        .where(Delivery.receipt_id.is_not(None))
        .with_for_update(skip_locked=True)
    )
    return (
        update(Delivery)
        .where(Delivery.id.in_(known))
        # A restored database may know of no call at all; daily limits count what was called within a day.
        .values(send_state=SendState.ACCEPTED, token=None, intent_at=func.coalesce(Delivery.intent_at, _NOW))
        .execution_options(synchronize_session=False)
    )


@cache
def _unsettle() -> Update:
    """Return the statement that has the runs of late receipts counted once more, whatever was taken for final."""
    runs = select(Delivery.run_id).join(Receipt, Receipt.reference == Delivery.reference).where(_IN_BATCH)
    # Also what seems not settled is held, so that a worker who is about to count it waits for these receipts; in
    # one order, so that of two batches neither holds what the other waits for.
    held = select(_KEPT.c.run_id).where(_KEPT.c.run_id.in_(runs)).order_by(_KEPT.c.run_id).with_for_update()
    return update(_KEPT).where(_KEPT.c.run_id.in_(held)).values(is_settled=False)


@cache
def _give_up_on_strangers() -> Update:
    has_delivery = select(Delivery.id).where(Delivery.reference == Receipt.reference).exists()
    before = Receipt.received_at < bindparam("before", type_=UTCDateTime())
    return _marking(Receipt.applied_at.is_(None), before, ~has_delivery)


@cache
def _mark_applied() -> Update:
    # Plainly said, PostgreSQL looks among all that wait for the places when its statistics are of a time when
    # nothing did: 2,000 places are compared with each receipt of the queue.
    is_waiting = case((Receipt.applied_at.is_(None), true()), else_=false())
    return _marking(is_waiting, _IN_BATCH)


def _marking(*conditions: ColumnElement[bool]) -> Update:
    return update(Receipt).where(*conditions).values(applied_at=_NOW).execution_options(synchronize_session=False)
