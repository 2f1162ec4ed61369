"""What happens when somebody answers: the text is sealed, and a stop is obeyed in the same transaction."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience import consent
from campaigns.audience.keywords import Meaning, meaning_of
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import reserve_ids
from campaigns.delivery.service import suppress_addresses
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.queries import find_owner
from campaigns.staff import audit

#: Longest text that is kept; no channel carries more.
LONGEST_TEXT = 16_000


def receive_inbound(session: Session, inbound: Inbound, vault: Vault, *, gateway: str) -> Reply | None:
    """Keep an inbound message and do what it asks; return None when it was kept before.

    A stop withdraws consent for this handle in every organisation of the instance and takes its waiting
    deliveries out of the queue; a start lifts that for the same handle. Nothing is answered: an answer on the
    screen may expose the person.
    """
    channel = _channel_of(inbound)
    lookup = vault.lookup_hash(channel, inbound.from_handle)
    reply = _keep(session, inbound, vault, gateway=gateway, channel=channel, lookup=lookup)
    if reply is None:
        return None
    if reply.kind == ReplyKind.STOP:
        _stop(session, reply)
    elif reply.kind == ReplyKind.START:
        _start(session, reply)
    return reply


def kind_of(inbound: Inbound) -> ReplyKind:
    """Return what a message asks, in any of our languages or by the provider's own reading of it."""
    meaning = meaning_of(inbound.text)
    if meaning is None and inbound.raw.get("OptOutType") == "STOP":
        # The provider knows words we do not, and blocks the number already: our ledger must say so too.
        meaning = Meaning.STOP
    return ReplyKind(meaning) if meaning else ReplyKind.TEXT


def _channel_of(inbound: Inbound) -> Channel:
    # RCS and whatever comes later answer from the same phone number as SMS.
    return Channel(inbound.channel) if inbound.channel in set(Channel) else Channel.SMS


def _keep(
    session: Session, inbound: Inbound, vault: Vault, *, gateway: str, channel: Channel, lookup: bytes
) -> Reply | None:
    owner = find_owner(session, lookup, channel=channel, to_handle=inbound.to_handle)
    (row_id,) = reserve_ids(session, Reply.__table__, 1)  # type: ignore[arg-type] # typed as FromClause
    text = inbound.text[:LONGEST_TEXT]
    reply = Reply(
        id=row_id,
        gateway=gateway,
        # Without an id nothing tells a repetition from a second message: better twice than lost.
        provider_id=inbound.provider_id[:64] or f"none-{uuid4().hex}",
        channel=channel,
        lookup=lookup,
        contact_id=owner.contact_id,
        organisation_id=owner.organisation_id,
        kind=kind_of(inbound),
        sealed_text=vault.seal(text, table="reply", column="sealed_text", row_id=row_id),
        received_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(reply)
    except IntegrityError:
        return None
    return reply


def _stop(session: Session, reply: Reply) -> None:
    addresses = consent.withdraw_everywhere(
        session, reply.lookup, reply.channel, method="keyword", wording=_evidence(reply), at=reply.received_at
    )
    suppressed = suppress_addresses(session, addresses)
    audit.record(
        session,
        "reply.stop",
        subject=reply,
        organisation_id=reply.organisation_id,
        addresses=len(addresses),
        suppressed=suppressed,
    )


def _start(session: Session, reply: Reply) -> None:
    addresses = consent.restore(
        session, reply.lookup, reply.channel, method="keyword", wording=_evidence(reply), at=reply.received_at
    )
    audit.record(
        session, "reply.start", subject=reply, organisation_id=reply.organisation_id, addresses=len(addresses)
    )


def _evidence(reply: Reply) -> str:
    """Name the reply that a ledger line rests on."""
    return f"reply {reply.id}"
