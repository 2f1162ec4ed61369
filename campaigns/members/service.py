"""Verbs on what members are trusted with: giving takes two administrators, taking away takes one. None commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.inbox.escalation.passing_on import bring_back
from campaigns.members.founding import APPOINT, find_founding
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind
from campaigns.proposals.service import propose
from campaigns.staff import audit, service
from campaigns.staff.models import TRUSTED, AuditEntry, Member, Membership, Organisation, Role
from campaigns.staff.queries import get_membership, owned

#: Whoever gave a member a one-time password proposes them for nothing that hurts, so long.
PASSWORD_KNOWN = timedelta(days=30)
GAVE_PASSWORD = N_(
    "You gave this member a one-time password in the last %(days)s days. Another administrator has to propose "
    "these roles."
)


@dataclass(frozen=True, slots=True)
class Split:
    """Which roles a member has from now on, and which they are to have once a second administrator agreed."""

    now: frozenset[str]
    wanted: frozenset[str]
    #: Given by one administrator because nobody else is there yet.
    alone: frozenset[str]


def add_member(
    session: Session,
    organisation: Organisation,
    kind: Kind,
    *,
    email: str,
    name: str,
    password_hash: str,
    roles: Iterable[str],
    by: int,
) -> tuple[Member, Proposal | None]:
    """Add a member with a one-time password; what they are trusted with waits for a second administrator.

    Raises InputError as `staff.service.create_member` does.
    """
    service.hold_roles(session, organisation.id)
    guarded = roles_that_take_two(session, organisation.id, by=by)
    split = _split(session, organisation.id, guarded, wanted=roles, present=(), is_own=False)
    member = service.create_member(
        session,
        organisation,
        email=email,
        name=name,
        password_hash=password_hash,
        roles=split.now,
        temporary=True,
        by=by,
    )
    return member, _follow(session, kind, member.memberships[0], split, by=by)


def change_roles(
    session: Session, membership: Membership, kind: Kind, roles: Iterable[str], *, by: int
) -> Proposal | None:
    """Take roles away and give others; return what waits for a second administrator.

    Raises InputError for unknown roles or none, RefusedError when no administrator would be left, or when what
    would wait is for a member whose password `by` gave anew and may know.
    """
    service.hold_roles(session, membership.organisation_id, membership.member)
    is_own = membership.member_id == by
    guarded = TRUSTED if is_own else roles_that_take_two(session, membership.organisation_id, by=by)
    present = membership.roles
    split = _split(session, membership.organisation_id, guarded, wanted=roles, present=present, is_own=is_own)
    if split.now != split.wanted and _gave_password(session, membership, by):
        raise RefusedError(GAVE_PASSWORD, days=PASSWORD_KNOWN.days)
    if split.now != set(present) or split.now == split.wanted:
        set_roles(session, membership, split.now, by=by)
    return _follow(session, kind, membership, split, by=by)


def _gave_password(session: Session, membership: Membership, by: int) -> bool:
    """Say whether an administrator gave a member a new password lately: the account may be in their hands."""
    given = owned(select(AuditEntry.id), AuditEntry, membership.organisation_id).where(
        AuditEntry.action == "member.issue_password",
        AuditEntry.at > clock.now() - PASSWORD_KNOWN,
        AuditEntry.subject_id == membership.member_id,
        AuditEntry.member_id == by,
    )
    return session.scalar(given.limit(1)) is not None


def set_roles(session: Session, membership: Membership, roles: Iterable[str], *, by: int | None = None) -> None:
    """Replace a member's roles as `staff.service` does; what they put off waits if they answer no more."""
    service.set_roles(session, membership, roles, by=by)
    bring_back(session, membership)


def set_active(session: Session, membership: Membership, active: bool, *, by: int) -> None:
    """Bar a member or let them in again, as `staff.service` does; what they put off waits once they are barred."""
    service.set_active(session, membership, active, by=by)
    bring_back(session, membership)


def roles_that_take_two(session: Session, organisation_id: int, *, by: int) -> frozenset[str]:
    """Return the roles that the administrator `by` gives to nobody else alone, nor a password to whoever has one.

    An approver who made an author would approve what that author writes: alone, with two accounts.
    """
    reviews = Role.APPROVER in get_membership(session, organisation_id, by).roles
    return TRUSTED | ({Role.AUTHOR} if reviews else frozenset())


def _split(
    session: Session,
    organisation_id: int,
    guarded: frozenset[str],
    *,
    wanted: Iterable[str],
    present: Iterable[str],
    is_own: bool,
) -> Split:
    asked = frozenset(wanted)
    given = (asked - set(present)) & guarded
    founding = find_founding(session, organisation_id) if given and not is_own else None
    alone = given & founding.alone if founding else frozenset()
    # Somebody has to be something until the second administrator has agreed.
    now = asked - (given - alone) or (frozenset({Role.VIEWER}) if asked else asked)
    return Split(frozenset(map(str, now)), frozenset(map(str, asked)), frozenset(map(str, alone)))


def _follow(session: Session, kind: Kind, membership: Membership, split: Split, *, by: int) -> Proposal | None:
    """Tell of what was given alone, and propose what was not given yet."""
    if split.alone:
        audit.record(
            session,
            APPOINT,
            subject=membership.member,
            organisation_id=membership.organisation_id,
            member_id=by,
            roles=sorted(split.alone),
        )
    if split.wanted == split.now:
        return None
    return propose(
        session,
        kind,
        membership.member,
        organisation_id=membership.organisation_id,
        before={"roles": sorted(split.now)},
        after={"roles": sorted(split.wanted)},
        by=by,
    )
