"""These reads find the changes that wait for a second member, and those that were made lately."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from campaigns.proposals.models import Proposal, ProposalState
from campaigns.staff.audit import Subject
from campaigns.staff.models import Member, Organisation
from campaigns.staff.queries import owned


def select_waiting(organisation_id: int) -> Select[*tuple[Any, ...]]:
    """Select the organisation's waiting proposals with the name of who proposed, longest waiting first.

    Of a partner's member the organisation's name stands there.
    """
    return (
        owned(select(Proposal, _proposer()), Proposal, organisation_id)
        .join(Member, Member.id == Proposal.proposed_by_id)
        .outerjoin(Organisation, Organisation.id == Proposal.proposed_in_id)
        .where(Proposal.state == ProposalState.WAITING)
        .order_by(Proposal.id)
    )


def select_agreeable(organisation_id: int, *, member_id: int, kinds: Collection[str]) -> Select[*tuple[Any, ...]]:
    """Select, as `select_waiting` does, those of these kinds that the member did not propose."""
    others = Proposal.kind.in_(kinds), Proposal.proposed_by_id != member_id
    return select_waiting(organisation_id).where(*others)


def select_settled(organisation_id: int) -> Select[*tuple[Any, ...]]:
    """Select the settled proposals with the names of who proposed and who settled, the latest first.

    The second name is None for what lapsed by itself.
    """
    second = aliased(Member)
    return (
        owned(select(Proposal, _proposer(), second.name), Proposal, organisation_id)
        .join(Member, Member.id == Proposal.proposed_by_id)
        .outerjoin(Organisation, Organisation.id == Proposal.proposed_in_id)
        .outerjoin(second, second.id == Proposal.settled_by_id)
        .where(Proposal.settled_at.is_not(None))
        .order_by(Proposal.settled_at.desc(), Proposal.id.desc())
    )


def select_agreed_since(organisation_id: int, since: datetime) -> Select[*tuple[Any, ...]]:
    """Select what two members changed since a moment (UTC), with the names of both, the latest first."""
    agreed = Proposal.state == ProposalState.AGREED, Proposal.settled_at > since
    return select_settled(organisation_id).where(*agreed)


def proposer_of(session: Session, proposal: Proposal) -> str:
    """Return the name of who proposed; of a partner's member the organisation's."""
    named = select(_proposer()).select_from(Proposal).join(Member, Member.id == Proposal.proposed_by_id)
    found = named.outerjoin(Organisation, Organisation.id == Proposal.proposed_in_id)
    return session.scalars(found.where(Proposal.id == proposal.id)).one()


def _proposer() -> ColumnElement[str]:
    return func.coalesce(Organisation.name, Member.name)


def find_waiting_for(
    session: Session, organisation_id: int, kind: str, subject: Subject, *, topic: str = ""
) -> Proposal | None:
    """Return the waiting proposal of this kind for a thing, so that its page can say so."""
    waiting = owned(select(Proposal), Proposal, organisation_id).where(
        Proposal.kind == kind,
        Proposal.subject_type == subject.__tablename__,
        Proposal.subject_id == subject.id,
        Proposal.topic == topic,
        Proposal.state == ProposalState.WAITING,
    )
    return session.scalar(waiting)
