"""A monthly limit holds campaigns back, says so in whole dollars, and is set by an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import GateError, InputError
from campaigns.core.keys.crypto import Vault
from campaigns.messages.gates import Gate
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Run, RunState, Schedule
from campaigns.planning.runs.firing import fire_due, let_run_start
from campaigns.planning.spending.models import RunCost, SpendingLimit
from campaigns.planning.spending.queries import MonthMoney, load_month
from campaigns.planning.spending.service import set_spending_limit
from campaigns.staff.models import AuditEntry, Organisation
from tests.factories import NOON, a_campaign, a_member, an_organisation
from tests.planning.story import DUE, START, Story, a_story
from tests.planning.test_races import together

pytestmark = pytest.mark.one_database


def spend(session: Session, organisation_id: int, micros: int, month: str) -> None:
    figures = {"messages": 1, "parts": 1, "micros": micros, "coming_micros": 0}
    whose = {"organisation_id": organisation_id, "month": month, "country": "UA"}
    session.add(RunCost(run_id=1, sender_id=1, **whose, **figures))
    session.flush()


def limit(session: Session, organisation_id: int, cents: int | None) -> None:
    organisation = session.get_one(Organisation, organisation_id)
    set_spending_limit(session, organisation, cents, by=a_member(session, organisation).id)
    session.flush()


def test_a_share_is_warned_of_before_it_is_used_up() -> None:
    for spent, warned, used_up in ((79_00, False, False), (80_00, True, False), (100_00, True, True)):
        money = MonthMoney(spent, 100_00)
        assert (money.is_warned_of, money.is_used_up) == (warned, used_up)
    assert not MonthMoney(100_00, None).is_warned_of


def test_a_share_tells_nothing_of_cents() -> None:
    for limit_cents in (100_00, 80_00, 81_00):
        found = [MonthMoney(spent, limit_cents) for spent in (79_01, 79_50, 80_00)]
        assert len({(money.percent, money.is_warned_of, money.is_used_up) for money in found}) == 1


@pytest.mark.both_databases
def test_a_limit_is_set_changed_and_taken_away_with_an_entry_each(session: Session) -> None:
    ours = an_organisation(session)
    for cents in (50_000, 50_000, 70_000, None):
        limit(session, ours.id, cents)
    assert session.scalars(select(SpendingLimit)).all() == []
    said = session.scalars(select(AuditEntry).where(AuditEntry.action == "organisation.limit_spending")).all()
    assert [entry.detail["dollars"] for entry in said] == ["500.00", "700.00", "none"]
    for cents in (0, 100_50):
        with pytest.raises(InputError):
            limit(session, ours.id, cents)


def test_another_month_and_another_organisation_count_for_nothing(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session, slug="theirs")
    spend(session, theirs.id, 5_000_001, f"{NOON:%Y-%m}")
    assert load_month(session, ours.id, now=NOON).spent_cents == 0
    assert load_month(session, theirs.id, now=NOON).spent_cents == 501
    assert load_month(session, theirs.id, now=NOON + timedelta(days=31)).spent_cents == 0


@pytest.fixture
def story(session: Session, vault: Vault) -> Iterator[Story]:
    with clock.running_on(lambda: START):
        yield a_story(session, vault)


def gate(story: Story) -> Gate | None:
    found = assess(story.session, story.campaign, now=START).gates
    return next((each for each in found if each.name == "month"), None)


def test_the_gate_speaks_of_whole_dollars_and_only_of_a_limit(story: Story) -> None:
    spend(story.session, story.organisation.id, 61_010_000, "2026-03")
    assert gate(story) is None
    limit(story.session, story.organisation.id, 100_00)
    found = gate(story)
    assert found is not None
    assert found.passed
    assert not found.warns
    assert str(found.sentence).startswith(
        "This month $62.00 of $100.00 are spent, and sending it once costs about"
    )
    limit(story.session, story.organisation.id, 70_00)
    found = gate(story)
    assert found is not None
    assert not found.passed


def test_a_campaign_waits_when_the_month_is_used_up(story: Story) -> None:
    story.approved()
    limit(story.session, story.organisation.id, 100_00)
    spend(story.session, story.organisation.id, 100_000_000, "2026-03")
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD
    assert "until an administrator raises the limit, or until next month" in str(run.reason)


def two_of_an_evening(story: Story) -> tuple[Schedule, Schedule]:
    """Approve two campaigns for the same time, and set a limit that is enough for one of them."""
    same = {"message": story.campaign.message, "audience": story.campaign.audience}
    sender = story.campaign.ranked_senders[0].sender
    other = a_campaign(story.session, story.organisation, story.author, **same, sender=sender)
    schedules = story.approved(), replace(story, campaign=other).approved()
    cost = assess(story.session, story.campaign, now=START).estimate.cents
    limit(story.session, story.organisation.id, max(-(-cost * 3 // 200) * 100, 100))
    return schedules


def test_a_run_that_starts_counts_before_its_messages_exist(story: Story) -> None:
    two_of_an_evening(story)
    first, second = fire_due(story.session, now=DUE)
    assert (first.state, second.state) == (RunState.PLANNING, RunState.HELD)


@pytest.mark.both_databases
def test_a_run_that_is_let_start_counts_at_once(story: Story) -> None:
    two_of_an_evening(story)
    first, second = fire_due(story.session, now=DUE + timedelta(hours=3))
    assert (first.state, second.state) == (RunState.HELD, RunState.HELD)
    let_run_start(story.session, first, by=story.approver.id)
    with pytest.raises(GateError, match="are spent"):
        let_run_start(story.session, second, by=story.approver.id)


def test_two_clocks_at_one_moment_do_not_pass_the_limit(sessions: sessionmaker[Session], vault: Vault) -> None:
    with clock.running_on(lambda: START):
        with sessions.begin() as session:
            schedules = two_of_an_evening(a_story(session, vault))
        fires = [partial(fire_due, now=DUE, only=schedule.id) for schedule in schedules]
        assert together(sessions, *fires) == [True, True]
    with sessions() as session:
        assert sorted(session.scalars(select(Run.state))) == [RunState.HELD, RunState.PLANNING]
