"""Somebody reports something without a name, comes back by a code, adds to it, and erases it; none commits.

A report is a conversation of a contact that is nobody: so it waits in the queue of all, with all that members do
there, and campaigns, counts and lists of people never meet it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact, UrgentContact
from campaigns.core import clock
from campaigns.core.database import reserve_ids
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.conversations.hear import hear
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.conversations.noting_themes import add_themes
from campaigns.inbox.models import WEB, Reply, ReplyKind
from campaigns.inbox.unnamed.return_code import hash_of_code, new_code
from campaigns.inbox.urgency.judging import judge
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.staff import audit

#: Longest text of a report.
LONGEST = 10_000
#: A report is erased when nobody wrote in it for so long, neither its writer nor the team.
KEPT_FOR = timedelta(days=90)
#: Names nobody: no handle has this keyed hash.
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody reports."""

    organisation_id: int
    text: str
    #: Of the page that they read, not of what they write.
    language: str
    may_answer: bool
    theme: Theme | None = None
    country: str = ""
    region_id: int | None = None


def begin_report(session: Session, told: Told, *, vault: Vault) -> str:
    """Keep a report and return its code, which is nowhere afterwards. Raises InputError for an empty text."""
    _check(told.text)
    now, code = clock.now(), new_code()
    contact = Contact(
        organisation_id=told.organisation_id,
        language=told.language,
        region_id=told.region_id,
        created_at=now,
        # Nobody can be written to: lists, segments and campaigns pass it over.
        erased_at=now,
    )
    session.add(contact)
    session.flush()
    conversation = _hear(session, contact, told.text, vault=vault, now=now)
    report = UnnamedReport(
        conversation_id=conversation.id,
        code=hash_of_code(code, vault),
        may_answer=told.may_answer,
        country=told.country,
    )
    session.add(report)
    add_themes(session, conversation, [told.theme] if told.theme else [], on=now.date())
    session.flush()
    audit.record(session, "report.begin", subject=report, organisation_id=told.organisation_id)
    return code


def find_report(session: Session, typed: str, *, vault: Vault) -> UnnamedReport | None:
    """Return the report of a code; None for one that is unknown, wrong, expired or erased, whichever it is."""
    living = select_reports().where(Conversation.last_at > clock.now() - KEPT_FOR)
    return session.scalar(living.where(UnnamedReport.code == hash_of_code(typed, vault)))


def add_to(session: Session, report: UnnamedReport, text: str, *, vault: Vault) -> None:
    """Add what the writer of a report writes again. Raises InputError for an empty text."""
    _check(text)
    conversation = session.get_one(Conversation, report.conversation_id)
    _hear(session, session.get_one(Contact, conversation.contact_id), text, vault=vault, now=clock.now())
    audit.record(session, "report.add", subject=report, organisation_id=conversation.organisation_id)


def reveal(session: Session, report: UnnamedReport, contact: str, *, vault: Vault) -> None:
    """Keep how the writer of a report can be reached; nothing is sent there by itself.

    Raises InputError for an empty one.
    """
    _check(contact)
    conversation = session.get_one(Conversation, report.conversation_id)
    heard = _hear(
        session, session.get_one(Contact, conversation.contact_id), contact, vault=vault, now=clock.now()
    )
    report.contact_reply_id = heard.last_reply_id
    session.flush()
    audit.record(session, "report.reveal", subject=report, organisation_id=conversation.organisation_id)


def erase_report(session: Session, report: UnnamedReport) -> None:
    """Remove a report with everything that was written in it, by either side."""
    conversation = session.get_one(Conversation, report.conversation_id, with_for_update=True)
    organisation_id, contact_id = conversation.organisation_id, conversation.contact_id
    audit.record(session, "report.erase", subject=report, organisation_id=organisation_id)
    past_memory = {"synchronize_session": False}
    for rows in (
        delete(Reply).where(Reply.contact_id == contact_id),
        delete(UrgentContact).where(UrgentContact.contact_id == contact_id),
        delete(Conversation).where(Conversation.id == report.conversation_id),
        delete(Contact).where(Contact.id == contact_id),
    ):
        session.execute(rows, execution_options=past_memory)
    session.expunge(report)


def select_reports() -> Select[UnnamedReport]:
    """Select reports, with their conversations at hand."""
    return select(UnnamedReport).join(Conversation, Conversation.id == UnnamedReport.conversation_id)


def _hear(session: Session, contact: Contact, text: str, *, vault: Vault, now: datetime) -> Conversation:
    (row_id,) = reserve_ids(session, Reply, 1)
    reply = Reply(
        id=row_id,
        gateway=WEB,
        provider_id=uuid4().hex,
        channel=WEB,
        lookup=_NOBODY,
        contact_id=contact.id,
        organisation_id=contact.organisation_id,
        kind=ReplyKind.TEXT,
        sealed_text=vault.seal(text, table="reply", column="sealed_text", row_id=row_id),
        received_at=now,
    )
    session.add(reply)
    session.flush()
    return hear(session, reply, text, judge(text, ReplyKind.TEXT), vault=vault)


def _check(text: str) -> None:
    if not text.strip():
        raise InputError(N_("Write something first."))
    if len(text) > LONGEST:
        raise InputError(N_("Use at most %(limit)s characters."), limit=LONGEST)
