"""Deliveries stay as counts: what names the person, at the provider or with us, is cut out of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, null, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Contact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.references import new_reference
from campaigns.delivery.rehearsal_addresses import nobodys
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.unique_people import Measure, counts_for, sent_at

#: Ids of one statement; one person has few more.
_AT_ONCE = 500
_Rows = Sequence[Row[*tuple[Any, ...]]]


def load(session: Session, contact: Contact) -> tuple[_Rows, bool]:
    """Return what was, or is to be, sent to a contact, with the number's country; and whether it is all of it.

    It is locked. Rows that somebody else works on are left to them.
    """
    ours = select(Run.id).where(Run.organisation_id == contact.organisation_id)
    columns = (Delivery.id, Delivery.reference, Delivery.provider_id, Delivery.send_state, Delivery.address_id)
    # By (run, contact), which is unique and indexed.
    theirs = select(*columns, Address.country).outerjoin(Address, Address.id == Delivery.address_id)
    theirs = theirs.where(Delivery.run_id.in_(ours), Delivery.contact_id == contact.id).order_by(Delivery.id)
    every = len(session.execute(theirs).all())
    rows = session.execute(theirs.with_for_update(of=Delivery, skip_locked=True)).all()
    return rows, len(rows) == every


def are_on_their_way(session: Session, rows: _Rows) -> bool:
    """Take what is queued out of the queue, and say whether a call is under way."""
    queued = [row.id for row in rows if row.send_state == SendState.QUEUED]
    _set(session, queued, send_state=SendState.SUPPRESSED)
    return any(row.send_state == SendState.SENDING for row in rows)


def moments_of_reach(session: Session, contact: Contact) -> list[datetime]:
    """Return when the messages that count for replies were sent to a contact, the first of them first."""
    ours = select(Run.id).where(Run.organisation_id == contact.organisation_id, counts_as_reach())
    sent = select(sent_at()).where(Delivery.run_id.in_(ours), Delivery.contact_id == contact.id)
    return sorted(session.scalars(sent.where(counts_for(Measure.ACCEPTED) == 1)))


def references_of(session: Session, rows: _Rows) -> set[str]:
    """Return every word by which a receipt may name these deliveries."""
    words = {word for row in rows for word in (row.reference, row.provider_id) if word}
    for ids in _groups([row.id for row in rows]):
        tried = select(Attempt.reference, Attempt.provider_id).where(Attempt.delivery_id.in_(ids))
        words |= {word for pair in session.execute(tried) for word in pair if word}
    return words


def cut(session: Session, rows: _Rows) -> None:
    """Cut what names the person; the state, the day and the country of the number stay, because they are counted.

    Nothing of it is sent again: it is past its end.
    """
    # Those of an earlier look are cut.
    rows = [row for row in rows if row.address_id > 0]
    ids = [row.id for row in rows]
    unknown = [row.id for row in rows if row.send_state == SendState.UNKNOWN]
    _set(session, unknown, send_state=SendState.UNCONFIRMED)
    _set(
        session,
        ids,
        provider_id=null(),
        token=null(),
        reference=new_reference(is_rehearsal=False),
        expires_at=case((Delivery.expires_at > clock.now(), clock.now()), else_=Delivery.expires_at),
    )
    by_country: dict[str | None, list[int]] = {}
    for row in rows:
        by_country.setdefault(row.country, []).append(row.id)
    for country, theirs in by_country.items():
        _set(session, theirs, address_id=nobodys(country))
    for group in _groups(ids):
        # That there was one is counted by daily limits.
        had = case((Attempt.provider_id.is_not(None), ""), else_=null())
        tried = update(Attempt).where(Attempt.delivery_id.in_(group))
        session.execute(
            tried.values(provider_id=had, reference=null(), address_id=null()),
            execution_options=PAST_MEMORY,
        )
    session.expire_all()


def _set(session: Session, ids: Collection[int], **values: Any) -> None:
    for group in _groups(ids):
        changing = update(Delivery).where(Delivery.id.in_(group)).values(**values)
        session.execute(changing, execution_options=PAST_MEMORY)


def _groups(ids: Collection[int]) -> list[list[int]]:
    every = [*ids]
    return [every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE)]
