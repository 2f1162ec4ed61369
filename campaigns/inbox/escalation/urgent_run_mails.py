"""Tells whoever is on duty by mail that an urgent message is being sent: once each, and nothing of what it says.

A mail is noted before it is handed over; the note of one that is not taken goes, so that it is tried again.
It goes out only where mails about waiting people do, and to no more members than are told of those.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import RecipientRefusedError, UnavailableError
from campaigns.core.mail.catalogues import words_in
from campaigns.core.mail.smtp import Mailer, compose
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation.models import EscalationSwitch, UrgentRunTold
from campaigns.inbox.escalation.urgent_runs import select_urgent_runs
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.models import Run
from campaigns.staff.models import Member, Organisation

_SUBJECT = N_("An urgent message is being sent")
_TEXT = N_("Organisation: %(organisation)s\n\nMany may answer soon. Sign in to read and answer: %(link)s")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to one member about one run."""

    run_id: int
    organisation: str
    member: Member

    @property
    def key(self) -> dict[str, int]:
        """The key of its row."""
        return {"run_id": self.run_id, "member_id": self.member.id}


def send_urgent_run_mails(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Send every mail that is due and return how many were taken; nobody writes while there is none."""
    if not settings.smtp_url:
        return 0
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        due = list(_find_due(session, settings, now))
    return sum(_send(sessions, settings, mailer, notice, now) for notice in due)


def _find_due(session: Session, settings: Settings, now: datetime) -> Iterator[Notice]:
    """Yield who is on duty and was not told yet of an urgent run of theirs."""
    switched_on = select(EscalationSwitch.organisation_id).where(EscalationSwitch.is_on)
    runs = session.scalars(select_urgent_runs(switched_on)).all()
    told = select(UrgentRunTold).where(UrgentRunTold.run_id.in_([run.id for run in runs]))
    known = {(row.run_id, row.member_id) for row in session.scalars(told)} if runs else set()
    for run in runs:
        organisation = session.get_one(Organisation, run.organisation_id)
        for member in _on_duty(session, organisation, run, settings, now):
            if (run.id, member.id) not in known:
                yield Notice(run.id, organisation.name, member)


def _on_duty(
    session: Session, organisation: Organisation, run: Run, settings: Settings, now: datetime
) -> list[Member]:
    """Return the members who would be told of a conversation that waits, in whatever language of the run."""
    roster = load_roster(session, organisation, settings)
    silent = load_unreachable(session, list(roster.readers), now=now)
    languages = run.frozen.get("texts") or {"": ""}
    told = {
        member_id
        for language in languages
        for member_id in roster.told(Step.ALERT, Urgency.DAY, language, at=now, unreachable=silent)
    }
    return list(session.scalars(select(Member).where(Member.id.in_(told), Member.active).order_by(Member.id)))


def _send(
    sessions: sessionmaker[Session], settings: Settings, mailer: Mailer, notice: Notice, now: datetime
) -> bool:
    """Note a mail and hand it over; say whether it was taken."""
    try:
        with sessions.begin() as session:
            session.execute(insert(UrgentRunTold).values(**notice.key, told_at=now))
    except IntegrityError:
        # Another worker has it.
        return False
    words, member = words_in(notice.member.locale), notice.member
    values = {"organisation": notice.organisation, "link": f"{settings.public_url.rstrip('/')}/inbox"}
    subject, text = words.ugettext(_SUBJECT), words.ugettext(_TEXT) % values
    try:
        mailer(compose(sender=settings.mail_from, to=member.email, subject=subject, text=f"{subject}\n\n{text}"))
    except RecipientRefusedError:
        # Trying again changes nothing: its note stays.
        return False
    except UnavailableError:
        _log.warning("a mail about urgent run %s was not taken", notice.run_id)
        with sessions.begin() as session:
            session.execute(delete(UrgentRunTold).filter_by(**notice.key))
        return False
    return True
