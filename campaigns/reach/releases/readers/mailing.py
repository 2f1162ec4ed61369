"""Sends readers a link when a month or quarter has been released: one mail a period, and no figure in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.mail.smtp import Mailer, compose
from campaigns.core.settings import Settings
from campaigns.reach.releases.models import Every, LedgerEntry, MailState, Release, ReportMail, ReportReader
from campaigns.reach.releases.readers.mail_text import subject_and_text
from campaigns.reach.releases.readers.service import sign_link
from campaigns.staff.models import Organisation

#: A mail that was not taken is tried again after so long, so often.
AGAIN_AFTER, ATTEMPTS = timedelta(minutes=30), 6
#: Only what was released lately is told: a new reader gets no mails about last year.
NEWEST = timedelta(days=14)
AT_ONCE = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A mail to send."""

    reader_id: int
    period: str
    organisation: str


def send_reports(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Send what is due and return how many were taken.

    Each is noted before it is handed over: a process that dies in between sends it never, rather than twice.
    """
    with sessions.begin() as session:
        # Of two workers at one moment the later one finds what the first has noted.
        session.execute(select(ReportReader.id).order_by(ReportReader.id).with_for_update(key_share=True))
        due = list(_due(session))
        for each in due:
            mail = session.get(ReportMail, (each.reader_id, each.period)) or ReportMail(
                reader_id=each.reader_id, period=each.period, attempts=0
            )
            mail.state, mail.attempts, mail.changed_at = MailState.SENDING, mail.attempts + 1, clock.now()
            session.add(mail)
    return sum(_send(sessions, settings, mailer, each) for each in due)


def _due(session: Session) -> Iterator[Due]:
    """Yield a mail for each reader and newly released period of their kind."""
    of_kind = or_(
        and_(ReportReader.every == Every.MONTH, Release.period.like("____-__"), ~Release.period.contains("Q")),
        and_(ReportReader.every == Every.QUARTER, Release.period.like("____-Q_")),
    )
    again = and_(
        ReportMail.state == MailState.FAILED,
        ReportMail.attempts < ATTEMPTS,
        ReportMail.changed_at <= clock.now() - AGAIN_AFTER,
    )
    statement = (
        select(ReportReader.id, Release.period, Organisation.name)
        .distinct()
        .join(LedgerEntry, LedgerEntry.organisation_id == ReportReader.organisation_id)
        .join(Release, Release.id == LedgerEntry.release_id)
        .join(Organisation, Organisation.id == ReportReader.organisation_id)
        .outerjoin(ReportMail, and_(ReportMail.reader_id == ReportReader.id, ReportMail.period == Release.period))
        .where(ReportReader.removed_at.is_(None), of_kind, Release.made_at >= clock.now() - NEWEST)
        .where(Release.made_at >= ReportReader.created_at)
        .where(or_(ReportMail.reader_id.is_(None), again))
        .order_by(ReportReader.id)
        .limit(AT_ONCE)
    )
    for row in session.execute(statement):
        yield Due(*row)


def _send(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer, due: Due) -> bool:
    """Send one mail, and say whether it was taken; one that cannot even be written holds up no other."""
    try:
        mailer(_mail_to(sessions, settings, due))
        state = MailState.SENT
    except Exception as error:
        # What is said of it may name the reader's address.
        _log.warning("a report could not be sent: %s", type(error.__cause__ or error).__name__)
        state = MailState.FAILED
    with sessions.begin() as session:
        mail = session.get_one(ReportMail, (due.reader_id, due.period))
        mail.state, mail.changed_at = state, clock.now()
    return state is MailState.SENT


def _mail_to(sessions: sessionmaker[Session], settings: Settings, due: Due) -> EmailMessage:
    with sessions() as session:
        reader = session.get_one(ReportReader, due.reader_id)
        address = settings.vault().open(reader.address, table="report_reader", column="address", row_id=reader.id)
        language = reader.language
    link = f"{settings.public_url.rstrip('/')}/publications/{sign_link(settings.secret_key, due.reader_id)}"
    subject, text = subject_and_text(language, organisation=due.organisation, period=due.period, link=link)
    return compose(sender=settings.mail_from, to=address, subject=subject, text=text)
