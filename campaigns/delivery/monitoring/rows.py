"""Pages read a run's deliveries one by one, without an address, at the same cost in a run of a million."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, select, union_all
from sqlalchemy.orm import Session

from campaigns.audience.models import Address
from campaigns.core.errors import InputError, NotFoundError
from campaigns.core.words import N_
from campaigns.delivery.models import Attempt, Delivery, Receipt, RunText
from campaigns.delivery.queries import in_state
from campaigns.delivery.receipts.receipt_words import FAILING, WORDS
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.places.models import Region
from campaigns.planning.models import Run, Sender

PER_PAGE = 50
#: States whose cause is that of the last call; that of others is the receipt's.
CALLED_IN_VAIN = (SendState.FAILED, SendState.UNKNOWN, SendState.UNCONFIRMED)
#: Receipts of a call come within so long, with room for a clock that is wrong.
BEFORE, AFTER = timedelta(minutes=5), timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries of a run are looked at."""

    state: SendState | None = None
    #: Code of a failure, '' for one that nobody named; None: whatever it is.
    cause: str | None = None

    @classmethod
    def read(cls, state: str | None, cause: str | None) -> Wanted:
        """Read it from an address. Raises InputError for a state that there is not."""
        if state and state not in set(SendState):
            raise InputError(N_("There is no such status of a message."))
        return cls(SendState(state) if state else None, None if cause is None else cause[:40])


@dataclass(frozen=True, slots=True)
class Lines:
    """One page of deliveries; each row has what _COLUMNS names."""

    rows: Sequence[Row[Any]]
    #: Id of the delivery after which the next page begins, or None.
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Story:
    """One delivery and everything that happened to it, in its order: attempts and receipts."""

    row: Row[Any]
    happened: Sequence[Attempt | Receipt]


def read_lines(session: Session, run: Run, wanted: Wanted, *, after: int = 0) -> Lines:
    """Read a page of the deliveries that are wanted, those behind the delivery `after`."""
    parts = [part.limit(PER_PAGE + 1).subquery() for part in _parts(run, wanted, after)]
    found = union_all(*(select(part) for part in parts)).subquery()
    ids = (
        session.execute(select(found.c.id).order_by(found.c.place, found.c.id).limit(PER_PAGE + 1)).scalars().all()
    )
    shown = ids[:PER_PAGE]
    by_id = {row.id: row for row in session.execute(_select_lines().where(Delivery.id.in_(shown)))}
    return Lines([by_id[each] for each in shown if each in by_id], shown[-1] if len(ids) > PER_PAGE else None)


def read_story(session: Session, run: Run, delivery_id: int) -> Story:
    """Read one delivery of a run with what happened to it. Raises NotFoundError for one that is not the run's."""
    row = session.execute(
        _select_lines().where(Delivery.id == delivery_id, Delivery.run_id == run.id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    attempts = session.scalars(select(Attempt).where(Attempt.delivery_id == row.id).order_by(Attempt.id)).all()
    happened: list[Attempt | Receipt] = [*attempts, *_receipts_of(session, row, attempts)]
    return Story(
        row, sorted(happened, key=lambda each: each.at if isinstance(each, Attempt) else each.received_at)
    )


def state_of_word(status: str) -> ReceiptState | None:
    """Return the receipt state that a provider's word means, or None for a word we do not know."""
    return WORDS.get(status)


def first_receipt(session: Session, moment: datetime) -> int:
    """Return the id of the first receipt that came at `moment` or later, by halving; they have no index on time.

    Higher than every id when there is none.
    """
    low, high = 1, (session.scalar(select(Receipt.id).order_by(Receipt.id.desc()).limit(1)) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = session.execute(
            select(Receipt.id, Receipt.received_at).where(Receipt.id >= middle).order_by(Receipt.id).limit(1)
        ).first()
        if found is not None and found.received_at < moment:
            low = found.id + 1
        else:
            high = middle
    return low


def _select_lines() -> Select[*tuple[Any, ...]]:
    """Select what is shown of deliveries; nothing of it is a handle."""
    return (
        select(
            Delivery.id,
            Delivery.reference,
            Delivery.channel,
            Delivery.send_state,
            Delivery.receipt_state,
            Delivery.attempts,
            Delivery.due_at,
            Delivery.expires_at,
            Delivery.intent_at,
            Delivery.provider_id,
            Delivery.error,
            Delivery.receipt_error,
            Sender.name.label("sender"),
            Address.country,
            RunText.language,
            Region,
            Receipt.received_at,
        )
        .outerjoin(Sender, Sender.id == Delivery.sender_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .outerjoin(Region, Region.id == Delivery.region_id)
        .outerjoin(Receipt, Receipt.id == Delivery.receipt_id)
    )


def _parts(run: Run, wanted: Wanted, after: int) -> list[Select[int, int]]:
    """Return selects of ids that hold what is wanted, each read in the order of one index."""
    state, cause = wanted.state, wanted.cause
    if cause is None:
        if state is None or state is SendState.ACCEPTED:
            return [_walk(run, after, *([in_state(state)] if state else []))]
        if state is SendState.QUEUED:
            senders = [each.sender_id for each in run.ranked_senders] or [run.sender_id]
            return [_in_order(run, after, in_state(state), Delivery.sender_id == sender) for sender in senders]
        return [_of_state(run, after, state)]
    parts = []
    if state in (None, *CALLED_IN_VAIN):
        parts.append(_of_state(run, after, state or SendState.FAILED, _is(Delivery.error, cause)))
    if state not in CALLED_IN_VAIN:
        failed = and_(Delivery.receipt_state.in_(sorted(FAILING)), Delivery.send_state.not_in(CALLED_IN_VAIN[:1]))
        of_state = [in_state(state)] if state else []
        # What no receipt names has no index: it is looked for along the whole run.
        along = _in_order if cause else _sorted
        parts.append(along(run, after, failed, _is(Delivery.receipt_error, cause), *of_state))
    return parts


def _is(column: Any, code: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column == code if code else column.is_(None)
    return found


def _of_state(run: Run, after: int, state: SendState, *conditions: ColumnElement[bool]) -> Select[int, int]:
    # The index on what is in doubt is not sorted by id, but such rows are few.
    is_open = state in (SendState.SENDING, SendState.UNKNOWN)
    return (_sorted if is_open else _in_order)(run, after, in_state(state), *conditions)


def _in_order(run: Run, after: int, *conditions: ColumnElement[bool]) -> Select[int, int]:
    """Select by an index that ends with the id."""
    ids = select(Delivery.id, Delivery.id.label("place")).where(Delivery.run_id == run.id, *conditions)
    return ids.where(Delivery.id > after).order_by(Delivery.id)


def _sorted(run: Run, after: int, *conditions: ColumnElement[bool]) -> Select[int, int]:
    """Select in the order of the ids without walking along them: the primary key leads through every other run."""
    ids = select(Delivery.id, Delivery.id.label("place")).where(Delivery.run_id == run.id, *conditions)
    return ids.where(Delivery.id > after).order_by(Delivery.id + 0)


def _walk(run: Run, after: int, *conditions: ColumnElement[bool]) -> Select[int, int]:
    """Select along the unique index of the run, in the order of its people, from the delivery `after` on."""
    people = select(Delivery.id, Delivery.contact_id.label("place")).where(Delivery.run_id == run.id, *conditions)
    if after:
        last = select(Delivery.contact_id).where(Delivery.id == after, Delivery.run_id == run.id).scalar_subquery()
        people = people.where(Delivery.contact_id > last)
    return people.order_by(Delivery.contact_id)


def _receipts_of(session: Session, row: Row[Any], attempts: Sequence[Attempt]) -> list[Receipt]:
    """Read the receipts of a delivery, under this and earlier references, as they came."""
    references = {row.reference, *(each.reference for each in attempts if each.reference)}
    called = [row.intent_at, *(each.at for each in attempts)]
    moments = [moment for moment in called if moment is not None]
    if not moments:
        return []
    since, until = first_receipt(session, min(moments) - BEFORE), first_receipt(session, max(moments) + AFTER)
    within = select(Receipt).where(Receipt.id >= since, Receipt.id < until, Receipt.reference.in_(references))
    return list(session.scalars(within.order_by(Receipt.id)))
