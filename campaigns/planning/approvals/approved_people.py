"""An approval remembers who was in the audience, so that a run's people can be compared one by one.

The rule alone would not do: people move, so it means others tomorrow, and nobody keeps where they were. A row for
each person would be a million rows an approval. So it is a bit for each contact id, 32 in a row: exact, written
and read by the database alone, and a thirtieth of the rows where ids lie close together. Only the approval in
force has them, and only while something of its campaign is to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.audience.models import Contact
from campaigns.core.database import Base
from campaigns.planning.models import Approval

#: A block holds 2 ** 5 contact ids: as many bits as any database can shift without a sign.
_BLOCK = 5
_WITHIN = (1 << _BLOCK) - 1


class ApprovedPeople(Base):
    """Who was in an audience when it was approved, a bit for each contact id."""

    __tablename__ = "approved_people"
    __table_args__ = ({"sqlite_with_rowid": False},)

    approval_id: Mapped[int] = mapped_column(ForeignKey("approval.id"), primary_key=True, autoincrement=False)
    block: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bits: Mapped[int] = mapped_column(BigInteger)


def keep_people(session: Session, approval: Approval, people: Select[*tuple[Any, ...]]) -> None:
    """Keep who of `people` (`rules.select_resolved`) is written to, with a flushed approval; forget earlier."""
    forget_people(session, approval.campaign_id)
    blocks = select_blocks(people.subquery("resolved")).subquery("blocks")
    rows = select(literal(approval.id, BigInteger), blocks.c.block, blocks.c.bits)
    session.execute(insert(ApprovedPeople).from_select(["approval_id", "block", "bits"], rows))


def select_blocks(found: Subquery) -> Select[int, int]:
    """Select a bit for each of the resolved people who is written to, by the blocks of their ids."""
    block, bits = _block(found), func.sum(literal(1, BigInteger).bitwise_lshift(_place(found)))
    return (
        select(block.label("block"), cast(bits, BigInteger).label("bits"))
        .where(found.c.reason.is_(None))
        .group_by(block)
    )


def keep_blocks(session: Session, approval: Approval, blocks: Mapping[int, int]) -> None:
    """Keep with a flushed approval who was counted before, as `select_blocks` found them; forget earlier."""
    forget_people(session, approval.campaign_id)
    rows = [{"approval_id": approval.id, "block": block, "bits": bits} for block, bits in sorted(blocks.items())]
    if rows:
        session.execute(insert(ApprovedPeople), rows)


def forget_people(session: Session, campaign_id: int) -> None:
    """Forget who was in the approved audience of a campaign: no run of it will be compared with them."""
    approvals = select(Approval.id).where(Approval.campaign_id == campaign_id)
    session.execute(delete(ApprovedPeople).where(ApprovedPeople.approval_id.in_(approvals)))


def with_joining(people: Select[*tuple[Any, ...]]) -> Subquery:
    """Return `people` (`rules.select_resolved`) with when each of them became a contact."""
    return people.add_columns(Contact.created_at.label("created_at")).subquery("resolved")


def join_approved(found: Subquery, approval: Approval) -> FromClause:
    """Join people (`with_joining`) with what is kept of the audience of an approval."""
    same = ApprovedPeople.block == _block(found)
    return found.outerjoin(ApprovedPeople, and_(ApprovedPeople.approval_id == approval.id, same))


def count_strangers(found: Subquery, approval: Approval) -> ColumnElement[int]:
    """Count the joined people (`join_approved`) who were not in the approved audience.

    The id of somebody who was erased may be given again, so who became a contact later is none of them.
    """
    bit = ApprovedPeople.bits.bitwise_rshift(_place(found)).bitwise_and(1)
    is_stranger = or_(ApprovedPeople.bits.is_(None), bit == 0, found.c.created_at > approval.decided_at)
    return cast(func.sum(case((is_stranger, 1), else_=0)), Integer)


def _block(found: Subquery) -> ColumnElement[int]:
    return found.c.contact_id.bitwise_rshift(literal(_BLOCK, Integer))


def _place(found: Subquery) -> ColumnElement[int]:
    return cast(found.c.contact_id.bitwise_and(_WITHIN), Integer)
