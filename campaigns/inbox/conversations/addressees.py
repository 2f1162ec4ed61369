"""Reads what is known of whoever is to be answered: their address, what they refused, and who writes to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.person import lock_addresses
from campaigns.audience.models import REFUSALS, Address, AddressState, Channel, Consent, Contact
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.directory.signposting.choice import Need
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.conversations.window import Writer
from campaigns.inbox.models import WEB, Reply
from campaigns.places.models import Region
from campaigns.planning.models import Sender
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is answered, over what, and what is known of them."""

    address: Address | None
    sender: Sender | None
    writer: Writer


def load_addressee(session: Session, conversation: Conversation, *, locked: bool = False) -> Addressee:
    """Return who is answered in a conversation; `locked` keeps a stop from coming between until the commit."""
    if conversation.channel == WEB:
        return _unnamed(session, conversation)
    found = owned(select(Address), Address, conversation.organisation_id)
    address = session.scalar(
        found.where(Address.contact_id == conversation.contact_id, Address.channel == conversation.channel)
    )
    if address is not None and locked:
        # It may have been erased while this waited.
        address = next(iter(lock_addresses(session, [address.id])), None)
    sender = _find_sender(session, conversation, address)
    refused = select(func.max(Consent.given_at)).where(
        Consent.address_id == (address.id if address else 0),
        Consent.kind.in_(REFUSALS),
    )
    asked = select(Reply.received_at).where(Reply.id == conversation.last_reply_id)
    writer = Writer(
        Channel(conversation.channel),
        AddressState(address.state) if address else None,
        heard_at=address.heard_at if address else None,
        asked_at=session.scalar(asked),
        refused_at=session.scalar(refused),
        has_sender=sender is not None,
    )
    return Addressee(address, sender, writer)


def _unnamed(session: Session, conversation: Conversation) -> Addressee:
    """Return who reported something on a page: nobody knows them, and they come for their answer by a code."""
    wants = select(UnnamedReport.may_answer).where(UnnamedReport.conversation_id == conversation.id)
    writer = Writer(None, None, None, None, None, has_sender=False, wants_answer=bool(session.scalar(wants)))
    return Addressee(None, None, writer)


def _find_sender(session: Session, conversation: Conversation, address: Address | None) -> Sender | None:
    """Return the sender to which they wrote, or the first other one of the organisation on their channel."""
    ours = or_(Sender.organisation_id == conversation.organisation_id, Sender.organisation_id.is_(None))
    usable = select(Sender).where(ours, Sender.channel == conversation.channel, may_be_used())
    senders = session.scalars(usable.order_by(Sender.id)).all()
    own = next((sender for sender in senders if sender.id == conversation.sender_id), None)
    country = address.country if address else None
    covering = (sender for sender in senders if not sender.countries or country in sender.countries)
    return own or next((sender for sender in covering if sender.two_way), None)


def _country_of(session: Session, conversation: Conversation) -> str | None:
    """Return which country a report without a name is about; None: nobody knows, or it is none."""
    if conversation.channel != WEB:
        return None
    about = select(UnnamedReport.country).where(UnnamedReport.conversation_id == conversation.id)
    return session.scalar(about) or None


def load_need(session: Session, conversation: Conversation, address: Address | None, *, now: datetime) -> Need:
    """Return what a helpline has to fit: where the person said they are, what they write, and their SIM."""
    here = select(Region).join(Contact, Contact.region_id == Region.id)
    region = session.scalar(here.where(Contact.id == conversation.contact_id))
    country = region.country if region else _country_of(session, conversation)
    issued = address.country if address else None
    return Need(
        region_code=region.code if region else None,
        # Of whom nobody knows where they are, the number says more than nothing.
        country=country or issued,
        language=conversation.language or UNKNOWN_LANGUAGE,
        at=now,
        # As for campaigns: whoever may be abroad needs a number that works from there.
        roaming=country is None or issued != country,
    )
