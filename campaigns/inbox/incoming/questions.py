"""What asks for somebody of ours goes into the conversation with whoever wrote it, and waits there."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import heard_handle
from campaigns.audience.joining.writers import note_writer
from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.conversations.hear import hear
from campaigns.inbox.models import LONGEST_TEXT, Reply, ReplyKind
from campaigns.inbox.urgency.judging import judge

#: What somebody of ours has to read. Who may have said stop may ask for help with the same words.
ASKS = (ReplyKind.TEXT, ReplyKind.HELP, ReplyKind.INFO, ReplyKind.MOVED, ReplyKind.YES, ReplyKind.HOLD)
#: What a person says in a conversation; other things they do to it.
SPOKEN = (Happening.WROTE, Happening.PRESSED_BUTTON)


def put_in_conversation(session: Session, reply: Reply, text: str, written_from: str, *, vault: Vault) -> None:
    """Let a text that asks for somebody of ours wait; whoever writes for the first time is a contact from then on.

    A name or short code that nobody can answer has no conversation: what it sent stands in the history.
    """
    if reply.organisation_id is None or reply.kind not in ASKS or reply.happening not in SPOKEN:
        return
    if reply.contact_id is None:
        handle = heard_handle(Channel(reply.channel), written_from)
        if handle is None:
            return
        writer = note_writer(session, reply.organisation_id, handle, at=reply.received_at, vault=vault)
        reply.contact_id = writer.contact_id
    text = text[:LONGEST_TEXT]
    hear(session, reply, text, judge(text, ReplyKind(reply.kind)), vault=vault)
