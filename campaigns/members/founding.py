"""An organisation is being founded until its first run to people: until then nobody is there to agree to anything.

Its only administrator appoints a second one and the first approver alone and without the wait. From then on, and
from the first run on at the latest, what a member is trusted with takes two administrators. Some organisations
never send, but keep a directory that everybody reads: nobody appoints alone for longer than FOUNDED_WITHIN.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.planning.models import Run
from campaigns.planning.queries import counts_as_reach
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation, Role
from campaigns.staff.queries import owned

#: Whoever takes longer asks the operator.
FOUNDED_WITHIN = timedelta(days=30)
#: The act of which every member is told: one administrator gave a role alone, while the organisation is founded.
APPOINT = "member.appoint"
#: Acts by which a member may lose a role.
_TAKING = ("member.set_roles", "member.bar")


@dataclass(frozen=True, slots=True)
class Founding:
    """How far an organisation is that has sent nothing yet."""

    admins: int
    approvers: int
    is_new: bool
    #: Roles that somebody was appointed to alone, or lost: nobody makes room to appoint another one.
    settled: frozenset[str] = frozenset()

    @property
    def alone(self) -> frozenset[Role]:
        """What an administrator may give to somebody else without a second one."""
        if not self.is_new:
            return frozenset()
        second_admin = {Role.ADMIN} if self.admins == 1 else set()
        first_approver = {Role.APPROVER} if self.approvers == 0 else set()
        return frozenset((second_admin | first_approver) - self.settled)


def is_other_admin(session: Session, organisation_id: int, *, besides: Collection[int]) -> bool:
    """Say whether an administrator besides these members could agree to what takes two."""
    living = owned(select(Membership), Membership, organisation_id).join(Member).where(Member.active)
    others = session.scalars(living.where(Member.id.not_in(besides)))
    return any(Role.ADMIN in membership.roles for membership in others)


def is_founding(session: Session, organisation_id: int) -> bool:
    """Say whether an organisation is new, and no run of it went to people yet."""
    return _is_new(session, organisation_id) and not _has_sent(session, organisation_id)


def find_founding(session: Session, organisation_id: int) -> Founding | None:
    """Return how far the founding of an organisation is; None once a run of it went to people."""
    if _has_sent(session, organisation_id):
        return None
    living = owned(select(Membership), Membership, organisation_id).join(Member).where(Member.active)
    roles = [membership.roles for membership in session.scalars(living)]
    admins, approvers = (sum(role in each for each in roles) for role in (Role.ADMIN, Role.APPROVER))
    is_new, settled = _is_new(session, organisation_id), _find_settled(session, organisation_id)
    return Founding(admins, approvers, is_new, settled)


def _has_sent(session: Session, organisation_id: int) -> bool:
    ran = owned(select(Run.id), Run, organisation_id).where(counts_as_reach(), Run.started_at.is_not(None))
    return session.scalar(ran.limit(1)) is not None


def _is_new(session: Session, organisation_id: int) -> bool:
    return session.get_one(Organisation, organisation_id).created_at > clock.now() - FOUNDED_WITHIN


def _find_settled(session: Session, organisation_id: int) -> frozenset[str]:
    acts = owned(select(AuditEntry.action, AuditEntry.detail), AuditEntry, organisation_id)
    rows = session.execute(acts.where(AuditEntry.action.in_((APPOINT, *_TAKING))))
    return frozenset(role for action, detail in rows for role in _settled_by(action, detail))


def _settled_by(action: str, detail: dict[str, Any]) -> set[str]:
    if action == APPOINT:
        return set(detail["roles"])
    return set(detail.get("before", ())) - set(detail.get("after", ()))
