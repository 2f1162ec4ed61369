"""Reads on holds: who of an organisation waits for a member's decision, and since when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.models import Address, AddressState, Consent, ConsentKind, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.queries import OpenedReply, open_replies
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: Duty hours after which a hold is overdue.
PATIENCE = timedelta(hours=4)
#: Holds that one page shows; the oldest come first.
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody who waits for a decision: a contact, or a stranger who is known by a reply alone."""

    contact_id: int | None
    since: datetime
    #: What they wrote to this organisation; None when a member put them on hold, or they wrote to another one.
    reply: OpenedReply | None
    #: A member's reason, '' when there is none.
    reason: str
    #: They complain about the team: what they wrote is not for it.
    is_complaint: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many people wait for a decision."""

    people: int
    #: Whether one of them waits longer than PATIENCE.
    is_overdue: bool


def find_holds(session: Session, organisation_id: int, *, vault: Vault, limit: int = MOST_SHOWN) -> list[Hold]:
    """Return who waits, the longest first, with what they wrote."""
    contacts = session.execute(_held_contacts(organisation_id).order_by("since").limit(limit)).all()
    lines = {line.id: line for line in session.scalars(_lines([row.line_id for row in contacts]))}
    complaining = _find_complaining(session, organisation_id, [row.contact_id for row in contacts])
    shown = [row.contact_id for row in contacts if row.contact_id not in complaining]
    # For nobody a database may read every reply of the organisation.
    ids = session.scalars(_last_replies(organisation_id, shown)).all() if shown else ()
    strangers = session.scalars(_strangers(organisation_id).order_by(Reply.received_at).limit(limit)).all()
    found: Sequence[Reply] = [*session.scalars(select(Reply).where(Reply.id.in_(ids))), *strangers]
    opened = {reply.id: reply for reply in open_replies(session, found, vault=vault)}
    by_contact = {reply.contact_id: opened[reply.id] for reply in found if reply.contact_id is not None}
    holds = [
        Hold(
            row.contact_id,
            row.since,
            by_contact.get(row.contact_id),
            _reason(lines[row.line_id], vault),
            row.contact_id in complaining,
        )
        for row in contacts
    ]
    holds += [Hold(None, reply.received_at, opened[reply.id], "") for reply in strangers]
    return sorted(holds, key=lambda hold: hold.since)[:limit]


def waits_now(session: Session, organisation: Organisation, settings: Settings, *, strangers: bool) -> Waiting:
    """Count who waits for a decision; `strangers` are those who are no contacts."""
    people, oldest = _count(session, organisation.id, strangers=strangers)
    if oldest is None:
        return Waiting(people, False)
    duty = load_roster(session, organisation, settings).hours(None)
    return Waiting(people, duty.between(oldest, clock.now()) > PATIENCE)


def _count(session: Session, organisation_id: int, *, strangers: bool) -> tuple[int, datetime | None]:
    """Return how many wait, and the oldest since when."""
    held = _held_contacts(organisation_id).subquery()
    counted = [session.execute(select(func.count(), func.min(held.c.since))).one()]
    if strangers:
        unknown = _strangers(organisation_id).with_only_columns(func.count(), func.min(Reply.received_at))
        counted.append(session.execute(unknown).one())
    oldest = min((since for _, since in counted if since is not None), default=None)
    return sum(count for count, _ in counted), oldest


def is_stranger_held(session: Session, reply: Reply) -> bool:
    """Say whether somebody who is no contact waits for a decision on what they wrote."""
    waiting = select(Reply.id).where(Reply.id == reply.id, *_waits())
    return session.scalar(waiting) is not None


def _held_contacts(organisation_id: int) -> Select[*tuple[Any, ...]]:
    """Select contacts on hold with the time and the id of the line that put them there last."""
    return (
        owned(select(Address.contact_id), Address, organisation_id)
        .add_columns(func.max(Consent.recorded_at).label("since"), func.max(Consent.id).label("line_id"))
        .join(Consent, Consent.address_id == Address.id)
        .where(_is(Address.state, AddressState.HELD), Consent.kind == ConsentKind.HELD)
        .group_by(Address.contact_id)
    )


def _strangers(organisation_id: int) -> Select[Reply]:
    return owned(select(Reply), Reply, organisation_id).where(*_waits())


def _waits() -> list[ColumnElement[bool]]:
    """Match what people wrote who are no contacts and on hold; those who became contacts are listed as such."""
    is_remembered = exists().where(
        SuppressedAddress.lookup == func.coalesce(Reply.number, Reply.lookup),
        SuppressedAddress.channel == Reply.channel,
        SuppressedAddress.is_hold,
    )
    is_known = exists().where(
        Address.organisation_id == Reply.organisation_id,
        Address.lookup == Reply.lookup,
        Address.channel == Reply.channel,
    )
    return [_is(Reply.kind, ReplyKind.HOLD), Reply.contact_id.is_(None), is_remembered, ~is_known]


def _last_replies(organisation_id: int, contact_ids: Collection[int]) -> Select[int]:
    last = owned(select(func.max(Reply.id)), Reply, organisation_id)
    return last.where(Reply.contact_id.in_(contact_ids), Reply.kind == ReplyKind.HOLD).group_by(Reply.contact_id)


def _find_complaining(session: Session, organisation_id: int, contact_ids: Collection[int]) -> set[int]:
    if not contact_ids:
        return set()
    theirs = owned(select(Conversation.contact_id), Conversation, organisation_id)
    theirs = theirs.where(Conversation.contact_id.in_(contact_ids), Conversation.is_complaint)
    return set(session.scalars(theirs))


def _lines(ids: Collection[int]) -> Select[Consent]:
    return select(Consent).where(Consent.id.in_(ids))


def _reason(line: Consent, vault: Vault) -> str:
    return line.wording or open_evidence(line, vault) if line.method == "member" else ""


def _is(column: Any, state: AddressState | ReplyKind) -> ColumnElement[bool]:
    """Return `column = state` with the state written out, so that the partial indexes apply."""
    condition: ColumnElement[bool] = column == literal_column(f"'{state.value}'")
    return condition
