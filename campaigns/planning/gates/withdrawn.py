"""Here is asked whether a campaign says what was withdrawn, here or where its message was copied from."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.messages.gates import UNMENDED, WITHDRAWN, Gate, withdrawn_gate
from campaigns.messages.models import Message
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.messages.translations.withdrawn_copies import find_still_said, find_suspect, find_unmended
from campaigns.planning.campaign_content import Content


def check_withdrawn(session: Session, message: Message, content: Content) -> Gate:
    """Return the gate on what was withdrawn of a campaign's message and is in its content."""
    if find_withdrawal(session, message.id, message.version) is not None:
        return withdrawn_gate(message.id, fault=WITHDRAWN)
    if find_unmended(session, Message.id == message.id):
        return withdrawn_gate(message.id, fault=UNMENDED)
    said = find_still_said(session, message.id, content.texts)
    copy = find_suspect(session, message.id) if message.copied_from_id is not None else None
    return withdrawn_gate(
        message.id, languages=said.languages if said else (), partner=copy.partner if copy else None
    )
