"""Two administrators give the roles that can hurt, and a new password to whoever has one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.members.forgotten.reset_links import end_invitations
from campaigns.members.service import roles_that_take_two
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.queries import find_waiting_for
from campaigns.proposals.service import propose
from campaigns.staff import service
from campaigns.staff.forms import ROLE_NAMES
from campaigns.staff.models import Membership, Role
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_membership
from campaigns.staff.sign_in.passwords import make_one_time_password

#: Names of the kinds.
ROLES, PASSWORD = "member_roles", "member_password"
#: Between the groups of a one-time password.
_DASH = "-"


@dataclass(frozen=True, slots=True)
class Reset:
    """A new password for a member: whole, or its first half while a second administrator has to agree."""

    password: str
    proposal: Proposal | None = None


def kinds_of_members(*, approver_wait: timedelta, seal: Callable[[str], str]) -> tuple[Kind, ...]:
    """Return the kinds; a new approver may approve after `approver_wait`, `seal` hashes a password."""

    def give_roles(session: Session, proposal: Proposal, by: int) -> None:
        membership, roles = _membership(session, proposal), proposal.after["roles"]
        starts = clock.now() + approver_wait if Role.APPROVER in roles else None
        service.set_roles(session, membership, roles, approves_from=starts, by=by)

    password = Kind(
        PASSWORD,
        N_("New password of a member"),
        Permission.ADMINISTER,
        _read_password,
        _give_none,
        _show_password,
        audited=lambda values: {},
        proposing=Permission.ADMINISTER,
        prepare=lambda proposal: _with_password(password, proposal, seal),
        is_alone=True,
    )
    roles = Kind(
        ROLES,
        N_("Roles of a member"),
        Permission.ADMINISTER,
        _read_roles,
        give_roles,
        _show_roles,
        proposing=Permission.ADMINISTER,
    )
    return roles, password


def reset_password(
    session: Session, membership: Membership, kind: Kind, *, password: str, password_hash: str, by: int
) -> Reset:
    """Replace a forgotten password by a one-time one; for whoever is trusted with more it takes two.

    Each of the two then knows one half of it. Raises RefusedError for a member of another organisation too.
    """
    service.check_sole_organisation(membership.member)
    organisation_id = membership.organisation_id
    service.hold_roles(session, organisation_id, membership.member)
    waiting = find_waiting_for(session, organisation_id, ROLES, membership.member)
    roles = {*membership.roles, *(waiting.after["roles"] if waiting else ())}
    if roles_that_take_two(session, organisation_id, by=by).isdisjoint(roles):
        service.issue_password(session, membership, password_hash, by=by)
        end_invitations(session, membership.member)
        return Reset(password)
    first, _second = _halves(password)
    proposal = propose(
        session,
        kind,
        membership.member,
        organisation_id=organisation_id,
        before=_mark(membership),
        after={"first": first},
        by=by,
    )
    return Reset(first, proposal)


def _halves(password: str) -> tuple[str, str]:
    groups = password.split(_DASH)
    middle = len(groups) // 2
    return _DASH.join(groups[:middle]), _DASH.join(groups[middle:])


def _with_password(kind: Kind, proposal: Proposal, seal: Callable[[str], str]) -> Kind:
    """Return the kind that sets the password whose first half was proposed; the second half is made here."""
    first, (_first, second) = proposal.after["first"], _halves(make_one_time_password())
    hashed = seal(f"{first}{_DASH}{second}")

    def give(session: Session, proposal: Proposal, by: int) -> str:
        membership = _membership(session, proposal)
        service.issue_password(session, membership, hashed, by=by)
        end_invitations(session, membership.member)
        proposal.after = {}
        return second

    return replace(kind, apply=give)


def _give_none(session: Session, proposal: Proposal, by: int) -> None:
    """Refuse to set a password that nobody made: it is hashed before the transaction begins."""
    raise TransitionError(N_("Agree to a new password on its own page."))


def _read_password(session: Session, proposal: Proposal) -> Mapping[str, Any] | None:
    try:
        return _mark(_membership(session, proposal))
    except NotFoundError:
        return None


def _mark(membership: Membership) -> dict[str, str]:
    """Return what is another one as soon as the password is."""
    return {"password": hashlib.sha256((membership.member.password or "").encode()).hexdigest()[:16]}


def _show_password(session: Session, proposal: Proposal) -> Shown:
    return _shown(session, proposal, ())


def _read_roles(session: Session, proposal: Proposal) -> Mapping[str, Any] | None:
    try:
        return {"roles": sorted(_membership(session, proposal).roles)}
    except NotFoundError:
        return None


def _show_roles(session: Session, proposal: Proposal) -> Shown:
    before, after = (
        tuple(ROLE_NAMES[Role(role)] for role in values["roles"]) for values in (proposal.before, proposal.after)
    )
    return _shown(session, proposal, (Line(N_("Roles"), before, after),))


def _shown(session: Session, proposal: Proposal, lines: tuple[Line, ...]) -> Shown:
    member = _membership(session, proposal).member
    name = f"{member.name} ({member.email})"
    arguments = {"member_id": member.id}
    return Shown(name, lines, "members.edit_member", arguments)


def _membership(session: Session, proposal: Proposal) -> Membership:
    return get_membership(session, proposal.organisation_id, proposal.subject_id)
