"""A form for a report is taken once; pressed twice on a slow line it gives a new code for the same report.

The browser drops the first answer then, and with it the only code. Nothing here commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Answer, Conversation, UnnamedReport
from campaigns.inbox.unnamed.form_stamp import LATEST
from campaigns.inbox.unnamed.models import SentForm
from campaigns.inbox.unnamed.return_code import hash_of_code, new_code
from campaigns.inbox.unnamed.service import Told, begin_report
from campaigns.staff import audit

#: For so long the same form with the same text gives a new code: a slow line gives up within two minutes, and
#: whoever finds the phone later shall not get one by sending again what its browser remembers.
AGAIN_WITHIN = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a form that was sent."""

    #: By which its writer comes back; None: the form was used before.
    code: str | None
    is_first: bool
    #: It says what it said before.
    is_same: bool


def take_form(session: Session, nonce: str, told: Told, *, vault: Vault) -> Taken:
    """Take a form that carries a stamp: begin its report, or give the one that it began a new code.

    Of the same form in two processes one waits for the other. Raises InputError as `begin_report` does.
    """
    stamp, said = vault.lookup_hash("form stamp", nonce), _hash_of(nonce, told, vault)
    making = insert_or(session, SentForm).values(stamp=stamp, said=said, sent_at=clock.now())
    is_first = session.scalar(making.on_conflict_do_nothing().returning(SentForm.stamp)) is not None
    form = session.get_one(SentForm, stamp, with_for_update=True, populate_existing=True)
    if is_first:
        form.conversation_id, code = begin_report(session, told, vault=vault)
        return Taken(code, is_first=True, is_same=True)
    is_same = form.said == said
    return Taken(_renew_code(session, form, vault) if is_same else None, is_first=False, is_same=is_same)


def close_form(session: Session, nonce: str, *, vault: Vault) -> None:
    """Let a form give no new code any more: who sent it left, and whoever has their phone may send it again."""
    _cut(session, SentForm.stamp == vault.lookup_hash("form stamp", nonce))


def use_up(session: Session, report: UnnamedReport) -> None:
    """Let the form of a report give no new code any more: somebody has come by the one that there is.

    To be called before the conversation is held, as whoever sends a form again holds the form first.
    """
    _cut(session, SentForm.conversation_id == report.conversation_id)


def forget_forms(sessions: sessionmaker[Session]) -> None:
    """Cut the links of forms that are too old to give a new code; forget those that nobody can send any more."""
    now = clock.now()
    is_linked = SentForm.conversation_id.is_not(None) & (SentForm.sent_at <= now - AGAIN_WITHIN)
    # The hour alone is kept of when it was sent.
    is_over = SentForm.sent_at <= now - LATEST - timedelta(hours=1)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        is_due = session.scalar(select(exists().where(or_(is_linked, is_over))))
    if is_due:
        with sessions.begin() as session:
            _cut(session, is_linked)
            session.execute(delete(SentForm).where(is_over), execution_options=PAST_MEMORY)


def _renew_code(session: Session, form: SentForm, vault: Vault) -> str | None:
    """Give a report a new code; None where somebody came back or was answered, and when it is too late."""
    if form.conversation_id is None or clock.now() - form.sent_at > AGAIN_WITHIN:
        return None
    conversation = session.get_one(
        Conversation, form.conversation_id, with_for_update=True, populate_existing=True
    )
    answered = select(exists().where(Answer.conversation_id == conversation.id))
    if conversation.closed_at is not None or session.scalar(answered):
        return None
    code = new_code()
    report = session.get_one(UnnamedReport, conversation.id, populate_existing=True)
    report.code = hash_of_code(code, vault)
    session.flush()
    of = conversation.organisation_id
    audit.record_unnamed(session, "report.renew", subject=report, organisation_id=of)
    return code


def _cut(session: Session, which: ColumnElement[bool]) -> None:
    cutting = update(SentForm).where(which).values(conversation_id=None, sent_at=clock.hour_of(clock.now()))
    session.execute(cutting, execution_options=PAST_MEMORY)


def _hash_of(nonce: str, told: Told, vault: Vault) -> bytes:
    """Return what is kept of what a form says: by the nonce, which is nowhere, nobody can try texts on it."""
    return vault.lookup_hash("form text", f"{nonce}\0{told.organisation_id}\0{told.is_complaint}\0{told.text}")
