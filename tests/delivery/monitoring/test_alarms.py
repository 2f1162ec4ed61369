"""Each alarm rings for what it is about and for nothing else; a healthy run is silent."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.delivery.counts import Tally, count_run
from campaigns.delivery.lanes.leader_lock import path_of
from campaigns.delivery.models import Attempt, CanaryDelivery, CanaryState, Receipt, RunCanary
from campaigns.delivery.monitoring.alarm_facts import count_doubled, facts_of_run, is_worker_alive
from campaigns.delivery.monitoring.alarms import Alarm, Facts, Kind, ringing
from campaigns.delivery.monitoring.progress import progress_of_run
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Health, Run, RunState
from campaigns.staff import audit
from tests.delivery.monitoring.test_next_steps import PATIENCE
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, a_sender, add, an_organisation

pytestmark = pytest.mark.one_database

AGO = {seconds: NOON - timedelta(seconds=seconds) for seconds in (5, 59, 61, 120, 600)}
SENDER, OTHER = 1, 2
#: A run that sends well: something is due, and something was called a moment ago.
TALLY = Tally(
    counted_at=NOON,
    by_state={SendState.QUEUED: 3, SendState.SENDING: 2, SendState.ACCEPTED: 5},
    first_call={SendState.SENDING: AGO[5], SendState.ACCEPTED: AGO[600]},
    last_call_at=AGO[5],
    due={SENDER: 3},
    due_since=AGO[600],
)
HEALTHY = Facts(RunState.RUNNING, planned=10, tally=TALLY, doubled=0, heard_at=AGO[5])
#: The same run, but nothing was called for two minutes.
STANDING = replace(HEALTHY, tally=replace(TALLY, last_call_at=AGO[120]))


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.running_on(lambda: NOON):
        yield


def kinds(facts: Facts, **changes: Any) -> list[Kind]:
    return [alarm.kind for alarm in ringing(replace(facts, **changes), PATIENCE)]


def test_healthy_run_is_silent() -> None:
    assert kinds(HEALTHY) == []


def test_two_acceptances_ring() -> None:
    assert ringing(replace(HEALTHY, doubled=4), PATIENCE) == [Alarm(Kind.DOUBLED, 4)]


def test_receipt_of_what_was_not_sent_rings() -> None:
    assert kinds(HEALTHY, tally=replace(TALLY, contradicted=1)) == [Kind.CONTRADICTED]


@pytest.mark.parametrize(("planned", "rings"), [(9, True), (11, True), (10, False), (None, False)])
def test_sum_that_is_not_the_plan_rings(planned: int | None, rings: bool) -> None:
    assert (Kind.MISCOUNTED in kinds(HEALTHY, planned=planned)) is rings


@pytest.mark.parametrize(("minutes", "rings"), [(5, False), (6, False), (7, True)])
def test_call_that_nobody_settles_rings(minutes: int, rings: bool) -> None:
    first = {SendState.SENDING: NOON - timedelta(minutes=minutes)}
    assert kinds(HEALTHY, tally=replace(TALLY, first_call=first)) == [Kind.STUCK] * rings


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PLANNING])
@pytest.mark.parametrize("heard_at", [None, AGO[61]])
def test_silent_workers_ring(state: RunState, heard_at: Any) -> None:
    assert kinds(HEALTHY, state=state, heard_at=heard_at) == [Kind.NO_WORKER]


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PAUSED, RunState.STOPPED, RunState.DONE])
def test_run_that_may_stand_rings_not(state: RunState) -> None:
    without_calls = replace(STANDING.tally, by_state={SendState.QUEUED: 5, SendState.ACCEPTED: 5})
    assert kinds(STANDING, state=state, heard_at=None, tally=without_calls) == []


def test_silent_workers_ring_over_a_paused_run_with_calls_on_the_wire() -> None:
    assert kinds(HEALTHY, state=RunState.PAUSED, heard_at=None) == [Kind.NO_WORKER]
    assert kinds(HEALTHY, state=RunState.STOPPED, heard_at=None) == []


def test_what_happened_since_an_old_count_is_judged_by_the_time_of_now() -> None:
    """What was due then may be called by now; that a worker is silent, or a call has no result, is read now."""
    later = NOON + timedelta(minutes=7)
    assert kinds(HEALTHY, now=later, heard_at=later) == [Kind.STUCK]
    assert kinds(HEALTHY, now=later, heard_at=later, is_sending_still=False) == []
    assert kinds(HEALTHY, now=later, heard_at=NOON, is_sending_still=False) == [Kind.NO_WORKER]


@pytest.mark.parametrize(("unasked", "count", "is_more"), [(5_000, 5_000, False), (5_001, 5_000, True)])
def test_more_than_was_counted_is_said_so(unasked: int, count: int, is_more: bool) -> None:
    assert ringing(replace(HEALTHY, unasked=unasked), PATIENCE) == [Alarm(Kind.UNASKED, count, None, is_more)]


@pytest.mark.parametrize(("seconds", "rings"), [(59, False), (61, True)])
def test_due_queue_that_stands_rings(seconds: int, rings: bool) -> None:
    assert kinds(HEALTHY, tally=replace(TALLY, last_call_at=AGO[seconds])) == [Kind.IDLE] * rings


def test_run_that_was_just_resumed_rings_not() -> None:
    assert kinds(STANDING, moved_at=AGO[5]) == []


def test_queue_that_just_fell_due_rings_not() -> None:
    assert kinds(STANDING, tally=replace(STANDING.tally, due_since=AGO[5])) == []
    assert kinds(STANDING, tally=replace(STANDING.tally, due={}, due_since=None)) == []


def test_paused_sender_is_named_as_the_cause() -> None:
    assert ringing(replace(STANDING, paused=frozenset({SENDER})), PATIENCE) == [
        Alarm(Kind.SENDER_PAUSED, 3, AGO[120])
    ]
    assert kinds(STANDING, paused=frozenset({OTHER})) == [Kind.IDLE]


def test_sender_that_is_off_is_named_as_the_cause() -> None:
    assert ringing(replace(STANDING, off=frozenset({SENDER})), PATIENCE) == [Alarm(Kind.SENDER_OFF, 3, AGO[120])]
    assert kinds(STANDING, off=frozenset({SENDER}), paused=frozenset({SENDER})) == [Kind.SENDER_OFF]
    assert kinds(STANDING, off=frozenset({OTHER})) == [Kind.IDLE]


def test_first_messages_that_wait_for_a_sender_ring() -> None:
    waiting: dict[str, Any] = {"awaits_canary": True, "resting": frozenset({SENDER})}
    assert kinds(STANDING, **waiting) == []
    assert ringing(replace(STANDING, **waiting, canary_waits=2), PATIENCE) == [
        Alarm(Kind.CANARY_WAITS, 2, AGO[120])
    ]
    assert kinds(HEALTHY, **waiting, canary_waits=2) == []


def test_rest_that_is_explained_rings_not() -> None:
    assert kinds(STANDING, resting=frozenset({SENDER})) == []
    assert kinds(STANDING, is_overtaken=True) == []


def test_worst_alarm_comes_first() -> None:
    tally = replace(STANDING.tally, contradicted=1)
    assert kinds(STANDING, tally=tally, doubled=1, planned=9) == [
        Kind.DOUBLED,
        Kind.CONTRADICTED,
        Kind.MISCOUNTED,
        Kind.IDLE,
    ]


# --- Facts in a database ---------------------------------------------------------------------------------


@pytest.fixture
def run(session: Session) -> Iterator[Run]:
    """A running run with one delivery that is due and one that was called a moment ago; a worker lives."""
    organisation = an_organisation(session)
    run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)), planned=2)
    a_delivery(session, run, due_at=AGO[600])
    a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=AGO[5], provider_id="SM1", reference="one")
    hear_worker(session, seconds_ago=0)
    yield run
    if session.get_bind().dialect.name == "sqlite":
        lock_of(session).unlink(missing_ok=True)


def hear_worker(session: Session, *, seconds_ago: int) -> None:
    """Let a worker have given its last sign of life so many seconds ago."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("DELETE FROM procrastinate_workers"))
        session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
        old = text("UPDATE procrastinate_workers SET last_heartbeat = now() - make_interval(secs => :seconds)")
        session.execute(old, {"seconds": seconds_ago})
    else:
        lock = lock_of(session)
        lock.touch()
        os.utime(lock, times=(time.time() - seconds_ago,) * 2)


def lock_of(session: Session) -> Path:
    path = path_of(session.get_bind().engine.url.database)
    assert path is not None
    return path


def found(session: Session, run: Run) -> list[Kind]:
    session.flush()
    tally = count_run(session, run.id, now=NOON)
    senders = tuple(progress_of_run(session, run, now=NOON, tally=tally).by_sender)
    facts = facts_of_run(session, run, tally, senders, PATIENCE, doubled=count_doubled(session, run))
    return [alarm.kind for alarm in ringing(facts, PATIENCE)]


def a_receipt(session: Session, **changes: Any) -> Receipt:
    values = {"gateway": "twilio", "reference": "one", "provider_id": "SM1", "status": "sent", "raw": {}}
    return add(session, Receipt(**values | {"received_at": NOON, "applied_at": NOON} | changes))


def stand_still(session: Session, run: Run, **changes: Any) -> None:
    """Let nothing be called for ten minutes."""
    run.planned += 1
    a_delivery(session, run, due_at=AGO[600], **changes)
    session.execute(text("UPDATE delivery SET intent_at = NULL"))


def test_healthy_rows_are_silent(session: Session, run: Run) -> None:
    a_receipt(session)
    a_receipt(session, reference="of another run", provider_id="SM9")
    assert found(session, run) == []


def test_second_message_of_one_reference_is_found(session: Session, run: Run) -> None:
    for provider_id in ("SM1", "SM2", "SM3", ""):
        a_receipt(session, provider_id=provider_id)
    assert count_doubled(session, run) == 1
    assert found(session, run) == [Kind.DOUBLED]


def test_what_a_member_sent_again_is_no_alarm(session: Session, run: Run) -> None:
    a_receipt(session, provider_id="SM2")
    resent = a_delivery(session, run, send_state=SendState.ACCEPTED, provider_id="SM4", reference="two")
    a_receipt(session, provider_id="SM3", reference="two")
    add(session, Attempt(delivery_id=resent.id, number=1, at=NOON, outcome="resent"))
    assert count_doubled(session, run) == 1


def test_rows_beside_the_plan_are_found(session: Session, run: Run) -> None:
    a_delivery(session, run, send_state=SendState.EXPIRED, receipt_state=ReceiptState.DELIVERED)
    assert found(session, run) == [Kind.CONTRADICTED, Kind.MISCOUNTED]


def test_call_that_got_its_result_since_the_count_is_not_stuck(session: Session, run: Run) -> None:
    call = a_delivery(session, run, send_state=SendState.SENDING, intent_at=AGO[5])
    run.planned += 1
    tally, later = count_run(session, run.id, now=NOON), NOON + timedelta(minutes=7)
    assert facts_of_run(session, run, tally, (), PATIENCE, now=later).is_sending_still
    call.send_state = SendState.ACCEPTED
    session.flush()
    assert not facts_of_run(session, run, tally, (), PATIENCE, now=later).is_sending_still


def test_standing_queue_is_found(session: Session, run: Run) -> None:
    stand_still(session, run)
    assert found(session, run) == [Kind.IDLE]
    audit.record(session, "run.resume", subject=run, organisation_id=run.organisation_id)
    assert found(session, run) == []


@pytest.mark.both_databases
def test_rehearsal_tells_that_the_sandbox_is_away(session: Session, run: Run) -> None:
    waiting = a_delivery(session, run, due_at=AGO[5])
    run.planned += 1
    add(session, Attempt(delivery_id=waiting.id, number=1, at=AGO[59], outcome="not_sent"))
    run.is_rehearsal = True
    assert found(session, run) == []
    session.execute(text("UPDATE delivery SET intent_at = NULL"))
    assert found(session, run) == [Kind.NO_SANDBOX]
    run.is_rehearsal = False
    assert Kind.NO_SANDBOX not in found(session, run)


@pytest.mark.both_databases
@pytest.mark.parametrize(("health", "kind"), [(Health.PAUSED, [Kind.SENDER_PAUSED]), (Health.TROUBLED, [])])
def test_health_of_senders_is_heeded(session: Session, run: Run, health: Health, kind: list[Kind]) -> None:
    stand_still(session, run)
    run.ranked_senders[0].sender.health = health
    assert found(session, run) == kind
    run.is_rehearsal = True
    assert found(session, run) == [Kind.IDLE]


@pytest.mark.both_databases
def test_urgent_run_on_the_same_sender_goes_first(session: Session, run: Run) -> None:
    stand_still(session, run)
    urgent = a_run(session, run.campaign, priority=1)
    assert found(session, run) == []
    urgent.ranked_senders[0].sender_id = a_sender(session).id
    assert found(session, run) == [Kind.IDLE]


def test_dead_workers_are_found(session: Session, run: Run) -> None:
    hear_worker(session, seconds_ago=60)
    assert found(session, run) == [Kind.NO_WORKER]


def test_workers_that_never_lived_are_missed(session: Session, run: Run) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("DELETE FROM procrastinate_workers"))
    else:
        lock_of(session).unlink()
    assert found(session, run) == [Kind.NO_WORKER]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"active": False}, Kind.SENDER_OFF), ({"daily_limit": 1}, Kind.CANARY_WAITS), ({"pace": 1.0}, None)],
)
def test_first_messages_over_a_sender_that_rests_are_told(
    session: Session, changes: dict[str, Any], kind: Kind | None
) -> None:
    organisation = an_organisation(session)
    sender = a_sender(session, **changes)
    campaign = a_campaign(session, organisation, a_member(session, organisation), senders=[sender])
    run = a_run(session, campaign, started_at=AGO[600], planned=3)
    a_delivery(session, run, send_state=SendState.ACCEPTED, due_at=AGO[600], intent_at=AGO[120])
    ahead, _ = (a_delivery(session, run, due_at=AGO[600]) for _ in range(2))
    session.add(RunCanary(run_id=run.id, state=CanaryState.SENDING, people=1))
    session.add(CanaryDelivery(run_id=run.id, delivery_id=ahead.id))
    session.flush()
    tally = count_run(session, run.id, now=NOON)
    senders = progress_of_run(session, run, now=NOON, tally=tally).by_sender
    assert kinds(facts_of_run(session, run, tally, senders, PATIENCE), heard_at=AGO[5]) == ([kind] if kind else [])


@pytest.mark.both_databases
@pytest.mark.parametrize(("minutes", "kind"), [(9, []), (11, [Kind.SENDER_TROUBLED])])
def test_long_trouble_of_a_sender_rings(session: Session, run: Run, minutes: int, kind: list[Kind]) -> None:
    """It ends by itself, but what waits for it may expire, and nobody would know."""
    run.sender.health, run.sender.health_at = Health.TROUBLED, NOON - timedelta(minutes=minutes)
    stand_still(session, run)
    assert found(session, run) == kind


@pytest.mark.parametrize(("minutes", "rings"), [(14, False), (16, True)])
def test_run_that_is_prepared_for_long_rings(minutes: int, rings: bool) -> None:
    moved_at = NOON - timedelta(minutes=minutes)
    ringing_kinds = kinds(HEALTHY, state=RunState.PLANNING, planned=None, moved_at=moved_at)
    assert ringing_kinds == ([Kind.PLANNING] if rings else [])


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("hours", "is_asked", "rings"), [(25, False, True), (25, True, False), (24, False, False), (2, False, False)]
)
def test_messages_that_were_never_looked_up_ring(
    session: Session, run: Run, hours: int, is_asked: bool, rings: bool
) -> None:
    called = NOON - timedelta(hours=hours)
    delivery = a_delivery(session, run, send_state=SendState.UNKNOWN, intent_at=called, attempts=1)
    if is_asked:
        asked = {"at": NOON, "outcome": "reconciled", "error": "ambiguous"}
        add(session, Attempt(delivery_id=delivery.id, number=1, **asked))
    run.planned += 1
    assert found(session, run) == ([Kind.UNASKED] if rings else [])


@pytest.mark.parametrize(("seconds_ago", "is_alive"), [(5, True), (31, False)])
def test_living_worker_is_known(session: Session, run: Run, seconds_ago: int, is_alive: bool) -> None:
    hear_worker(session, seconds_ago=seconds_ago)
    with clock.running_on(lambda: datetime.now(UTC)):
        assert is_worker_alive(session) == is_alive
