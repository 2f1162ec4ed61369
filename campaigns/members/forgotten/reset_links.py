"""Verbs on links for a new password: asked for, made, used once within minutes. None commits.

Whoever publishes, approves or administers needs a second administrator besides: who reads their mail is not they.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import ForbiddenError
from campaigns.core.words import N_
from campaigns.members.forgotten.models import ResetLink
from campaigns.members.founding import is_other_admin
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind
from campaigns.proposals.service import propose
from campaigns.staff import audit, service
from campaigns.staff.models import TRUSTED, Member, Membership
from campaigns.staff.queries import find_member

#: How long a link holds.
LIVES = timedelta(minutes=15)
#: The kind of proposal by which a second administrator confirms a password.
RESET = "member_reset"
#: How long it is remembered who asked.
KEPT_FOR = timedelta(days=7)
_OVER = N_("This link was used already, or is too old. Ask for a new one on the sign-in page.")


def ask_for_link(session: Session, email: str) -> None:
    """Note that somebody wants a new password for an address, whoever's it is; a worker does the rest."""
    member = find_member(session, email)
    is_living = member is not None and member.active
    session.add(ResetLink(member_id=member.id if member and is_living else None, asked_at=clock.now()))
    session.flush()


def invite_by_mail(session: Session, member: Member) -> None:
    """Note that a new member is to get a link to choose their password by."""
    session.add(ResetLink(member_id=member.id, asked_at=clock.now(), is_invitation=True))
    session.flush()


def end_invitations(session: Session, member: Member) -> None:
    """Let no link hold by which a member was invited, nor be mailed: they got another one-time password."""
    now = clock.now()
    theirs = select(ResetLink).where(ResetLink.member_id == member.id, ResetLink.used_at.is_(None))
    for each in session.scalars(theirs.where(ResetLink.is_invitation).with_for_update()):
        each.used_at, each.settled_at = now, each.settled_at or now
    session.flush()


def make_token(link: ResetLink) -> str:
    """Return a token for a link, of which the row keeps the hash; one before it holds no more."""
    token = secrets.token_urlsafe(32)
    link.token_hash, link.made_at = _hash_of(token), clock.now()
    return token


def get_link(session: Session, token: str, *, for_update: bool = False) -> tuple[ResetLink, Member]:
    """Return a link and whose it is. Raises ForbiddenError for one that is unknown, used or too old."""
    wanted = select(ResetLink).where(ResetLink.token_hash == _hash_of(token), ResetLink.used_at.is_(None))
    if for_update:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    link = session.scalars(wanted).one_or_none()
    if link is None or link.made_at is None or link.made_at <= clock.now() - LIVES:
        raise ForbiddenError(_OVER)
    member = session.get(Member, link.member_id, populate_existing=True, with_for_update=for_update or None)
    if member is None or not member.active:
        raise ForbiddenError(_OVER)
    # Nobody confirms what is chosen by an invitation: it is over once its member has a password of their own.
    if link.is_invitation and not member.password_is_temporary:
        raise ForbiddenError(_OVER)
    return link, member


def use_link(
    session: Session, link: ResetLink, member: Member, kind: Kind, *, password_hash: str
) -> Proposal | None:
    """Take the password that was chosen; return what waits for a second administrator, if it takes one.

    All other links of the member hold no more.
    """
    now = clock.now()
    theirs = select(ResetLink).where(ResetLink.member_id == member.id, ResetLink.used_at.is_(None))
    for each in session.scalars(theirs.with_for_update()):
        each.used_at, each.settled_at = now, each.settled_at or now
    session.flush()
    _forget_chosen(session, Proposal.subject_id == member.id)
    trusted = find_trusting(session, member)
    if trusted is None or link.is_invitation:
        set_password(session, link, member, password_hash)
        return None
    return propose(
        session,
        kind,
        member,
        organisation_id=trusted.organisation_id,
        before=mark_of(member),
        after={"password": password_hash, "link": link.id},
        by=member.id,
    )


def find_trusting(session: Session, member: Member) -> Membership | None:
    """Return a membership by which a member publishes, approves or administers; None: there is none.

    One in whose organisation another administrator can confirm their password goes before all others.
    """
    trusting = [each for each in member.memberships if not TRUSTED.isdisjoint(each.roles)]
    confirmed = (each for each in trusting if may_be_confirmed(session, each))
    return next(confirmed, trusting[0] if trusting else None)


def may_be_confirmed(session: Session, trusting: Membership) -> bool:
    """Say whether anybody else can confirm a password that a member chose by a link."""
    return is_other_admin(session, trusting.organisation_id, besides=(trusting.member_id,))


def set_password(session: Session, link: ResetLink, member: Member, password_hash: str) -> None:
    """Give a member the password that they chose by a link; all their sessions end."""
    service.change_password(session, member, password_hash)
    link.done_at, link.try_after, link.attempts = clock.now(), None, 0
    for organisation_id in service.organisations_of(member):
        audit.record(
            session, "member.reset_by_mail", subject=member, organisation_id=organisation_id, member_id=member.id
        )


def mark_of(member: Member) -> dict[str, str]:
    """Return what is another one as soon as the password is."""
    return {"password": hashlib.sha256((member.password or "").encode()).hexdigest()[:16]}


def forget_links(sessions: sessionmaker[Session]) -> None:
    """Remove who asked long ago, and what they chose that nobody confirmed; nobody writes while there is none."""
    long_ago = clock.now() - KEPT_FOR
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(ResetLink.id).where(ResetLink.asked_at <= long_ago).limit(1)) is None:
            return
    with sessions.begin() as session:
        # Without its link a choice can be confirmed no more; what others chose stays until theirs goes.
        gone = select(ResetLink.id).where(ResetLink.asked_at <= long_ago)
        _forget_chosen(session, Proposal.after["link"].as_integer().in_(gone))
        session.execute(delete(ResetLink).where(ResetLink.asked_at <= long_ago))


def _forget_chosen(session: Session, *whose: ColumnElement[bool]) -> None:
    session.execute(update(Proposal).where(Proposal.kind == RESET, *whose).values(after={}))


def _hash_of(token: str) -> str:
    return hashlib.sha256(token[:100].encode(errors="surrogatepass")).hexdigest()
