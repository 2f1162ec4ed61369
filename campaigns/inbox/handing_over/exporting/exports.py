"""A receiver takes a hand-over along, without ids, numbers or names of staff, in a file that only it can open.

Nothing here commits.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import DamagedDataError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.handing_over.exporting.export_keys import encrypt_to, find_confirmed
from campaigns.inbox.handing_over.exporting.exported import Document
from campaigns.inbox.handing_over.exporting.masking import Mask
from campaigns.inbox.handing_over.models import ExportKey, HandOver, OfferState
from campaigns.inbox.handing_over.queries import load_names, open_words
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff import audit
from campaigns.staff.models import Member, Membership


class Format(StrEnum):
    """How a hand-over is exported."""

    PDF = "pdf"
    JSON = "json"


def read_for_export(session: Session, handed: HandOver, *, vault: Vault) -> Document:
    """Return what the receiver accepted, to be set in a format; nothing is locked meanwhile.

    Raises TransitionError for what is not in the receiver's hands, and without a confirmed key.
    """
    _check(session, handed)
    return load_document(session, handed, vault=vault)


def export(session: Session, handed: HandOver, plain: bytes, format_: Format, *, by: int) -> bytes:
    """Return what was read and set in a format, encrypted to the receiver's key; leave a line of it.

    Raises TransitionError for what is no longer in the receiver's hands, and without a confirmed key.
    """
    handed = hold_kept(session, handed)
    key = _check(session, handed)
    trail = {"organisation_id": handed.receiver_id, "member_id": by}
    audit.record(session, "hand_over.export", subject=handed, **trail, format=format_.value, key=key.recipient)
    return encrypt_to(key, plain)


def load_document(session: Session, handed: HandOver, *, vault: Vault) -> Document:
    """Return what may be told of a hand-over outside this system.

    Raises DamagedDataError when its words cannot be opened.
    """
    told = open_words(handed, vault)
    if told.summary is None:
        raise DamagedDataError(N_("This text cannot be deciphered with the keys of this system."))
    masked = _mask_of(session, handed)
    names = load_names(session, {handed.organisation_id, handed.receiver_id})
    return Document(
        sender=names[handed.organisation_id],
        receiver=names[handed.receiver_id],
        offered_on=handed.offered_at.date(),
        accepted_on=_day(handed.decided_at),
        urgency=Urgency(handed.urgency).word,
        language=handed.language,
        region=handed.region_code,
        topics=tuple(handed.topics),
        summary=masked(told.summary),
        consent=None if told.consent is None else masked(told.consent),
        unasked=handed.override,
        came_on=_day(handed.came_at),
        helped_on=_day(handed.helped_at),
    )


def _check(session: Session, handed: HandOver) -> ExportKey:
    """Return the key to which a hand-over may be exported."""
    if handed.state != OfferState.ACCEPTED:
        raise TransitionError(N_("Only what you accepted is exported."))
    key = find_confirmed(session, handed.receiver_id)
    if key is None:
        raise TransitionError(N_("Nothing is exported without a key that your organisation confirmed."))
    return key


def _mask_of(session: Session, handed: HandOver) -> Mask:
    """Mask all members of both organisations, also those who left."""
    both = (handed.organisation_id, handed.receiver_id)
    members = select(Member.name).join(Membership, Membership.member_id == Member.id)
    names = session.scalars(members.where(Membership.organisation_id.in_(both)).distinct()).all()
    contact_id = session.scalar(select(Conversation.contact_id).where(Conversation.id == handed.conversation_id))
    ids = (handed.id, handed.conversation_id, contact_id, handed.code)
    return Mask(names, {str(each) for each in ids})


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
