"""Tells administrators by mail that a month's limit or a provider's balance runs out: once each, without a sum.

A mail is noted before it is handed over; the note of one that is not taken goes, so that it is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.mail.catalogues import words_in
from campaigns.core.mail.smtp import Mailer, compose
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.planning.spending.models import AccountBalance, SpendingNotice
from campaigns.planning.spending.queries import find_left, load_months, month_of
from campaigns.staff.credentials import load_credentials
from campaigns.staff.models import Member, Membership, Organisation, Role

_log = logging.getLogger(__name__)


class Cause(StrEnum):
    """Of what somebody is told."""

    NEARLY = "nearly"
    USED_UP = "used_up"
    BALANCE = "balance"


SUBJECTS = {
    Cause.NEARLY: N_("80 %% of the monthly limit is spent"),
    Cause.USED_UP: N_("The monthly limit is used up, so campaigns wait"),
    Cause.BALANCE: N_("The money at a provider runs out"),
}
_TEXT = N_("Organisation: %(organisation)s\n\nSign in to see it and to act: %(link)s")


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to one administrator."""

    organisation_id: int
    organisation: str
    member_id: int
    email: str
    locale: str | None
    cause: Cause
    period: str

    @property
    def key(self) -> dict[str, object]:
        """The key of its row."""
        whose = {"organisation_id": self.organisation_id, "member_id": self.member_id}
        return whose | {"cause": self.cause.value, "period": self.period}


def send_spending_mails(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Send every mail that is due and return how many were taken; without a mail server *Now* tells it alone."""
    if not settings.smtp_url:
        return 0
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        due = list(_find_due(session, settings, now))
    return sum(_send(sessions, settings, mailer, notice, now) for notice in due)


def _find_due(session: Session, settings: Settings, now: datetime) -> Iterator[Notice]:
    """Yield what administrators were not told yet."""
    causes = set(_find_causes(session, settings, now))
    periods = {period for _, _, period in causes}
    told = select(SpendingNotice).where(SpendingNotice.period.in_(periods))
    known = {(row.organisation_id, row.member_id, row.cause, row.period) for row in session.scalars(told)}
    administrators = (
        select(Membership.organisation_id, Membership.roles, Organisation.name, Member)
        .join(Member, Member.id == Membership.member_id)
        .join(Organisation, Organisation.id == Membership.organisation_id)
        .where(Member.active, Membership.organisation_id.in_({owner for owner, _, _ in causes}))
    )
    for owner, roles, organisation, member in session.execute(administrators).all() if causes else ():
        for cause, period in sorted((cause, period) for of, cause, period in causes if of == owner):
            if Role.ADMIN in roles and (owner, member.id, cause.value, period) not in known:
                yield Notice(owner, organisation, member.id, member.email, member.locale, cause, period)


def _find_causes(session: Session, settings: Settings, now: datetime) -> Iterator[tuple[int, Cause, str]]:
    """Yield organisation, cause and period of everything that runs out now."""
    for organisation_id, money in load_months(session, now=now).items():
        if money.is_warned_of:
            yield organisation_id, Cause.USED_UP if money.is_used_up else Cause.NEARLY, month_of(now)
    credentials = load_credentials(session, settings)
    monday = f"{now - timedelta(days=now.weekday()):%Y-%m-%d}"
    names = list(session.scalars(select(AccountBalance.secret_name)))
    for left in find_left(session, names, now=now):
        if left.is_low:
            yield from ((owner, Cause.BALANCE, monday) for owner in credentials.owners_of(left.secret_name))


def _send(
    sessions: sessionmaker[Session], settings: Settings, mailer: Mailer, notice: Notice, now: datetime
) -> bool:
    """Note a mail and hand it over; say whether it was taken."""
    try:
        with sessions.begin() as session:
            session.execute(insert(SpendingNotice).values(**notice.key, told_at=now))
    except IntegrityError:
        # Another worker has it.
        return False
    words = words_in(notice.locale)
    link = f"{settings.public_url.rstrip('/')}/reach/spending"
    subject = words.ugettext(SUBJECTS[notice.cause]) % {}
    text = words.ugettext(_TEXT) % {"organisation": notice.organisation, "link": link}
    try:
        mailer(compose(sender=settings.mail_from, to=notice.email, subject=subject, text=f"{subject}\n\n{text}"))
    except UnavailableError:
        _log.warning("a mail of organisation %s about its spending was not taken", notice.organisation_id)
        with sessions.begin() as session:
            session.execute(delete(SpendingNotice).filter_by(**notice.key))
        return False
    return True
