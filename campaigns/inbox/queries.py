"""Reads on replies: who wrote one, an organisation's list with opened texts, and how many said stop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind, Contact, PositionSource
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.media.queries import OpenedMedia, load_media
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import Region
from campaigns.staff.queries import owned

#: How long members are told on the first page of who asked for messages again in vain.
TOLD_FOR = timedelta(days=14)


def find_contact(
    session: Session, organisation_id: int, lookup: bytes, *, channel: Channel, number: bytes | None
) -> int | None:
    """Return an organisation's contact with a handle, or with its number on another channel."""
    same = Address.lookup == lookup if number is None else or_(Address.lookup == lookup, Address.number == number)
    found = owned(select(Address.contact_id).where(same), Address, organisation_id)
    return session.scalar(found.order_by(Address.channel != channel, Address.id).limit(1))


def hold_contact(session: Session, contact_id: int | None) -> int | None:
    """Keep a contact from being erased until the transaction ends; return None for one that was erased."""
    kept = select(Contact.id).where(Contact.id == contact_id, Contact.erased_at.is_(None))
    return session.scalar(kept.with_for_update(read=True, key_share=True))


def find_languages(session: Session, lookup: bytes, *, number: bytes) -> Collection[str]:
    """Return the languages of everybody on this instance who has a handle or number."""
    same = or_(Address.lookup == lookup, Address.number == number)
    return session.scalars(select(Contact.language).join(Address).where(same).distinct()).all()


def find_kept(session: Session, gateway: str, provider_ids: Collection[str]) -> dict[str, datetime]:
    """Return which of the provider's ids have messages that were kept already, and since when by its clock."""
    columns = select(Reply.provider_id, Reply.received_at)
    known = columns.where(Reply.gateway == gateway, Reply.provider_id.in_(provider_ids))
    return {row.provider_id: row.received_at for row in session.execute(known)}


def find_next_kept(session: Session, gateway: str, provider_id: str, *, since: datetime) -> datetime | None:
    """Return when the first reply was kept, since then, whose id at the same account has a higher number."""
    account, _, number = provider_id.rpartition(":")
    later = select(func.min(Reply.received_at)).where(
        Reply.gateway == gateway,
        # Numbers with as many digits stand in their order in the index, and those of other accounts beyond them.
        Reply.provider_id > provider_id,
        Reply.provider_id <= f"{account}:{'9' * len(number)}",
        Reply.provider_id.startswith(f"{account}:", autoescape=True),
        func.length(Reply.provider_id) == len(account) + 1 + len(number),
        Reply.received_at >= since,
    )
    return session.scalar(later)


def find_followed(session: Session, reply_ids: Iterable[int]) -> set[int]:
    """Return after which of these replies something reached us that the same contact had written before them."""
    last, late = aliased(Reply), aliased(Reply)
    is_theirs = (late.contact_id == last.contact_id) & (late.organisation_id == last.organisation_id)
    found = select(last.id).join(late, is_theirs).where(late.id > last.id, late.received_at < last.received_at)
    return set(session.scalars(found.where(last.id.in_(list(reply_ids)))))


def select_replies(organisation_id: int) -> Select[Reply]:
    """Select an organisation's replies, newest first."""
    return owned(select(Reply), Reply, organisation_id).order_by(Reply.id.desc())


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """A reply as a member reads it."""

    id: int
    kind: ReplyKind
    #: A Channel, or WEB.
    channel: str
    #: None when the sealed text cannot be opened.
    text: str | None
    #: Written language of the contact, or None when it is no contact's.
    language: str | None
    contact_id: int | None
    received_at: datetime
    happening: Happening = Happening.WROTE
    #: Asks for messages again, and lifted nothing.
    is_unheeded: bool = False
    #: Where they shared to be, if that is still the last we know; None otherwise.
    region: Region | None = None
    media: Sequence[OpenedMedia] = ()


def open_replies(session: Session, replies: Iterable[Reply], *, vault: Vault) -> list[OpenedReply]:
    """Open the texts of `replies`; one that cannot be opened does not hide the others."""
    replies = list(replies)
    ids = [reply.contact_id for reply in replies if reply.contact_id is not None]
    found = select(Contact, Region).outerjoin(Region, Region.id == Contact.region_id).where(Contact.id.in_(ids))
    contacts = {contact.id: (contact, region) for contact, region in session.execute(found)}
    media = load_media(session, [reply.id for reply in replies], vault=vault)
    opened = []
    for reply in replies:
        contact, region = contacts.get(reply.contact_id or 0, (None, None))
        opened.append(
            OpenedReply(
                id=reply.id,
                kind=ReplyKind(reply.kind),
                channel=reply.channel,
                text=open_text(reply, vault),
                language=contact.language if contact else None,
                contact_id=reply.contact_id,
                received_at=reply.received_at,
                happening=Happening(reply.happening),
                is_unheeded=reply.is_unheeded,
                region=region if contact and _is_their_position(reply, contact) else None,
                media=media.get(reply.id, ()),
            )
        )
    return opened


def _is_their_position(reply: Reply, contact: Contact) -> bool:
    """Say whether a shared location is what the contact's position still rests on: older ones are not kept."""
    return (
        reply.happening == Happening.SHARED_LOCATION
        and contact.position_source == PositionSource.SHARED
        and contact.position_at == reply.received_at
    )


def open_text(reply: Reply, vault: Vault) -> str | None:
    """Return the text of a reply, or None when it cannot be opened."""
    return vault.open_or_none(reply.sealed_text, table="reply", column="sealed_text", row_id=reply.id)


def count_unheeded(session: Session, organisation_id: int, *, now: datetime) -> int:
    """Count the contacts who lately asked for messages again, where nothing proves it, and get none as yet."""
    is_stopped = exists().where(
        Address.contact_id == Reply.contact_id,
        Address.channel == Reply.channel,
        Address.state.in_((AddressState.HELD, AddressState.OPTED_OUT)),
    )
    asked = owned(select(func.count(Reply.contact_id.distinct())), Reply, organisation_id)
    return session.scalar(asked.where(Reply.is_unheeded, Reply.received_at > now - TOLD_FOR, is_stopped)) or 0


@dataclass(frozen=True, slots=True)
class OptOuts:
    """How many people withdrew their consent, in whatever way: a reply, a form, or a block that was reported."""

    last_day: int
    last_week: int
    ever: int


def count_opt_outs(session: Session, organisation_id: int, *, now: datetime) -> OptOuts:
    """Count an organisation's contacts who withdrew up to `now` (UTC).

    The ledger has a line for each of their addresses, and for each time they said so.
    """
    people = select(func.count(Consent.contact_id.distinct())).join(Contact)
    withdrawn = owned(people, Contact, organisation_id).where(Consent.kind == ConsentKind.WITHDRAWN)
    counts = [
        session.scalar(withdrawn.where(Consent.recorded_at > since)) or 0
        for since in (now - timedelta(days=1), now - timedelta(days=7))
    ]
    return OptOuts(last_day=counts[0], last_week=counts[1], ever=session.scalar(withdrawn) or 0)
