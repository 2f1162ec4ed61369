"""After WhatsApp's 24 hours an approved template asks somebody to write again; then they can be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.core.written_text import digest_of
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.gateways.base import Template
from campaigns.inbox.conversations.addressees import Addressee, load_addressee
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.service import Seen, check_seen, hold_kept, send
from campaigns.inbox.conversations.window import ANSWER_LIVES, Obstacle, find_obstacle
from campaigns.messages.models import Message
from campaigns.messages.translations.withdrawn_copies import find_still_saying, find_withdrawn_words
from campaigns.planning.models import TemplateState, WhatsAppTemplate
from campaigns.staff.queries import owned


def load_reminders(session: Session, conversation: Conversation, addressee: Addressee) -> Mapping[int, str]:
    """Return the titles of the templates that may be sent now, by their ids: in their language where there is one.

    One with blanks is left out: nothing here would fill them; so is one whose words were withdrawn. None may be
    sent while an answer can be.
    """
    if find_obstacle(addressee.writer, now=clock.now()) is not Obstacle.WINDOW_CLOSED:
        return {}
    found = _standing(session, [each for each in _load(session, conversation, addressee) if not each[0].slots])
    theirs = [each for each in found if each[0].language == conversation.language]
    return {template.id: title for template, title in theirs or found}


def send_reminder(
    session: Session, conversation: Conversation, template_id: int, *, by: int, seen: Seen, vault: Vault
) -> None:
    """Send an approved template to whoever cannot be answered any more; the draft stays until they write.

    Raises TransitionError for a template that may not be sent, ChangedError when they or another member wrote
    since.
    """
    addressee = load_addressee(session, conversation, locked=True)
    conversation = hold_kept(session, conversation)
    check_seen(session, conversation, seen)
    if template_id not in load_reminders(session, conversation, addressee):
        raise TransitionError(N_("This template may not be sent to them now."))
    if addressee.address is None or addressee.sender is None:
        raise RefusedError(N_("There is no address any more at which they can be answered."))
    template, now = session.get_one(WhatsAppTemplate, template_id), clock.now()
    text = AnswerText(template.language, template.body, template=Template(template.content_sid or ""))
    way = addressee.address, addressee.sender
    send(session, conversation, way, text, by=by, until=now + ANSWER_LIVES, vault=vault)


def _load(
    session: Session, conversation: Conversation, addressee: Addressee
) -> Sequence[tuple[WhatsAppTemplate, str]]:
    if addressee.sender is None:
        return []
    approved = owned(select(WhatsAppTemplate, Message.title), WhatsAppTemplate, conversation.organisation_id)
    approved = approved.join(Message, Message.id == WhatsAppTemplate.message_id).where(
        WhatsAppTemplate.secret_name == addressee.sender.secret_name,
        WhatsAppTemplate.state == TemplateState.APPROVED,
        WhatsAppTemplate.content_sid.is_not(None),
    )
    return [(row[0], row[1]) for row in session.execute(approved.order_by(Message.title, WhatsAppTemplate.id))]


def _standing(
    session: Session, found: Sequence[tuple[WhatsAppTemplate, str]]
) -> Sequence[tuple[WhatsAppTemplate, str]]:
    """Return those that say nothing which was withdrawn, here or by whom their message was copied from."""
    ids = {template.message_id for template, _ in found}
    copies = find_still_saying(session, Message.id.in_(ids))
    # The words of a template stay what they were when it was asked for, whatever its message says by now.
    said = find_withdrawn_words(session, ids)
    wrong = {(message_id, language, digest_of(text)) for message_id, language, text in said}
    return [
        (template, title)
        for template, title in found
        if template.message_id not in copies
        and (template.message_id, template.language, template.text_digest) not in wrong
    ]
