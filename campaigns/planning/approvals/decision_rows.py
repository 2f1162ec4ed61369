"""A decision of an approver is written down here with all that it was about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.planning.campaign_content import Content
from campaigns.planning.models import Approval, Campaign, Decision


def decide(
    session: Session,
    campaign: Campaign,
    decision: Decision,
    *,
    by: int,
    content: Content,
    people: int,
    at: datetime,
    reason: str = "",
    as_urgent: bool = False,
) -> Approval:
    """Write down what a member decided on exactly this content, and return it flushed."""
    approval = Approval(
        campaign_id=campaign.id,
        member_id=by,
        decision=decision,
        digest=content.digest,
        content=content.to_json(),
        people=people,
        reason=reason,
        as_urgent=as_urgent,
        decided_at=at,
    )
    session.add(approval)
    session.flush()
    return approval
