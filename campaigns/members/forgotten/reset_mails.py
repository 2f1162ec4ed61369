"""A worker mails links for a new password, and tells members when theirs has changed.

A token is made for each mail and committed as a hash before the mail is handed over, with the time before which no
other worker tries it: one that made a second link would end the first, which somebody may be reading.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.mail.catalogues import words_in
from campaigns.core.mail.smtp import Mailer, compose
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.members.forgotten.models import ResetLink
from campaigns.members.forgotten.reset_links import LIVES, make_token
from campaigns.staff.models import Member

AT_ONCE = 50
#: How long the next try waits for the one before, which a slow server may hold for a while.
PAUSES = (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=15))
#: Who asked so long ago does not look any more; of a changed password somebody is told later, too.
ASKED_WITHIN, TOLD_WITHIN = timedelta(minutes=30), timedelta(days=1)

_NEW_PASSWORD = N_("A new password for Fingerpost")
_CHOOSE = N_("Choose a new password here, once, within %(minutes)s minutes: %(link)s")
_IF_NOT_YOU = N_("If you did not ask for it, do nothing: your password stays as it is.")
_INVITED = N_("You are invited to Fingerpost")
_INVITED_TO = N_("%(name)s, you are a member of %(organisation)s now.")
_IF_LATE = N_("After that, ask for a new link on the sign-in page: %(sign_in)s")
_CHANGED = N_("Your password for Fingerpost has changed")
_HOW_CHANGED = N_("It was chosen by a link that was mailed to you, and you were signed out on every device.")
_IF_CHANGED_BY_OTHERS = N_("If it was not you, tell an administrator of your organisation at once.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResetMail:
    """A mail to hand over."""

    link_id: int
    to: str
    subject: str
    text: str
    is_notice: bool


def send_reset_mails(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer) -> int:
    """Mail what waits, each in its reader's language; return how many mails were taken."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(ResetLink.id).where(_waits()).limit(1)) is None:
            return 0
    with sessions.begin() as session:
        mails = [mail for each in _take(session) if (mail := _compose(session, settings, each)) is not None]
    # Without a server a mailer only writes to the log, and nobody is shown the form.
    return sum(_hand_over(sessions, settings, mailer, each) for each in mails)


def _waits() -> ColumnElement[bool]:
    to_tell = ResetLink.done_at.is_not(None) & ResetLink.told_at.is_(None)
    is_free = or_(ResetLink.try_after.is_(None), ResetLink.try_after <= clock.now())
    return and_(or_(ResetLink.settled_at.is_(None), to_tell), is_free)


def _take(session: Session) -> list[ResetLink]:
    waiting = select(ResetLink).where(_waits()).order_by(ResetLink.id).limit(AT_ONCE)
    return list(session.scalars(waiting.with_for_update(skip_locked=True)))


def _compose(session: Session, settings: Settings, link: ResetLink) -> ResetMail | None:
    """Note that a mail is tried, and return it; None where there is nobody to mail to, or it is too late."""
    now = clock.now()
    member = session.get(Member, link.member_id) if link.member_id else None
    is_notice = link.done_at is not None
    is_over = link.done_at <= now - TOLD_WITHIN if link.done_at else link.asked_at <= now - ASKED_WITHIN
    # A password that was changed is told of whether or not its member was barred since.
    if member is None or is_over or not (member.active or is_notice):
        _settle(link)
        return None
    link.try_after = now + PAUSES[min(link.attempts, len(PAUSES) - 1)]
    link.attempts += 1
    return _notice(link, member) if is_notice else _letter(settings, link, member, make_token(link))


def _settle(link: ResetLink) -> None:
    """Note that nothing more is mailed of a link for now."""
    now = clock.now()
    link.settled_at = link.settled_at or now
    if link.done_at is not None:
        link.told_at = now


def _letter(settings: Settings, link: ResetLink, member: Member, token: str) -> ResetMail:
    words, ours = words_in(member.locale), settings.public_url.rstrip("/")
    choose = words.ugettext(_CHOOSE) % {
        "minutes": int(LIVES.total_seconds() // 60),
        "link": f"{ours}/forgotten/{token}",
    }
    if not link.is_invitation:
        text = "\n\n".join((choose, words.ugettext(_IF_NOT_YOU)))
        return ResetMail(link.id, member.email, words.ugettext(_NEW_PASSWORD), text, is_notice=False)
    organisation = member.memberships[0].organisation.name if member.memberships else ""
    invited = words.ugettext(_INVITED_TO) % {"name": member.name, "organisation": organisation}
    late = words.ugettext(_IF_LATE) % {"sign_in": f"{ours}/sign-in"}
    return ResetMail(
        link.id, member.email, words.ugettext(_INVITED), "\n\n".join((invited, choose, late)), is_notice=False
    )


def _notice(link: ResetLink, member: Member) -> ResetMail:
    words = words_in(member.locale)
    text = "\n\n".join(words.ugettext(each) for each in (_HOW_CHANGED, _IF_CHANGED_BY_OTHERS))
    return ResetMail(link.id, member.email, words.ugettext(_CHANGED), text, is_notice=True)


def _hand_over(sessions: sessionmaker[Session], settings: Settings, mailer: Mailer, mail: ResetMail) -> bool:
    try:
        mailer(compose(sender=settings.mail_from, to=mail.to, subject=mail.subject, text=mail.text))
    except UnavailableError as error:
        # What the server says may name the member's address.
        _log.warning("a mail about a password was not taken: %s", type(error.__cause__ or error).__name__)
        return False
    with sessions.begin() as session:
        link = session.get(ResetLink, mail.link_id, with_for_update=True)
        # Somebody may have used the link before we come to write that it was taken: of that they are told yet.
        if link is not None and mail.is_notice == (link.done_at is not None):
            _settle(link)
    return True
