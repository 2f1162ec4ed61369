"""An occurrence that comes while a campaign is edited or approved is a run or a held run, never nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.continuity.latch import hold_instance
from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.planning import service
from campaigns.planning.campaign_content import Cap, FrozenRun
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Run, RunState, Schedule, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.runs.held_runs import RESTORED
from campaigns.planning.schedules import recurrence
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import fire_due
from tests.planning.story import DUE, EVENING, Story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

HOUR = timedelta(hours=1)
DAILY = Timing(EVENING.starts_at, "FREQ=DAILY", ZonePolicy.FIXED, "Europe/Warsaw")


def edit(story: Story, max_parts: int = 2) -> None:
    """Change the campaign, which makes it a draft."""
    plan = replace(plan_of(story.campaign), max_parts=max_parts)
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def approve_anew(story: Story, at: datetime, **options: object) -> None:
    with clock.running_on(lambda: at):
        digest = story.submitted()
        service.approve_campaign(
            story.session,
            story.campaign,
            by=story.approver.id,
            digest=digest,
            **options,  # type: ignore[arg-type]
        )


def runs(story: Story) -> list[tuple[datetime, RunState]]:
    rows = story.session.execute(select(Run.occurrence, Run.state).order_by(Run.id))
    return [(row.occurrence, RunState(row.state)) for row in rows]


def test_start_that_comes_while_the_gates_are_asked_is_fired(story: Story) -> None:
    """The clock passes the one start between the question and the aim."""
    schedule = story.scheduled()
    digest = story.submitted()
    # The first question is whether the member may approve, the second when the gates are asked.
    moments = iter([DUE - timedelta(milliseconds=1)] * 2)
    with clock.running_on(lambda: next(moments, DUE + timedelta(milliseconds=400))):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)
    assert schedule.next_fire_at == DUE
    (run,) = fire_due(story.session, now=DUE + timedelta(seconds=5))
    assert run.state == RunState.PLANNING


def test_evening_that_passes_while_it_is_edited_is_held(story: Story) -> None:
    schedule = story.approved(DAILY)
    with clock.running_on(lambda: DUE - timedelta(minutes=5)):
        edit(story)
    approve_anew(story, DUE + timedelta(minutes=10), policy=Policy(cap=Cap(3, 7)))
    assert runs(story) == [(EVENING.starts_at, RunState.HELD)]
    run = story.session.scalars(select(Run)).one()
    assert "not approved" in str(run.reason)
    assert FrozenRun.from_json(run.frozen).cap == Cap(3, 7)
    assert schedule.next_occurrence == EVENING.starts_at + timedelta(days=1)


def test_hours_that_passed_long_ago_are_gone_through_once(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search for the next hour begins with the first one: of a year they would take minutes."""
    begun, search = list[datetime](), recurrence._recurring

    def begin(starts_at: datetime, parts: dict[str, str]) -> Iterator[datetime]:
        begun.append(starts_at)
        return search(starts_at, parts)

    story.approved(replace(DAILY, recurrence="FREQ=HOURLY"), grace_minutes=90)
    edit(story)
    monkeypatch.setattr(recurrence, "_recurring", begin)
    approve_anew(story, DUE + timedelta(days=3, minutes=10))
    last = EVENING.starts_at + timedelta(days=3)
    assert runs(story) == [(last - HOUR, RunState.HELD), (last, RunState.HELD)]
    assert len(begun) < 10


def test_held_evening_can_be_released(story: Story) -> None:
    story.approved(DAILY)
    edit(story)
    approve_anew(story, DUE + timedelta(minutes=10))
    run = story.session.scalars(select(Run)).one()
    service.let_run_start(story.session, run, by=story.approver.id)
    assert (run.state, FrozenRun.from_json(run.frozen).max_parts) == (RunState.PLANNING, 2)


@pytest.mark.both_databases
def test_occurrence_nobody_fired_before_the_edit_is_held_too(story: Story) -> None:
    """No worker lived at six; the campaign was edited before one came."""
    story.approved(DAILY)
    with clock.running_on(lambda: DUE + timedelta(minutes=2)):
        edit(story)
    approve_anew(story, DUE + timedelta(minutes=10))
    assert runs(story) == [(EVENING.starts_at, RunState.HELD)]


def test_occurrence_beyond_the_grace_is_over(story: Story) -> None:
    story.approved(DAILY)
    edit(story)
    approve_anew(story, DUE + timedelta(minutes=61))
    assert runs(story) == []


def test_time_that_was_never_approved_was_promised_to_nobody(story: Story) -> None:
    story.scheduled(DAILY)
    approve_anew(story, DUE + timedelta(minutes=10))
    assert runs(story) == []
    with clock.running_on(lambda: DUE + timedelta(minutes=20)):
        later = replace(DAILY, starts_at=EVENING.starts_at + timedelta(minutes=30))
        story.scheduled(later)
    approve_anew(story, DUE + timedelta(minutes=40))
    assert runs(story) == []


def test_occurrence_that_fired_before_the_edit_has_its_one_run(story: Story) -> None:
    story.approved(DAILY)
    fire_due(story.session, now=DUE)
    with clock.running_on(lambda: DUE + timedelta(minutes=5)):
        edit(story)
    approve_anew(story, DUE + timedelta(minutes=10))
    assert runs(story) == [(EVENING.starts_at, RunState.PLANNING)]


def test_new_time_is_checked_and_aimed_at_one_instant(story: Story) -> None:
    moments = iter([DUE - timedelta(milliseconds=1)])
    with clock.running_on(lambda: next(moments, DUE + timedelta(milliseconds=400))):
        story.scheduled()
    assert story.session.scalars(select(Schedule.next_fire_at)).one() == DUE


@pytest.mark.parametrize(
    ("released", "state"),
    [(timedelta(minutes=1), RunState.HELD), (timedelta(0), RunState.HELD), (-HOUR, RunState.PLANNING)],
)
def test_what_was_due_before_a_restore_ended_is_held(story: Story, released: timedelta, state: RunState) -> None:
    """The backup does not know whether it was sent; only a member can."""
    story.approved(DAILY)
    hold_instance(story.session).released_at = DUE + released
    (run,) = fire_due(story.session, now=DUE + timedelta(minutes=2))
    assert (run.state, run.reason == Sentence(RESTORED)) == (state, state is RunState.HELD)
