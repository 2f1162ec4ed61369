"""Whoever presses Start or sends a code joins by it, and what they say beside it is read as if it stood alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import heard_handle
from campaigns.audience.joining.join import Joining, join
from campaigns.audience.joining.ways_to_join import beside_code
from campaigns.audience.models import Channel, EntryPoint
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.incoming.receivers import Receiver
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.queries import find_contact


def addressed(entry_point: EntryPoint | None, receiver: Receiver) -> EntryPoint | None:
    """Return a way to join, unless its code came to a number that is not its organisation's.

    Where several share a number, the code says which of them is meant.
    """
    if entry_point is None or entry_point.organisation_id not in receiver.may_be:
        return None
    return entry_point


def let_join(
    session: Session,
    inbound: Inbound,
    reply: Reply,
    *,
    vault: Vault,
    method: str,
    entry_point: EntryPoint | None,
    may_lift: bool,
    kind: ReplyKind = ReplyKind.JOIN,
) -> dict[str, Any] | None:
    """Let whoever wrote join and return what the audit entry says; None where nobody can be written to.

    `kind` is what they ask beside it: a JOIN alone lifts a stop that reaches us later than what came after it.
    """
    handle = heard_handle(Channel(reply.channel), inbound.from_handle)
    organisation_id = entry_point.organisation_id if entry_point else reply.organisation_id
    if handle is None or organisation_id is None:
        return None
    joining = Joining(
        organisation_id,
        handle,
        method,
        reply.received_at,
        entry_point=entry_point,
        language=inbound.language,
        may_lift=may_lift,
    )
    address = join(session, joining, vault=vault)
    reply.kind, reply.organisation_id = kind, organisation_id
    if address is None:
        reply.is_unheeded = True
        reply.contact_id = find_contact(
            session, organisation_id, reply.lookup, channel=Channel(reply.channel), number=reply.number
        )
        return {"method": method, "unheeded": True}
    reply.contact_id = address.contact_id
    return {"method": method, "entry_point": entry_point.id if entry_point else None}


def tells_of_joining(detail: dict[str, Any] | None) -> bool:
    """Say whether what an audit entry says is about joining."""
    return detail is not None and "method" in detail


def left_to_answer(inbound: Inbound, reply: Reply, detail: dict[str, Any] | None) -> Inbound:
    """Return a message without the code by which its writer joined, where it says more than that."""
    if tells_of_joining(detail) and reply.kind != ReplyKind.JOIN:
        return replace(inbound, text=beside_code(inbound.text))
    return inbound
