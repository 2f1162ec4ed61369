"""Moves of campaigns and runs: only those of the tables, refused in words."""

from __future__ import annotations

import pytest

from campaigns.core.errors import TransitionError
from campaigns.planning.lifecycle import CAMPAIGN_MOVES, RUN_MOVES, check_move
from campaigns.planning.models import CampaignState, RunState


@pytest.mark.parametrize("move", [*CAMPAIGN_MOVES, *RUN_MOVES])
def test_listed_moves_pass(move: tuple[CampaignState, CampaignState] | tuple[RunState, RunState]) -> None:
    check_move(*move)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (CampaignState.DRAFT, CampaignState.APPROVED, "is a draft: submit it first"),
        (CampaignState.ARCHIVED, CampaignState.APPROVED, "is archived"),
        (CampaignState.APPROVED, CampaignState.APPROVED, "is approved already"),
        (RunState.HELD, RunState.RUNNING, "waits to start: an approver must let it start"),
        (RunState.DONE, RunState.PAUSED, "is done"),
        (RunState.STOPPED, RunState.STOPPED, "is stopped"),
    ],
)
def test_other_moves_are_refused_in_words(
    before: CampaignState | RunState, after: CampaignState | RunState, words: str
) -> None:
    with pytest.raises(TransitionError, match=words):
        check_move(before, after)


def test_nothing_leaves_a_draft_but_review_or_archive() -> None:
    after_draft = {after for before, after in CAMPAIGN_MOVES if before is CampaignState.DRAFT}
    assert after_draft == {CampaignState.SUBMITTED, CampaignState.ARCHIVED}


def test_held_runs_send_only_by_release() -> None:
    assert {after for before, after in RUN_MOVES if before is RunState.HELD} == {
        RunState.PLANNING,
        RunState.STOPPED,
    }
