"""The worker counts people once wherever a run moved, and the nightly comparison finds only late receipts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from campaigns.reach.counting import service, unique_counts
from campaigns.reach.counting.crowd_pass import count_crowds
from campaigns.reach.counting.queries import SETTLES_AFTER
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.counting.unique_counts import (
    CHECK_EVERY,
    check_all,
    check_nightly,
    months_between,
    recount_crowds,
)
from campaigns.reach.counting.unique_people import Crowd, Measure, Part, selects_of
from campaigns.reach.models import PeopleCount, PeopleReach, RunReach, Scope
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, an_organisation

Sessions = sessionmaker[Session]


@pytest.fixture
def run(sessions: Sessions) -> Run:
    """A run that is done, with three people of whom one was reached; counted."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        campaign = a_campaign(session, organisation, a_member(session, organisation))
        run = a_run(session, campaign, state=RunState.DONE, planned=3, finished_at=NOON)
        for receipt in (ReceiptState.DELIVERED, None, None):
            a_delivery(session, run, send_state=SendState.ACCEPTED, receipt_state=receipt, intent_at=NOON)
    with clock.running_on(lambda: NOON):
        recount_due(sessions)
        recount_crowds(sessions)
    return run


def reached(sessions: Sessions, scope: Scope) -> int:
    people = select(func.sum(PeopleReach.people)).where(
        PeopleReach.scope == scope, PeopleReach.measure == Measure.REACHED, PeopleReach.part == Part.REGION
    )
    with sessions() as session:
        return session.scalar(people) or 0


def let_arrive(sessions: Sessions) -> None:
    """Let every message be delivered."""
    with sessions.begin() as session:
        session.execute(update(Delivery).values(receipt_state=ReceiptState.DELIVERED))


@pytest.mark.parametrize("scope", [Scope.CAMPAIGN, Scope.MONTH, Scope.ORGANISATION])
def test_crowds_follow_the_count_of_a_run(sessions: Sessions, run: Run, scope: Scope) -> None:
    assert reached(sessions, scope) == 1
    let_arrive(sessions)
    with clock.running_on(lambda: NOON + timedelta(hours=2)):
        assert recount_due(sessions) == 1
        assert recount_crowds(sessions) == 3
        assert recount_crowds(sessions) == 0
    assert reached(sessions, scope) == 3


@pytest.mark.one_database
def test_check_of_quiet_counts_finds_nothing(sessions: Sessions, run: Run) -> None:
    found = check_all(sessions)
    assert (found.runs, found.moved, found.late, found.drift) == (1, 0, 0, 0)
    assert reached(sessions, Scope.INSTANCE) == 1


@pytest.mark.one_database
def test_check_puts_right_what_may_still_move(sessions: Sessions, run: Run) -> None:
    let_arrive(sessions)
    with clock.running_on(lambda: NOON + timedelta(hours=1)):
        found = check_all(sessions)
    assert (found.moved, found.late, found.drift) == (2, 0, 0)
    assert reached(sessions, Scope.CAMPAIGN) == 3


def test_receipt_after_the_close_is_told_and_moves_nothing(sessions: Sessions, run: Run) -> None:
    with sessions.begin() as session:
        before = session.execute(select(RunReach.rung, RunReach.people).order_by(RunReach.rung)).all()
    let_arrive(sessions)
    with clock.running_on(lambda: NOON + SETTLES_AFTER):
        found = check_all(sessions)
    with sessions() as session:
        after = session.execute(select(RunReach.rung, RunReach.people).order_by(RunReach.rung)).all()
    assert ((found.moved, found.late), after) == ((0, 2), before)


def test_parts_of_a_crowd_are_of_one_moment(sessions: Sessions, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts that are merged while people are counted by region are not in what is counted by language then."""
    parts, arrived = selects_of, list[Crowd]()

    def while_they_arrive(crowd: Crowd) -> Iterator[Any]:
        for each in parts(crowd):
            yield each
            if crowd.scope is Scope.CAMPAIGN and not arrived:
                let_arrive(sessions)
                arrived.append(crowd)

    monkeypatch.setattr(service, "selects_of", while_they_arrive)
    with clock.running_on(lambda: NOON + SETTLES_AFTER / 2):
        check_all(sessions)
    of_campaign = PeopleReach.scope == Scope.CAMPAIGN, PeopleReach.measure == Measure.REACHED
    with sessions() as session:
        by_part = select(PeopleReach.part, func.sum(PeopleReach.people)).where(*of_campaign)
        people = dict(session.execute(by_part.group_by(PeopleReach.part)).all())
    assert len(arrived) == 1
    assert len(people) > 1
    assert len(set(people.values())) == 1


def test_a_run_is_compared_as_of_one_moment(sessions: Sessions, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts that are merged once the comparison has begun are neither on its one side nor on its other."""
    counts = service.select_counts

    def while_they_arrive(run_id: int) -> Any:
        let_arrive(sessions)
        return counts(run_id)

    monkeypatch.setattr(unique_counts, "select_counts", while_they_arrive)
    with clock.running_on(lambda: NOON + SETTLES_AFTER):
        assert check_all(sessions).late == 0


@pytest.mark.one_database
def test_a_count_is_as_old_as_what_it_read(sessions: Sessions, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is counted while its crowds are being read, which takes long, has them counted once more."""
    count, times = count_crowds, [NOON + timedelta(hours=2)]

    def slowly(*given: Any) -> Any:
        found = count(*given)
        times.append(times[-1] + timedelta(minutes=10))
        return found

    monkeypatch.setattr(unique_counts, "count_crowds", slowly)
    with clock.running_on(lambda: times[-1]):
        recount_due(sessions)
        recount_crowds(sessions)
    with sessions() as session:
        assert set(session.scalars(select(PeopleCount.counted_at))) == {times[0]}


@pytest.mark.one_database
def test_a_broken_off_count_is_done_again(sessions: Sessions, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The organisation's crowd is written last: until then all are due."""
    replace, calls = service.replace_crowd, list[Crowd]()

    def break_off(session: Session, crowd: Crowd, *given: Any, **named: Any) -> None:
        calls.append(crowd)
        if len(calls) == 2:
            raise InterruptedError
        replace(session, crowd, *given, **named)

    with clock.running_on(lambda: NOON + timedelta(hours=2)):
        recount_due(sessions)
        monkeypatch.setattr(unique_counts, "replace_crowd", break_off)
        with pytest.raises(InterruptedError):
            recount_crowds(sessions)
        assert recount_crowds(sessions) == 3


def test_damaged_count_is_put_right(sessions: Sessions, run: Run) -> None:
    with sessions.begin() as session:
        session.execute(update(RunReach).values(people=7))
    with clock.running_on(lambda: NOON + timedelta(hours=1)):
        assert check_all(sessions).moved == 14 - 3
        assert check_all(sessions).moved == 0


@pytest.mark.one_database
def test_counts_survive_their_deliveries(sessions: Sessions, run: Run) -> None:
    with sessions.begin() as session:
        session.execute(delete(Delivery))
    check_all(sessions)
    assert [reached(sessions, scope) for scope in (Scope.CAMPAIGN, Scope.ORGANISATION)] == [1, 1]


@pytest.mark.one_database
def test_check_comes_once_a_day(sessions: Sessions, run: Run) -> None:
    with clock.running_on(lambda: NOON + CHECK_EVERY / 2):
        assert check_nightly(sessions) is None
    with clock.running_on(lambda: NOON + CHECK_EVERY):
        assert check_nightly(sessions) is not None
        assert check_nightly(sessions) is None


def test_months_reach_over_a_new_year() -> None:
    assert months_between(NOON.replace(month=11), NOON.replace(year=2027, month=1)) == [
        "2026-11",
        "2026-12",
        "2027-01",
    ]
