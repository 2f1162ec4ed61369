"""The first few messages of a run go ahead; the rest follows only when they fare well."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.fanout.canary import CanaryRule, Fared, count_waiting, judge, settle_canaries
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import CanaryDelivery, CanaryState, Delivery, RunCanary, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Health, Priority, Run, RunSender, RunState, Sender
from campaigns.planning.policy import USUAL
from campaigns.planning.service import ask_to_resume, resume_run
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import a_planned_run, people
from tests.factories import a_campaign, a_delivery, a_member, a_run, a_sender, add, an_organisation
from tests.moments import standing_at
from tests.postgres import empty_tables
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
#: Everybody of a run that is planned before is due by then.
DUE = NOW + timedelta(hours=9)
RULE = CanaryRule(people=10, wait=timedelta(minutes=5), failure_percent=20, opt_out_percent=10)


def fared(**changes: int) -> Fared:
    values: dict[str, Any] = {"open": 0, "called": 10, "failed": 0, "opted_out": 0}
    return Fared(**values | changes)


@pytest.mark.parametrize(
    ("counts", "sent_ago", "state"),
    [
        (fared(open=4, called=6), None, CanaryState.SENDING),
        (fared(), 0, CanaryState.WAITING),
        (fared(failed=2, opted_out=1), 4, CanaryState.WAITING),
        (fared(failed=2, opted_out=1), 5, CanaryState.PASSED),
        (fared(failed=3), 0, CanaryState.FAILED),
        (fared(opted_out=2), 1, CanaryState.FAILED),
        # Of those still open all may go well: two of ten are not too many yet, three are.
        (fared(open=4, called=6, failed=2), None, CanaryState.SENDING),
        (fared(open=4, called=6, failed=3), None, CanaryState.FAILED),
        # Expired or suppressed ones do not count as having gone well.
        (fared(called=5, failed=2), 5, CanaryState.FAILED),
    ],
)
def test_limits_and_time_decide(counts: Fared, sent_ago: int | None, state: CanaryState) -> None:
    sent_at = None if sent_ago is None else NOW - timedelta(minutes=sent_ago)
    assert judge(counts, RULE, people=10, sent_at=sent_at, now=NOW) == state


def a_run_of(sessions: sessionmaker[Session], vault: Vault, *, count: int = 40, **changes: object) -> int:
    """Plan a run to `count` people who read English and four who read Ukrainian; return its id."""
    with sessions.begin() as session:
        run = a_planned_run(session, **changes)
        people(session, run.organisation_id, vault, count=count)
        people(session, run.organisation_id, vault, count=4, language="uk", prefix="+38068")
        run_id = run.id
    fan_out(sessions, run_id, policy=USUAL, canary=RULE, chunk=25)
    return run_id


def settle(sessions: sessionmaker[Session], run_id: int, **values: object) -> None:
    with sessions.begin() as session:
        ahead = select(CanaryDelivery.delivery_id).where(CanaryDelivery.run_id == run_id)
        session.execute(update(Delivery).where(Delivery.id.in_(ahead)).values(**values))


def look(sessions: sessionmaker[Session], run_id: int) -> tuple[CanaryState, RunState]:
    """Let the sweep look at the canaries, and return how the run's stands."""
    settle_canaries(sessions, RULE)
    with sessions() as session:
        return session.get_one(RunCanary, run_id).state, session.get_one(Run, run_id).state


def claim_all(sessions: sessionmaker[Session], vault: Vault, run_id: int) -> int:
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        line = Line(run.sender_id, run.channel)
        return len(Claims(vault).claim(session.connection(), Ask(line, run_id, 0, 1000)).claimed)


def test_every_language_goes_ahead(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = a_run_of(sessions, vault)
    with sessions() as session:
        rows = session.scalars(
            select(RunText.language)
            .join(Delivery, Delivery.text_id == RunText.id)
            .join(CanaryDelivery, CanaryDelivery.delivery_id == Delivery.id)
        )
        assert Counter(rows) == {"en": 6, "uk": 4}
        assert session.get_one(RunCanary, run_id).people == 10


def test_rest_is_claimed_only_when_they_fared_well(sessions: sessionmaker[Session], vault: Vault) -> None:
    with clock.running_on(lambda: NOW + timedelta(hours=9)):
        run_id = a_run_of(sessions, vault)
        assert claim_all(sessions, vault, run_id) == 10
        assert look(sessions, run_id) == (CanaryState.SENDING, RunState.RUNNING)
        settle(sessions, run_id, send_state=SendState.ACCEPTED)
        assert look(sessions, run_id) == (CanaryState.WAITING, RunState.RUNNING)
        assert claim_all(sessions, vault, run_id) == 0
    with clock.running_on(lambda: NOW + timedelta(hours=9, minutes=5)):
        assert look(sessions, run_id) == (CanaryState.PASSED, RunState.RUNNING)
        assert claim_all(sessions, vault, run_id) == 34


def test_it_is_watched_from_its_last_call(sessions: sessionmaker[Session], vault: Vault) -> None:
    """A stopped run is resumed before a sweep queues its messages again, and one falls back while others wait."""
    history = [
        (0, SendState.CANCELLED, CanaryState.SENDING),
        (1, SendState.ACCEPTED, CanaryState.WAITING),
        (3, SendState.QUEUED, CanaryState.SENDING),
        (4, SendState.ACCEPTED, CanaryState.WAITING),
        (8, SendState.ACCEPTED, CanaryState.WAITING),
        (9, SendState.ACCEPTED, CanaryState.PASSED),
    ]
    run_id = a_run_of(sessions, vault)
    for minutes, state, canary in history:
        with standing_at(NOW + timedelta(minutes=minutes)):
            settle(sessions, run_id, send_state=state)
            assert look(sessions, run_id) == (canary, RunState.RUNNING), minutes


@pytest.mark.both_databases
def test_call_between_two_looks_is_watched(sessions: sessionmaker[Session], vault: Vault) -> None:
    """One falls back and is called over the next sender before anybody looks again."""
    history = [
        (0, 0, CanaryState.WAITING),
        (4, 3, CanaryState.WAITING),
        (8, 3, CanaryState.WAITING),
        (9, 3, CanaryState.PASSED),
    ]
    run_id = a_run_of(sessions, vault)
    for minutes, called, canary in history:
        with standing_at(NOW + timedelta(minutes=minutes)):
            settle(sessions, run_id, send_state=SendState.ACCEPTED, intent_at=NOW + timedelta(minutes=called))
            assert look(sessions, run_id) == (canary, RunState.RUNNING), minutes


def test_clock_that_was_ahead_does_not_hold_it_up(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = a_run_of(sessions, vault)
    settle(sessions, run_id, send_state=SendState.ACCEPTED, intent_at=NOW + timedelta(hours=3))
    for minutes, canary in ((0, CanaryState.WAITING), (5, CanaryState.PASSED)):
        with standing_at(NOW + timedelta(minutes=minutes)):
            assert look(sessions, run_id) == (canary, RunState.RUNNING)


@pytest.mark.both_databases
def test_failures_pause_the_run_for_two_members(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = a_run_of(sessions, vault)
    settle(sessions, run_id, send_state=SendState.ACCEPTED, receipt_state=ReceiptState.UNDELIVERED)
    assert look(sessions, run_id) == (CanaryState.FAILED, RunState.PAUSED)
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        assert "More than 20 % of the trial batch" in str(run.reason)
        assert "more than 10 % of the people opted out" in str(run.reason)
        owner = session.get_one(Organisation, run.organisation_id)
        ask_to_resume(session, run, by=a_member(session, owner).id)
        resume_run(session, run, by=a_member(session, owner, Role.APPROVER).id)
    assert look(sessions, run_id) == (CanaryState.PASSED, RunState.RUNNING)


@pytest.mark.both_databases
def test_opt_outs_pause_the_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = a_run_of(sessions, vault)
    settle(sessions, run_id, send_state=SendState.ACCEPTED)
    with sessions.begin() as session:
        session.execute(update(Address).values(state=AddressState.OPTED_OUT))
    assert look(sessions, run_id) == (CanaryState.FAILED, RunState.PAUSED)


@pytest.mark.parametrize(
    ("count", "changes"),
    [(6, {}), (40, {"is_rehearsal": True, "schedule_id": None}), (40, {"priority": Priority.URGENT})],
    ids=["few", "rehearsal", "urgent"],
)
def test_nobody_goes_ahead(
    sessions: sessionmaker[Session], vault: Vault, count: int, changes: dict[str, object]
) -> None:
    a_run_of(sessions, vault, count=count, **changes)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(RunCanary)) == 0


def split(sessions: sessionmaker[Session], run_id: int, **changes: object) -> tuple[int, int]:
    """Give every second delivery of a run to a second sender, and return the ids of both senders."""
    with sessions.begin() as session:
        run = session.get_one(Run, run_id)
        second = a_sender(session, **changes)
        add(session, RunSender(run_id=run_id, rank=1, sender_id=second.id, channel=second.channel, countries=[]))
        every_second = update(Delivery).where(Delivery.run_id == run_id, Delivery.id % 2 == 0)
        session.execute(every_second.values(sender_id=second.id))
        return run.sender_id, second.id


def ahead(sessions: sessionmaker[Session], run_id: int) -> Counter[int]:
    """Count by sender who goes ahead."""
    with sessions() as session:
        rows = select(Delivery.sender_id).join(CanaryDelivery, CanaryDelivery.delivery_id == Delivery.id)
        return Counter(session.scalars(rows.where(CanaryDelivery.run_id == run_id)))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("changes", "rests"),
    [
        ({"health": Health.PAUSED}, True),
        ({"active": False}, True),
        ({"daily_limit": 1}, True),
        ({"daily_limit": 100}, False),
        ({"health": Health.TROUBLED, "health_at": DUE - timedelta(minutes=2)}, True),
        ({"health": Health.TROUBLED, "health_at": DUE - timedelta(seconds=50)}, False),
    ],
)
def test_nobody_waits_for_those_whose_sender_rests(
    sessions: sessionmaker[Session], vault: Vault, changes: dict[str, object], rests: bool
) -> None:
    with clock.running_on(lambda: DUE):
        run_id = a_run_of(sessions, vault)
        well, other = split(sessions, run_id, **changes)
        with sessions.begin() as session:
            # Sent in another run of today, if the sender has a limit.
            owner = an_organisation(session)
            senders = [session.get_one(Sender, other)]
            run = a_run(session, a_campaign(session, owner, a_member(session, owner), senders=senders))
            a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=DUE - timedelta(hours=1))
        both = ahead(sessions, run_id)
        assert both[other] > 0
        assert look(sessions, run_id) == (CanaryState.SENDING, RunState.RUNNING)
        assert ahead(sessions, run_id) == (Counter({well: 10}) if rests else both)
        if not rests:
            return
        assert claim_all(sessions, vault, run_id) == 10
        settle(sessions, run_id, send_state=SendState.ACCEPTED)
        look(sessions, run_id)
    with clock.running_on(lambda: DUE + timedelta(minutes=5)):
        assert look(sessions, run_id) == (CanaryState.PASSED, RunState.RUNNING)
        assert claim_all(sessions, vault, run_id) == 12


@pytest.mark.both_databases
def test_where_nobody_else_can_be_written_to_they_keep_their_places(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    with clock.running_on(lambda: DUE):
        run_id = a_run_of(sessions, vault)
        well, other = split(sessions, run_id, health=Health.PAUSED)
        with sessions.begin() as session:
            # Whoever the other sender serves is due tomorrow.
            theirs = update(Delivery).where(Delivery.sender_id == well)
            session.execute(theirs.values(due_at=DUE + timedelta(days=1)))
        before = ahead(sessions, run_id)
        assert look(sessions, run_id) == (CanaryState.SENDING, RunState.RUNNING)
        assert ahead(sessions, run_id) == before
        with sessions() as session:
            assert count_waiting(session, run_id, [other]) == before[other] > 0


def test_choice_does_not_follow_the_order_of_people(sessions: sessionmaker[Session], vault: Vault) -> None:
    a_run_of(sessions, vault, count=400)
    with sessions() as session:
        chosen = session.scalars(select(CanaryDelivery.delivery_id)).all()
    assert max(chosen) - min(chosen) > 3 * len(chosen)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CanaryState.SENDING, "10 messages are sent first"),
        (CanaryState.WAITING, "The rest is sent automatically"),
        (CanaryState.PASSED, "went well"),
        (CanaryState.FAILED, "went badly"),
    ],
)
def test_page_tells_how_it_stands(pages: Pages, state: CanaryState, words: str) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)), planned=1)
        a_delivery(session, run)
        session.add(RunCanary(run_id=run.id, state=state, people=10, sent_at=NOW, failed=3, opted_out=1))
    page = pages.client(pages.member(Role.STEWARD)).get(f"/delivery/runs/{run.id}").text
    assert words in page
    assert "3 not sent or not delivered, 1 opted out" in page


def test_run_that_is_held_keeps_no_other_waiting(postgres_engine: Engine, vault: Vault) -> None:
    """A member's request that froze holds one run; the canary of the other is watched all the same."""
    sessions = make_sessions(postgres_engine)
    try:
        held, _ = (a_run_of(sessions, vault) for _ in range(2))
        with sessions() as frozen:
            frozen.get_one(Run, held, with_for_update=True)
            watcher = threading.Thread(target=settle_canaries, args=(sessions, RULE), daemon=True)
            watcher.start()
            watcher.join(5)
            is_stuck = watcher.is_alive()
            frozen.rollback()
        watcher.join(5)
        assert not is_stuck
    finally:
        empty_tables(postgres_engine)
