"""Two tables and one check say which moves a campaign and a run may make; no database is asked here."""

from __future__ import annotations

from campaigns.core.errors import TransitionError
from campaigns.core.words import N_
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
    (RunState.STOPPED, RunState.HELD): "resume before the fan-out began",
    (RunState.DONE, RunState.STOPPED): "a correction, after which nothing of it may be queued again",
    (RunState.DONE, RunState.RUNNING): "something was queued again: resent, fallen back, never called",
}

#: States in which a worker has something to do for a run.
MOVING = frozenset({RunState.PLANNING, RunState.RUNNING})
#: States in which a run is under way, and members look after it.
IN_FLIGHT = MOVING | {RunState.PAUSED}
#: States in which the queue of a run may still be sent some day.
LIVING = IN_FLIGHT | {RunState.HELD}
#: States in which a run sends what is queued again: a done one goes on for it.
SENDING = frozenset({RunState.RUNNING, RunState.DONE})
#: States in which it may be queued again, because it is sent now or when the run is resumed.
GOING = SENDING | {RunState.PAUSED}

#: What a member is told who asks for a move that is not in the tables.
_REFUSALS: dict[CampaignState | RunState, str] = {
    CampaignState.DRAFT: N_("This campaign is a draft: submit it first."),
    CampaignState.SUBMITTED: N_("This campaign waits for approval already."),
    CampaignState.APPROVED: N_("This campaign is approved already."),
    CampaignState.ARCHIVED: N_("This campaign is archived. Take it back to draft first."),
    RunState.HELD: N_("This run waits to start: an approver must let it start first."),
    RunState.PLANNING: N_("This run is being planned."),
    RunState.RUNNING: N_("This run is running."),
    RunState.PAUSED: N_("This run is paused: resume it first."),
    RunState.STOPPED: N_("This run is stopped."),
    RunState.DONE: N_("This run is done."),
}


def may_move(before: CampaignState | RunState, after: CampaignState | RunState) -> bool:
    """Say whether the tables allow this move."""
    return (before, after) in CAMPAIGN_MOVES or (before, after) in RUN_MOVES


def check_move(before: CampaignState | RunState, after: CampaignState | RunState) -> None:
    """Raise TransitionError, in words, when the tables do not allow this move."""
    if may_move(before, after):
        return
    raise TransitionError(_REFUSALS[before])
