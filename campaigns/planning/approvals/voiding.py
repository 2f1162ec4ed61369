"""Voiding: what was approved does not hold any more, because the campaign changed or a member said so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.planning.approvals.approved_people import forget_people
from campaigns.planning.lifecycle import check_move
from campaigns.planning.models import Approval, Campaign, CampaignState


def void_approvals(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Return the campaign to draft and void every approval it has; its row must be held."""
    check_move(campaign.state, CampaignState.DRAFT)
    campaign.state = CampaignState.DRAFT
    in_force = (Approval.campaign_id == campaign.id, Approval.voided_at.is_(None))
    session.execute(update(Approval).where(*in_force).values(voided_at=now))
    forget_people(session, campaign.id)
