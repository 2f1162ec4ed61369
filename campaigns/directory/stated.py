"""This finds who stated what is known of services, so that members cannot confirm what they said themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.directory.models import Service
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.staff.models import AuditEntry

#: Name of the Kind (proposed.py) that changes a service.
SERVICE_FACTS = "service_facts"
#: Name of the Kind that says which number stands where no service fits.
EMERGENCY = "emergency_number"
#: Acts by which a member alone says what a service is.
STATEMENTS = ("service.create", "service.update")


def find_stating(session: Session, service_ids: Collection[int], *, since: datetime | None = None) -> set[int]:
    """Return the ids of members who stated a number, hours or the like of any of these services.

    Whoever proposed a change counts once another member has agreed; that one does not.
    """
    table = Service.__tablename__
    alone = (
        select(AuditEntry.member_id)
        .where(AuditEntry.subject_type == table, AuditEntry.subject_id.in_(service_ids))
        .where(AuditEntry.action.in_(STATEMENTS), AuditEntry.member_id.is_not(None))
    )
    agreed = (
        select(Proposal.proposed_by_id)
        .where(Proposal.kind == SERVICE_FACTS, Proposal.state == ProposalState.AGREED)
        .where(Proposal.subject_type == table, Proposal.subject_id.in_(service_ids))
    )
    if since is not None:
        alone, agreed = alone.where(AuditEntry.at > since), agreed.where(Proposal.settled_at > since)
    return {member for statement in (alone, agreed) for member in session.scalars(statement.distinct()) if member}


def find_stating_emergencies(session: Session, organisation_id: int, countries: Collection[str]) -> set[int]:
    """Return the ids of members who proposed an emergency number that is named in any of these countries."""
    agreed = (
        select(Proposal.proposed_by_id)
        .where(Proposal.kind == EMERGENCY, Proposal.state == ProposalState.AGREED)
        .where(Proposal.organisation_id == organisation_id, Proposal.topic.in_(countries))
    )
    return set(session.scalars(agreed.distinct())) if countries else set()
