"""That somebody wrote says when they were heard last, and that their address lives; nothing here commits."""

from __future__ import annotations

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.ledger import revive
from campaigns.audience.models import Address
from campaigns.audience.silence import hear_again
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.models import Reply, ReplyKind

#: What a person does to the conversation, not in it: nothing was heard from them.
_UNSPOKEN = (Happening.BLOCKED, Happening.UNBLOCKED)


def note_heard(session: Session, reply: Reply) -> None:
    """Note when the person was last heard, and that their address lives whatever a provider said of it.

    What reaches us late is not the last: WhatsApp counts its day from that.
    """
    if reply.happening in _UNSPOKEN:
        return
    revive(session, HashedHandle.of(reply))
    if reply.contact_id is not None:
        theirs = update(Address).where(Address.contact_id == reply.contact_id, Address.channel == reply.channel)
        is_news = or_(Address.heard_at.is_(None), Address.heard_at < reply.received_at)
        session.execute(theirs.where(is_news).values(heard_at=reply.received_at))
        if reply.kind not in (ReplyKind.STOP, ReplyKind.HOLD):
            hear_again(session, reply.contact_id)
