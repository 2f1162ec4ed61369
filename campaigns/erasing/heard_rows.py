"""Of what a person wrote nothing stays but that they wrote back, where reach counts it, and for which message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import PHONE_CHANNELS, lookups_of
from campaigns.audience.models import Address, Channel, Contact
from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.media.service import erase as erase_media
from campaigns.inbox.models import Reply, ReplyKind, Triage
from campaigns.reach.counting.unique_people import ENGAGING

#: Names nobody: no handle has this keyed hash.
NOBODY = bytes(32)


def hashes_of(addresses: Collection[Address], vault: Vault) -> set[bytes]:
    """Return the keyed hashes under which a person may have written: a phone has one for each of its channels."""
    hashes = {address.lookup for address in addresses}
    for address in addresses:
        if address.channel not in PHONE_CHANNELS:
            continue
        try:
            handle = vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
        except DamagedDataError:
            continue
        hashes |= lookups_of(vault, handle)
    return hashes


def load(session: Session, contact: Contact, hashes: Collection[bytes]) -> Sequence[Reply]:
    """Return what a person wrote to the organisation, or to nobody in particular, the first of it first.

    What is another contact's with the same number is theirs: they may still wait for an answer to it.
    """
    ours = or_(Reply.organisation_id == contact.organisation_id, Reply.organisation_id.is_(None))
    nobodys = and_(Reply.contact_id.is_(None), Reply.lookup.in_(hashes), ours)
    theirs = or_(Reply.contact_id == contact.id, nobodys)
    return session.scalars(select(Reply).where(theirs).order_by(Reply.id).with_for_update()).all()


def strip(
    session: Session, contact: Contact, replies: Sequence[Reply], reached: Sequence[datetime], *, vault: Vault
) -> list[int]:
    """Take text, files, handle and time out of replies; return their ids.

    `reached` is when messages that count were sent. Of each the first reply stays the contact's, as old as the
    message: so it is counted as it was. The others are nobody's.
    """
    session.execute(delete(Triage).where(Triage.reply_id.in_([reply.id for reply in replies])))
    erase_media(session, [reply.id for reply in replies])
    answered: set[datetime] = set()
    for reply in replies:
        before = bisect_right(reached, reply.received_at)
        moment = reached[before - 1] if before and reply.kind in ENGAGING and reply.contact_id else None
        is_counted = moment is not None and moment not in answered
        if is_counted and moment is not None:
            answered.add(moment)
            reply.received_at = moment
        reply.contact_id, reply.organisation_id = (
            (contact.id, contact.organisation_id) if is_counted else (None, None)
        )
        reply.kind = ReplyKind.TEXT
        reply.channel, reply.lookup, reply.number = Channel.SMS, NOBODY, None
        reply.sealed_text = vault.seal("", table="reply", column="sealed_text", row_id=reply.id)
        reply.is_unheeded = False
    session.flush()
    return [reply.id for reply in replies]


def forget_provider_ids(session: Session, reply_ids: Collection[int]) -> None:
    """Remove what is left of replies once no provider tells of them again, but for what reach counts."""
    left = select(Reply.id, Reply.contact_id).where(Reply.id.in_(reply_ids), Reply.lookup == NOBODY)
    for reply_id, contact_id in session.execute(left).all():
        if contact_id is None:
            session.execute(delete(Reply).where(Reply.id == reply_id))
        else:
            named = update(Reply).where(Reply.id == reply_id)
            session.execute(named.values(provider_id=f"none-{uuid4().hex}"))
