"""The moves a campaign and a run may make, as two tables and one check; no database here."""

from __future__ import annotations

from campaigns.core.errors import TransitionError
from campaigns.planning.models import CampaignState, RunState

#: Who or what makes each move of a campaign.
CAMPAIGN_MOVES: dict[tuple[CampaignState, CampaignState], str] = {
    (CampaignState.DRAFT, CampaignState.SUBMITTED): "submit",
    (CampaignState.SUBMITTED, CampaignState.APPROVED): "approve",
    (CampaignState.SUBMITTED, CampaignState.DRAFT): "edit or return",
    (CampaignState.APPROVED, CampaignState.DRAFT): "edit or take back",
    (CampaignState.DRAFT, CampaignState.ARCHIVED): "archive",
    (CampaignState.APPROVED, CampaignState.ARCHIVED): "archive",
    (CampaignState.ARCHIVED, CampaignState.DRAFT): "take back",
}

#: Who or what makes each move of a run.
RUN_MOVES: dict[tuple[RunState, RunState], str] = {
    (RunState.HELD, RunState.PLANNING): "release",
    (RunState.HELD, RunState.STOPPED): "stop",
    (RunState.PLANNING, RunState.RUNNING): "fan-out",
    (RunState.PLANNING, RunState.DONE): "fan-out: nobody to write to",
    (RunState.PLANNING, RunState.PAUSED): "pause",
    (RunState.PLANNING, RunState.STOPPED): "stop",
    (RunState.RUNNING, RunState.DONE): "every delivery is final",
    (RunState.RUNNING, RunState.PAUSED): "pause",
    (RunState.RUNNING, RunState.STOPPED): "stop",
    (RunState.PAUSED, RunState.RUNNING): "resume",
    (RunState.PAUSED, RunState.PLANNING): "resume before the fan-out ended",
    (RunState.PAUSED, RunState.STOPPED): "stop",
    (RunState.STOPPED, RunState.RUNNING): "resume",
    (RunState.STOPPED, RunState.PLANNING): "resume before the fan-out ended",
    (RunState.DONE, RunState.RUNNING): "a member resends what was unconfirmed",
}

#: Keyed by value as well, because the database gives back plain strings.
_WORDS: dict[CampaignState | RunState, str] = {
    CampaignState.DRAFT: "a draft",
    CampaignState.SUBMITTED: "waiting for approval",
    CampaignState.APPROVED: "approved",
    CampaignState.ARCHIVED: "archived",
    RunState.HELD: "held",
    RunState.PLANNING: "being planned",
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused",
    RunState.STOPPED: "stopped",
    RunState.DONE: "done",
}


def may_move(before: CampaignState | RunState, after: CampaignState | RunState) -> bool:
    """Say whether the tables allow this move."""
    return (before, after) in CAMPAIGN_MOVES or (before, after) in RUN_MOVES


def check_move(before: CampaignState | RunState, after: CampaignState | RunState) -> None:
    """Raise TransitionError, in words, when the tables do not allow this move."""
    if may_move(before, after):
        return
    if isinstance(after, CampaignState):
        words = f"This campaign is {_WORDS[before]}; it cannot become {_WORDS[after]}."
    else:
        words = f"This run is {_WORDS[before]}; it cannot become {_WORDS[after]}."
    raise TransitionError(words)
