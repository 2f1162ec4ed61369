"""Replies to a number of several organisations, or of none, wait here for whoever runs the instance.

A stop in it was obeyed when it came. None of its texts is in anybody's inbox before it is assigned, and whoever
runs the instance sees a text only by asking for that one. Nothing here commits.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import NotFoundError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.incoming.heard import note_heard
from campaigns.inbox.incoming.questions import put_in_conversation
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.incoming.strangers import assign_stop
from campaigns.inbox.models import Reply, ReplyKind, Triage, TriageReason
from campaigns.inbox.queries import find_contact, open_text
from campaigns.staff import audit
from campaigns.staff.models import Organisation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unassigned:
    """One reply that nobody has yet, without its text."""

    reply_id: int
    received_at: datetime
    kind: ReplyKind
    channel: Channel
    gateway: str
    #: Account and number that it came to; '' where an earlier version kept neither.
    account: str
    came_to: str
    reason: TriageReason


def put_in_triage(
    session: Session, reply: Reply, inbound: Inbound, *, account: Account, may_be: Collection[int], vault: Vault
) -> None:
    """Keep a reply that is of no organisation for whoever runs the instance, and sound the alarm in the log."""
    if reply.organisation_id is not None:
        return
    reason = TriageReason.SEVERAL if may_be else TriageReason.NOBODY
    sealed = vault.seal(inbound.from_handle, table="triage", column="sealed_handle", row_id=reply.id)
    facts = {"account": account.name[:64], "came_to": inbound.to_handle[:60], "sealed_handle": sealed}
    session.add(Triage(reply_id=reply.id, reason=reason, **facts))
    session.flush()
    _log.error(
        "reply %s came to a number of %s: `fingerpost triage` assigns it",
        reply.id,
        "several organisations" if may_be else "no organisation",
    )


def find_unassigned(session: Session, *, limit: int) -> Sequence[Unassigned]:
    """Return what nobody has yet, the oldest first."""
    rows = session.execute(
        select(Reply, Triage)
        .join(Triage, Triage.reply_id == Reply.id)
        .where(Triage.assigned_at.is_(None))
        .order_by(Triage.reply_id)
        .limit(limit)
    )
    return [
        Unassigned(
            reply.id,
            reply.received_at,
            ReplyKind(reply.kind),
            Channel(reply.channel),
            reply.gateway,
            triage.account,
            triage.came_to,
            TriageReason(triage.reason),
        )
        for reply, triage in rows
    ]


def count_unassigned(session: Session) -> int:
    """Count what nobody has yet."""
    waiting = select(func.count()).select_from(Triage).where(Triage.assigned_at.is_(None))
    return session.scalar(waiting) or 0


def read_text(session: Session, reply_id: int, *, vault: Vault) -> str | None:
    """Return the text of something in triage, None when it cannot be opened; that it was read is audited.

    Raises NotFoundError for anything that is not in triage, or not any more.
    """
    reply, _ = _waiting(session, reply_id)
    text = open_text(reply, vault)
    audit.record(session, "triage.read", subject=reply, organisation_id=None)
    return text


def assign(session: Session, reply_id: int, organisation: Organisation, *, vault: Vault) -> Reply:
    """Give something in triage to an organisation: what it asks waits in a conversation there from now on.

    Raises NotFoundError for what never was in triage, TransitionError for what was assigned already.
    """
    reply, triage = _waiting(session, reply_id)
    reply.organisation_id = organisation.id
    reply.contact_id = find_contact(
        session, organisation.id, reply.lookup, channel=Channel(reply.channel), number=reply.number
    )
    triage.assigned_at, handle = clock.now(), _open_handle(triage, vault)
    triage.sealed_handle = None
    put_in_conversation(session, reply, open_text(reply, vault) or "", handle, vault=vault)
    note_heard(session, reply)
    if reply.kind == ReplyKind.STOP:
        assign_stop(session, reply)
    session.flush()
    audit.record(session, "triage.assign", subject=reply, organisation_id=organisation.id)
    return reply


def _waiting(session: Session, reply_id: int) -> tuple[Reply, Triage]:
    triage = session.get(Triage, reply_id, with_for_update=True, populate_existing=True)
    if triage is None:
        raise NotFoundError(N_("There is nothing with the number %(number)s in triage."), number=reply_id)
    if triage.assigned_at is not None:
        raise TransitionError(N_("%(number)s was assigned already."), number=reply_id)
    return session.get_one(Reply, reply_id), triage


def _open_handle(triage: Triage, vault: Vault) -> str:
    """Return the handle of whoever wrote, '' where nobody can open it."""
    sealed, row_id = triage.sealed_handle, triage.reply_id
    return vault.open_or_none(sealed, table="triage", column="sealed_handle", row_id=row_id) or ""
