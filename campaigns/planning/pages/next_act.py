"""A pure rule names the act that is next for a campaign, and whether whoever looks at it may do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from campaigns.planning.campaign_overview import Overview
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run, RunState
from campaigns.planning.standing import Standing


class Awaited(StrEnum):
    """What is next; each has its words and its button in templates/planning/pages/_strip.html."""

    FIX = "fix"
    REHEARSE = "rehearse"
    SUBMIT = "submit"
    ANSWER = "answer"
    DECIDE = "decide"
    #: What would be sent is not what was approved.
    TAKE_BACK = "take_back"
    LET_START = "let_start"
    FOLLOW = "follow"
    WAIT_FOR_TIME = "wait_for_time"
    RESULTS = "results"
    RESTORE = "restore"


#: The parts of a campaign's page; whoever decides reads all of them at once, on the first.
TABS = ("decide", "overview", "texts", "people", "cost", "history")


@dataclass(frozen=True, slots=True)
class NextAct:
    """What is next, and whether the member who looks may do it."""

    act: Awaited
    is_yours: bool
    #: The run that it is about.
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Looking:
    """The member who looks at the campaign: what they may do."""

    member_id: int
    may_edit: bool
    may_review: bool


def next_act(
    standing: Standing, view: Overview, by: Looking, *, runs: Sequence[Run], rehearsals: Sequence[Run]
) -> NextAct:
    """Return what is next; `runs` are those to people, newest first."""
    match standing:
        case Standing.DRAFT:
            return NextAct(_of_draft(view, rehearsals), by.may_edit)
        case Standing.SUBMITTED:
            is_asked = any(gate.name == "harm" for gate in view.assessed.red)
            return NextAct(Awaited.ANSWER if is_asked else Awaited.DECIDE, may_decide(view, by))
        case Standing.APPROVED:
            return _of_approved(view, by, runs)
        case Standing.SENT:
            return NextAct(Awaited.RESULTS, is_yours=True)
        case Standing.ARCHIVED:
            return NextAct(Awaited.RESTORE, by.may_edit)


def tab_of(asked: str | None, *, decides: bool, has_errors: bool = False) -> str:
    """Return the part of the page that is shown: the one asked for, else what this member needs first.

    Whoever `decides` is shown everything that the decision binds; its form with errors stands there too.
    """
    if asked in TABS and not has_errors:
        return str(asked)
    return "decide" if decides else "overview"


def may_decide(view: Overview, by: Looking) -> bool:
    """Say whether a member may approve or return what they wrote no part of."""
    return by.may_review and by.member_id not in view.editors


def _of_draft(view: Overview, rehearsals: Sequence[Run]) -> Awaited:
    if view.assessed.unready:
        return Awaited.FIX
    texts = view.assessed.content.texts
    is_rehearsed = any(run.frozen.get("texts") == texts for run in rehearsals)
    return Awaited.SUBMIT if is_rehearsed else Awaited.REHEARSE


def _of_approved(view: Overview, by: Looking, runs: Sequence[Run]) -> NextAct:
    held = next((run for run in runs if run.state == RunState.HELD), None)
    if held is not None:
        return NextAct(Awaited.LET_START, by.may_review, held)
    moving = next((run for run in runs if run.state in IN_FLIGHT), None)
    if moving is not None:
        return NextAct(Awaited.FOLLOW, True, moving)
    if view.is_changed:
        return NextAct(Awaited.TAKE_BACK, by.may_edit)
    return NextAct(Awaited.WAIT_FOR_TIME, False)
