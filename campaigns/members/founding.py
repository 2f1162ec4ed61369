"""An organisation is being founded until its first run to people: until then nobody is there to agree to anything.

Its only administrator appoints a second one and the first approver alone and without the wait. From then on, and
from the first run on at the latest, what a member is trusted with takes two administrators.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning.models import Run
from campaigns.staff.models import Member, Membership, Role
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Founding:
    """How far an organisation is that has sent nothing yet."""

    admins: int
    approvers: int

    @property
    def alone(self) -> frozenset[Role]:
        """What an administrator may give to somebody else without a second one."""
        second_admin = {Role.ADMIN} if self.admins == 1 else set()
        first_approver = {Role.APPROVER} if self.approvers == 0 else set()
        return frozenset(second_admin | first_approver)


def find_founding(session: Session, organisation_id: int) -> Founding | None:
    """Return how far the founding of an organisation is; None once a run of it went to people."""
    ran = owned(select(Run.id), Run, organisation_id).where(~Run.is_rehearsal, Run.started_at.is_not(None))
    if session.scalar(ran.limit(1)) is not None:
        return None
    living = owned(select(Membership), Membership, organisation_id).join(Member).where(Member.active)
    roles = [membership.roles for membership in session.scalars(living)]
    admins, approvers = (sum(role in each for each in roles) for role in (Role.ADMIN, Role.APPROVER))
    return Founding(admins, approvers)
