"""Somebody reports something without a name, comes back by a code, adds to it, and erases it; none commits.

A report is a conversation of a contact that is nobody: so it waits in the queue of all, with all that members do
there, and campaigns, counts and lists of people never meet it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Contact, GroupedContact, UncleanPages, UrgentContact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, reserve_ids
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.complaints.service import complain
from campaigns.inbox.conversations.hear import hear, hold_in_passing, note_in_passing
from campaigns.inbox.conversations.left_answers import let_next_wait
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.conversations.noting_themes import add_themes
from campaigns.inbox.models import WEB, Reply, ReplyKind
from campaigns.inbox.unnamed.likeness import hold_same, is_flood, judged_in_flood, likeness_of
from campaigns.inbox.unnamed.report_clock import ReportClock
from campaigns.inbox.unnamed.return_code import hash_of_code, new_code
from campaigns.inbox.urgency.judging import Judged, judge
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.staff import audit

#: Longest text of a report.
LONGEST = 10_000
#: A report is erased when nobody wrote in it for so long, neither its writer nor the team.
KEPT_FOR = timedelta(days=90)
#: Reports that are erased at one look; the others are at the next.
MOST_AT_ONCE = 500
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
    #: It is about the organisation itself: others read it than those who answer.
    is_complaint: bool = False


def begin_report(session: Session, told: Told, *, vault: Vault) -> tuple[int, str]:
    """Keep a report; return the id of its conversation, and its code, which is nowhere afterwards.

    Raises InputError for an empty or long text, and for a complaint that nobody would read.
    """
    _check(told.text)
    now, code = clock.now(), new_code()
    contact = _nobody(session, told, now=now)
    likeness, words = likeness_of(told.text, vault)
    alone = judge(told.text, ReplyKind.TEXT)
    judged = judged_in_flood(alone) if is_flood(session, told.organisation_id, vault, now=now) else alone
    same = None
    # Whoever may be in danger is read by themselves: nobody learns or gets anything by guessing at their words.
    if not told.is_complaint and judged.urgency < Urgency.DAY:
        same = hold_same(session, told.organisation_id, told.country, likeness, words)
    if same is not None and judged.urgency > same.urgency:
        same = None
    conversation = _hear(session, contact, told.text, judged, vault=vault, waits=same is None)
    report = UnnamedReport(
        conversation_id=conversation.id,
        code=hash_of_code(code, vault),
        may_answer=told.may_answer,
        country=told.country,
        likeness=likeness,
        same_as_id=same.id if same else None,
    )
    session.add(report)
    # One more of the same, or of a flood, says nothing that is counted.
    is_counted = same is None and judged == alone
    add_themes(session, conversation, [told.theme] if told.theme and is_counted else [], on=now.date())
    session.flush()
    if told.is_complaint:
        complain(session, conversation)
    audit.record_unnamed(session, "report.begin", subject=report, organisation_id=told.organisation_id)
    return conversation.id, code


def find_report(session: Session, typed: str, *, vault: Vault) -> UnnamedReport | None:
    """Return the report of a code; None for one that is unknown, wrong, expired or erased, whichever it is."""
    living = _select_reports().where(Conversation.last_at > clock.now() - KEPT_FOR)
    return session.scalar(living.where(UnnamedReport.code == hash_of_code(typed, vault)))


def add_to(session: Session, report: UnnamedReport, text: str, *, vault: Vault) -> None:
    """Add what the writer of a report writes again. Raises InputError for an empty or long text."""
    _check(text)
    conversation = _stand_apart(session, report)
    contact = session.get_one(Contact, conversation.contact_id)
    _hear(session, contact, text, judge(text, ReplyKind.TEXT), vault=vault, before=conversation)
    of = conversation.organisation_id
    audit.record_unnamed(session, "report.add", subject=report, organisation_id=of)


def reveal(session: Session, report: UnnamedReport, way: str, *, vault: Vault) -> None:
    """Keep how the writer of a report can be reached; nothing is sent there by itself.

    Raises InputError for an empty or long one.
    """
    _check(way)
    conversation = _stand_apart(session, report)
    contact = session.get_one(Contact, conversation.contact_id)
    heard = _hear(session, contact, way, judge(way, ReplyKind.TEXT), vault=vault, before=conversation)
    report.contact_reply_id = heard.last_reply_id
    session.flush()
    of = conversation.organisation_id
    audit.record_unnamed(session, "report.reveal", subject=report, organisation_id=of)


def erase_report(session: Session, report: UnnamedReport) -> None:
    """Remove a report with everything that was written in it, by either side."""
    conversation = session.get_one(Conversation, report.conversation_id, with_for_update=True)
    organisation_id, contact_id = conversation.organisation_id, conversation.contact_id
    let_next_wait(session, conversation)
    audit.record_unnamed(session, "report.erase", subject=report, organisation_id=organisation_id)
    for rows in (
        delete(Reply).where(Reply.contact_id == contact_id),
        delete(UrgentContact).where(UrgentContact.contact_id == contact_id),
        delete(GroupedContact).where(GroupedContact.contact_id == contact_id),
        delete(Conversation).where(Conversation.id == report.conversation_id),
        delete(Contact).where(Contact.id == contact_id),
    ):
        session.execute(rows, execution_options=PAST_MEMORY)
    session.expunge(report)
    session.add(UncleanPages())
    session.flush()


def _select_reports() -> Select[UnnamedReport]:
    """Select reports, with their conversations at hand."""
    return select(UnnamedReport).join(Conversation, Conversation.id == UnnamedReport.conversation_id)


def erase_expired(sessions: sessionmaker[Session]) -> int:
    """Erase reports in which nobody has written for so long, and return how many."""
    expired = _select_reports().where(Conversation.last_at <= clock.now() - KEPT_FOR)
    ids = expired.with_only_columns(UnnamedReport.conversation_id)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        due = session.scalars(ids.order_by(UnnamedReport.conversation_id).limit(MOST_AT_ONCE)).all()
    erased = 0
    for conversation_id in due:
        with sessions.begin() as session:
            # Its writer may have come back meanwhile.
            report = session.scalar(expired.where(UnnamedReport.conversation_id == conversation_id))
            if report is not None:
                erase_report(session, report)
                erased += 1
    return erased


def _nobody(session: Session, told: Told, *, now: datetime) -> Contact:
    contact = Contact(
        organisation_id=told.organisation_id,
        language=told.language,
        region_id=told.region_id,
        created_at=clock.day_of(now),
        # Nobody can be written to: lists, segments and campaigns pass it over.
        erased_at=clock.day_of(now),
    )
    session.add(contact)
    session.flush()
    return contact


def _stand_apart(session: Session, report: UnnamedReport) -> Conversation:
    """Return the conversation of a report, locked, that now says more than those that are nearly the same."""
    conversation = session.get_one(
        Conversation, report.conversation_id, with_for_update=True, populate_existing=True
    )
    let_next_wait(session, conversation)
    return conversation


def _hear(
    session: Session,
    contact: Contact,
    text: str,
    judged: Judged,
    *,
    vault: Vault,
    before: Conversation | None = None,
    waits: bool = True,
) -> Conversation:
    """Keep what was written as a reply; `before` is its conversation where there is one."""
    (row_id,) = reserve_ids(session, Reply, 1)
    clocked = ReportClock(before)
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
        received_at=clocked.received_at,
    )
    session.add(reply)
    session.flush()
    if waits:
        conversation = hear(session, reply, text, judged, vault=vault)
        clocked.set_wait(conversation)
        return conversation
    conversation = hold_in_passing(session, reply)
    note_in_passing(session, conversation, reply, text, judged, vault=vault)
    return conversation


def _check(text: str) -> None:
    if not text.strip():
        raise InputError(N_("Write something first."))
    if len(text) > LONGEST:
        raise InputError(N_("Use at most %(limit)s characters."), limit=LONGEST)
