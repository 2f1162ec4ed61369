"""Reads on replies: whom one belongs to, an organisation's list with opened texts, and how many said stop."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel, Consent, ConsentKind, Contact, PositionSource
from campaigns.core.crypto import Vault
from campaigns.core.errors import DamagedDataError
from campaigns.delivery.models import Delivery
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import Region
from campaigns.planning.models import Run, Sender
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: How many runs back a reply is looked for among several organisations' contacts.
RUNS_BACK = 200


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose reply it is; both None when nobody of this instance knows the handle."""

    organisation_id: int | None
    contact_id: int | None


def find_receiver(session: Session, to_handle: str, *, secret_names: Collection[str]) -> int | None:
    """Return the organisation that owns the sender a message came to; None for a shared or unknown one.

    A bot says its account and not the name by which we know the sender: it is found by its credential then.
    """
    named = [name.upper() for name in secret_names]
    owners = session.scalars(
        select(Sender.organisation_id)
        .where(or_(Sender.identity == to_handle, func.upper(Sender.secret_name).in_(named)))
        .distinct()
        .limit(2)
    ).all()
    return owners[0] if len(owners) == 1 else None


def find_sender(session: Session, to_handle: str, channel: Channel) -> int | None:
    """Return the sender that a message came to, where its provider names it as we do."""
    senders = select(Sender.id).where(Sender.identity == to_handle, Sender.channel == channel)
    return session.scalar(senders.order_by(Sender.id).limit(1))


def find_owner(session: Session, lookup: bytes, *, channel: Channel, number: bytes, receiver: int | None) -> Owner:
    """Return the organisation a reply goes to and the contact it came from.

    In this order: who owns the sender it came to (`receiver`); the only contact with this handle, or with this
    number on another channel; the contact that was written to last; the only organisation of the instance.
    """
    rows = session.execute(
        select(Address.organisation_id, Address.contact_id)
        .where(or_(Address.lookup == lookup, Address.number == number))
        .order_by(Address.channel != channel, Address.id)
    )
    contacts: dict[int, int] = {}
    for row in rows:
        contacts.setdefault(row.organisation_id, row.contact_id)
    if receiver is not None:
        return Owner(receiver, contacts.get(receiver))
    if len(contacts) == 1:
        return Owner(*next(iter(contacts.items())))
    if contacts:
        return _written_to_last(session, contacts)
    organisations = session.scalars(select(Organisation.id).limit(2)).all()
    return Owner(organisations[0] if len(organisations) == 1 else None, None)


def _written_to_last(session: Session, contacts: dict[int, int]) -> Owner:
    """Look through the latest runs by the index on (run, contact); nothing indexes contacts over all runs."""
    runs = (
        select(Run.id)
        .where(Run.organisation_id.in_(contacts), Run.started_at.is_not(None), ~Run.is_rehearsal)
        .order_by(Run.id.desc())
        .limit(RUNS_BACK)
    )
    last = session.scalar(
        select(Delivery.contact_id)
        .where(Delivery.run_id.in_(session.scalars(runs).all()), Delivery.contact_id.in_(contacts.values()))
        .order_by(Delivery.run_id.desc())
        .limit(1)
    )
    owners = {contact: organisation for organisation, contact in contacts.items()}
    contact_id = last if last is not None else max(owners)
    return Owner(owners[contact_id], contact_id)


def find_kept(session: Session, gateway: str, provider_ids: Collection[str]) -> dict[str, datetime]:
    """Return which of the provider's ids have messages that were kept already, and since when by its clock."""
    columns = select(Reply.provider_id, Reply.received_at)
    known = columns.where(Reply.gateway == gateway, Reply.provider_id.in_(provider_ids))
    return {row.provider_id: row.received_at for row in session.execute(known)}


def select_replies(organisation_id: int) -> Select[Reply]:
    """Select an organisation's replies, newest first."""
    return owned(select(Reply), Reply, organisation_id).order_by(Reply.id.desc())


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """A reply as a member reads it."""

    id: int
    kind: ReplyKind
    channel: Channel
    #: None when the sealed text cannot be opened.
    text: str | None
    #: Written language of the contact, or None when it is no contact's.
    language: str | None
    contact_id: int | None
    received_at: datetime
    happening: Happening = Happening.WROTE
    #: Where they shared to be, if that is still the last we know; None otherwise.
    region: Region | None = None


def open_replies(session: Session, replies: Iterable[Reply], *, vault: Vault) -> list[OpenedReply]:
    """Open the texts of `replies`; one that cannot be opened does not hide the others."""
    replies = list(replies)
    ids = [reply.contact_id for reply in replies if reply.contact_id is not None]
    found = select(Contact, Region).outerjoin(Region, Region.id == Contact.region_id).where(Contact.id.in_(ids))
    contacts = {contact.id: (contact, region) for contact, region in session.execute(found)}
    opened = []
    for reply in replies:
        contact, region = contacts.get(reply.contact_id or 0, (None, None))
        opened.append(
            OpenedReply(
                id=reply.id,
                kind=ReplyKind(reply.kind),
                channel=Channel(reply.channel),
                text=_opened(reply, vault),
                language=contact.language if contact else None,
                contact_id=reply.contact_id,
                received_at=reply.received_at,
                happening=Happening(reply.happening),
                region=region if contact and _is_their_position(reply, contact) else None,
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


def _opened(reply: Reply, vault: Vault) -> str | None:
    try:
        return vault.open(reply.sealed_text, table="reply", column="sealed_text", row_id=reply.id)
    except DamagedDataError:
        return None


@dataclass(frozen=True, slots=True)
class OptOuts:
    """How many withdrew their consent, by whatever way: a reply, a form, or a block the provider reported."""

    last_day: int
    last_week: int
    ever: int


def count_opt_outs(session: Session, organisation_id: int, *, now: datetime) -> OptOuts:
    """Count the withdrawals in an organisation's consent ledger up to `now` (UTC)."""
    withdrawn = owned(select(func.count()).select_from(Consent).join(Contact), Contact, organisation_id).where(
        Consent.kind == ConsentKind.WITHDRAWN
    )
    counts = [
        session.scalar(withdrawn.where(Consent.recorded_at > since)) or 0
        for since in (now - timedelta(days=1), now - timedelta(days=7))
    ]
    return OptOuts(last_day=counts[0], last_week=counts[1], ever=session.scalar(withdrawn) or 0)
