"""This table keeps changes that wait for a second member, and what became of those that did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class ProposalState(StrEnum):
    """What became of a proposal."""

    WAITING = "waiting"
    AGREED = "agreed"
    REFUSED = "refused"
    #: Taken back by a member before anybody agreed.
    WITHDRAWN = "withdrawn"
    #: The same thing was proposed anew.
    OVERTAKEN = "overtaken"


class Proposal(Base):
    """One change to one thing, as one member wants it; nothing is done before another member agrees."""

    __tablename__ = "proposal"
    __table_args__ = (
        # A thing is changed in one way at a time; what is proposed later overtakes what waits.
        Index(
            "uq_proposal_waiting",
            "organisation_id",
            "kind",
            "subject_type",
            "subject_id",
            "topic",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_proposal_lately", "organisation_id", "settled_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: Name of a Kind (proposal_kinds.py).
    kind: Mapped[str] = mapped_column(String(40))
    #: Table and id of what is changed; its organisation where the change makes something new.
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    #: Which part of it: the country of an emergency number, the address of a new member; mostly ''.
    topic: Mapped[str] = mapped_column(String(254), default="")
    #: What the thing was when it was proposed, and what it is to be; the kind says in which shape.
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(String(200))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    #: The partner organisation whose member proposed it; None: the organisation's own.
    proposed_in_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    proposed_at: Mapped[datetime]
    state: Mapped[ProposalState] = mapped_column(String(10), default=ProposalState.WAITING)
    #: None: it lapsed by itself.
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    settled_at: Mapped[datetime | None]
