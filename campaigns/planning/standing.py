"""Members see where a campaign stands by its state, or as sent, which is read off times and runs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Schedule


class Standing(StrEnum):
    """What a member reads of a campaign: its state, or that nothing of it is left to send."""

    DRAFT = CampaignState.DRAFT.value
    SUBMITTED = CampaignState.SUBMITTED.value
    APPROVED = CampaignState.APPROVED.value
    #: Approved; every time has passed, a run of it is done, and none may send any more.
    SENT = "sent"
    ARCHIVED = CampaignState.ARCHIVED.value


def standings_of(session: Session, campaigns: Iterable[Campaign]) -> dict[int, Standing]:
    """Return the standing of each campaign by its id."""
    states = {campaign.id: campaign.state for campaign in campaigns}
    approved = [campaign_id for campaign_id, state in states.items() if state == CampaignState.APPROVED]
    sent = find_sent(session, approved) if approved else set()
    return {
        campaign_id: Standing.SENT if campaign_id in sent else Standing(state)
        for campaign_id, state in states.items()
    }


def find_sent(session: Session, campaign_ids: Iterable[int]) -> set[int]:
    """Return which of these campaigns are sent: nothing of an approved one is to come, and something is done."""
    runs = select(Run.id).where(Run.campaign_id == Campaign.id, ~Run.is_rehearsal)
    coming = select(Schedule.id).where(
        Schedule.campaign_id == Campaign.id, Schedule.removed_at.is_(None), Schedule.next_fire_at.is_not(None)
    )
    sent = select(Campaign.id).where(
        Campaign.id.in_(list(campaign_ids)),
        Campaign.state == CampaignState.APPROVED,
        ~coming.exists(),
        ~runs.where(Run.state.in_(LIVING)).exists(),
        runs.where(Run.state == RunState.DONE).exists(),
    )
    return set(session.scalars(sent))
