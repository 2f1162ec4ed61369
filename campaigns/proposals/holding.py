"""Members lock what they change in one order: first the thing itself, then what is proposed for it.

Whoever proposes, agrees or refuses holds the thing, so of two members at the same moment the second one sees what
the first one did, and neither waits for the other in a circle.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.database import Base
from campaigns.core.errors import TransitionError
from campaigns.core.words import N_
from campaigns.proposals.models import Proposal
from campaigns.staff.audit import Subject


def hold(session: Session, subject: Subject) -> None:
    """Hold a thing before a proposal is made of what it is now. Raises TransitionError when it is gone."""
    hold_all(session, subject.__tablename__, [subject.id])


def hold_all(session: Session, table: str, ids: Collection[int]) -> None:
    """Hold things of one table, in the order of their ids. Raises TransitionError when one of them is gone."""
    if _lock(session, table, ids) < len(set(ids)):
        raise TransitionError(N_("It was removed meanwhile."))


def hold_subject(session: Session, proposal: Proposal) -> None:
    """Hold what a proposal is about, if it is still there."""
    _lock(session, proposal.subject_type, [proposal.subject_id])


def _lock(session: Session, table: str, ids: Collection[int]) -> int:
    """Lock rows until the transaction ends, read them anew, and return how many there are."""
    mapped: Any = next(mapper.class_ for mapper in Base.registry.mappers if mapper.class_.__tablename__ == table)
    # Rows that only name the thing, such as deliveries their organisation, are still added meanwhile.
    rows = select(mapped).where(mapped.id.in_(ids)).order_by(mapped.id).with_for_update(key_share=True)
    return len(session.scalars(rows.execution_options(populate_existing=True)).all())
