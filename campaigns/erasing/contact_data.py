"""What an organisation knows of a person goes: conversation, words about them, consent, addresses, place."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, null, or_, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AskedContact, Consent, Contact, GroupedContact, UrgentContact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.delivery.models import AnswerService, FormerText, RunText
from campaigns.inbox.conversations.models import Answer, Conversation
from campaigns.staff.models import AuditEntry, AuditNote


def forget_reasons(session: Session, contact: Contact, reply_ids: Collection[int]) -> None:
    """Remove what members wrote about a person beside the audit, whose entries name them by ids alone."""
    conversations = select(Conversation.id).where(Conversation.contact_id == contact.id)
    subject, which = AuditEntry.subject_type, AuditEntry.subject_id
    about = or_(
        (subject == Contact.__tablename__) & (which == contact.id),
        (subject == "reply") & which.in_(reply_ids),
        (subject == Conversation.__tablename__) & which.in_(conversations),
    )
    session.execute(
        delete(AuditNote).where(AuditNote.entry_id.in_(select(AuditEntry.id).where(about))),
        execution_options=PAST_MEMORY,
    )


def drop_conversation(session: Session, contact: Contact) -> None:
    """Remove the conversation with all that belongs to it, and the words of what was answered."""
    ours = select(Conversation.id).where(Conversation.contact_id == contact.id)
    runs = session.scalars(select(Answer.run_id).where(Answer.conversation_id.in_(ours))).all()
    texts = select(RunText.id).where(RunText.run_id.in_(runs))
    session.execute(delete(FormerText).where(FormerText.text_id.in_(texts)), execution_options=PAST_MEMORY)
    session.execute(delete(AnswerService).where(AnswerService.run_id.in_(runs)), execution_options=PAST_MEMORY)
    nothing = {"body": null(), "sealed_body": null(), "content_sid": null(), "content_variables": null()}
    wiped = update(RunText).where(RunText.run_id.in_(runs))
    session.execute(
        wiped.values(**nothing, service_ids=[], language=UNKNOWN_LANGUAGE), execution_options=PAST_MEMORY
    )
    session.execute(
        delete(Conversation).where(Conversation.contact_id == contact.id), execution_options=PAST_MEMORY
    )


def empty(session: Session, contact: Contact) -> None:
    """Remove addresses and consent, and leave of the contact no more than that there was one."""
    for mapped in (UrgentContact, AskedContact, GroupedContact, Consent, Address):
        session.execute(delete(mapped).where(mapped.contact_id == contact.id), execution_options=PAST_MEMORY)
    session.expire_all()
    contact.erased_at = contact.created_at = clock.now()
    contact.language, contact.other_language = UNKNOWN_LANGUAGE, None
    contact.cell = contact.region_id = contact.time_zone = None
    contact.position_source = contact.position_at = contact.silent_since = None
    session.flush()
