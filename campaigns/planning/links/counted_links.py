"""This remembers where the counted address of a campaign leads, and who proposed that."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.core.database import Base
from campaigns.planning.links.link_targets import LINK_TARGET
from campaigns.planning.models import Campaign
from campaigns.proposals.models import Proposal, ProposalState


class CountedLink(Base):
    """Where the counted address of a campaign (/go/K7) leads to."""

    __tablename__ = "counted_link"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    #: Full address of the page; '' when it was taken away and leads nowhere.
    target: Mapped[str] = mapped_column(String(400))
    changed_at: Mapped[datetime]


def find_target(session: Session, campaign: Campaign) -> str:
    """Return where the campaign's counted address leads, as it is stored now; '' for nowhere."""
    return session.scalar(select(CountedLink.target).where(CountedLink.campaign_id == campaign.id)) or ""


def select_leading(campaign: Campaign) -> Select[int]:
    """Select the ids of members who proposed where the campaign's counted address leads, and were agreed with."""
    return select(Proposal.proposed_by_id).where(
        Proposal.kind == LINK_TARGET,
        Proposal.state == ProposalState.AGREED,
        Proposal.subject_type == Campaign.__tablename__,
        Proposal.subject_id == campaign.id,
    )
