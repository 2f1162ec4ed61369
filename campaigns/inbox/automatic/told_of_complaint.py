"""Whoever complained about the organisation is told who reads it, in their language, where a text is chosen."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.inbox.automatic.sayings import find_saying, queue_saying
from campaigns.inbox.conversations.addressees import Addressee, load_need
from campaigns.inbox.conversations.models import Conversation, Occasion
from campaigns.inbox.conversations.window import find_obstacle
from campaigns.planning.policy import Policy


def tell_who_reads(
    session: Session, conversation: Conversation, addressee: Addressee, *, policy: Policy, vault: Vault
) -> bool:
    """Tell somebody who reads their complaint; say whether there is a text and they may be written to now.

    The addressee was locked before the conversation was, as everywhere. To whoever wrote without a name nothing is
    sent: they come back by their code.
    """
    now = clock.now()
    if addressee.address is None or addressee.sender is None:
        return False
    if find_obstacle(addressee.writer, now=now) is not None:
        return False
    need = load_need(session, conversation, addressee.address, now=now)
    saying = find_saying(session, conversation, Occasion.COMPLAINT, need, {}, policy=policy)
    if saying is None:
        return False
    text = AnswerText(saying.language, saying.body, saying.service_ids)
    reply_id = conversation.last_reply_id
    queue_saying(session, conversation, addressee, text, Occasion.COMPLAINT, reply_id=reply_id, vault=vault)
    return True
