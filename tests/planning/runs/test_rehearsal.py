"""Rehearsals: a run of its own that needs no approval, changes nothing, and is never taken for a real one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from campaigns.core.errors import AudienceRuleError, InputError
from campaigns.core.keys.crypto import Vault
from campaigns.messages.models import TranslationState
from campaigns.now import load_sending
from campaigns.planning.campaign_content import Cap, FrozenRun
from campaigns.planning.models import CampaignState, Run, RunState
from campaigns.planning.queries import load_content, select_rehearsals, select_runs
from campaigns.planning.runs.rehearsal import rehearse
from campaigns.planning.service import fire_due
from campaigns.reach.counting.queries import select_counted_runs, select_runs_to_count
from campaigns.staff.models import AuditEntry
from tests.planning.story import DUE, EVENING, START, Story, more_people

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


def rehearsed(story: Story) -> Run:
    return rehearse(story.session, story.campaign, by=story.author.id, now=START)


def test_draft_is_rehearsed_at_once(story: Story) -> None:
    run = rehearsed(story)
    frozen = FrozenRun.from_json(run.frozen)
    assert (run.state, run.is_rehearsal, run.schedule_id) == (RunState.PLANNING, True, None)
    assert run.occurrence == datetime(2026, 3, 2, 12, 0)
    assert (frozen.zone_policy, frozen.time_zone, frozen.expires_after_minutes) == ("fixed", "UTC", 1440)
    assert frozen.texts == load_content(story.session, story.campaign).texts
    assert [each.sender_id for each in run.ranked_senders] == [story.campaign.sender_id]
    assert story.campaign.state == CampaignState.DRAFT
    assert story.session.scalars(select(AuditEntry.action)).all() == ["run.rehearse"]


def test_rehearsal_is_capped_like_a_run(story: Story) -> None:
    run = rehearse(story.session, story.campaign, by=story.author.id, now=START, cap=Cap(messages=3, days=7))
    assert FrozenRun.from_json(run.frozen).cap == Cap(messages=3, days=7)


@pytest.mark.both_databases
def test_nothing_to_say_is_no_rehearsal(story: Story) -> None:
    for translation in story.campaign.message.translations:
        translation.state = TranslationState.TRANSLATED
    with pytest.raises(InputError, match="no reviewed text"):
        rehearsed(story)
    assert not story.session.scalar(select(func.count(Run.id)))


def test_unreadable_audience_is_no_rehearsal(story: Story) -> None:
    story.campaign.audience.rule = {"everybody": True}
    with pytest.raises(AudienceRuleError):
        rehearsed(story)


def test_approval_stands_and_the_clock_goes_on(story: Story, vault: Vault) -> None:
    """A rehearsal neither stands for an occurrence nor for the audience that was approved."""
    story.approved(EVENING)
    more_people(story, vault, 1)
    for _ in range(2):
        rehearsed(story)
    assert story.is_sound()
    (run,) = fire_due(story.session, now=DUE)
    assert (run.is_rehearsal, run.state) == (False, RunState.HELD)
    assert "approved audience" in str(run.reason)


@pytest.mark.both_databases
def test_rehearsals_are_told_from_runs(story: Story) -> None:
    run = rehearsed(story)
    run.started_at = run.finished_at = START
    session, organisation_id = story.session, story.organisation.id
    assert session.scalars(select_runs(story.campaign.id)).all() == []
    assert session.scalars(select_rehearsals(story.campaign.id)).all() == [run]
    assert session.scalars(select_counted_runs(organisation_id)).all() == []
    assert session.scalars(select_runs_to_count(START, fresh_for=timedelta())).all() == []
    assert [run.is_rehearsal for run in load_sending(session, organisation_id)] == [True]
