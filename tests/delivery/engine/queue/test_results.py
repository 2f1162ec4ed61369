"""Results are written only for rows that their claim still holds, and times mean the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask, Claimed, Result
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.engine.queue.results import record
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import RunState
from tests.delivery.builders import TEXT, a_running_run
from tests.factories import NOON
from tests.moments import standing_at

pytestmark = pytest.mark.one_database

LATER = datetime(2026, 3, 2, 13, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def claimed(session: Session, vault: Vault) -> Claimed:
    run = a_running_run(session, vault, count=1)
    (claimed,) = Claims(vault).claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 10)).claimed
    return claimed


def written(session: Session, claimed: Claimed, state: SendState, **changes: Any) -> Delivery:
    values: dict[str, Any] = {"id": claimed.id, "token": claimed.token, "state": state, "number": claimed.attempts}
    record(session.connection(), [Result(**values | changes)])
    return session.scalars(select(Delivery).execution_options(populate_existing=True)).one()


@pytest.mark.both_databases
def test_retry_is_due_at_the_same_instant(session: Session, claimed: Claimed) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
    delivery = written(session, claimed, SendState.QUEUED, due_at=LATER, error="refused", outcome="not_sent")
    assert (delivery.due_at, delivery.send_state) == (LATER.astimezone(UTC), SendState.QUEUED)
    attempt = session.scalars(select(Attempt)).one()
    assert (attempt.delivery_id, attempt.number, attempt.outcome) == (claimed.id, 1, "not_sent")


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(SendState.FAILED, "rejected"), (SendState.QUEUED, "throttled"), (SendState.UNKNOWN, "unknown")],
)
def test_result_written_again_is_noted_once(
    session: Session, claimed: Claimed, state: SendState, outcome: str
) -> None:
    for _ in range(2):
        written(session, claimed, state, error="1", outcome=outcome)
    assert session.scalars(select(Attempt.outcome)).all() == [outcome]


def test_late_refusal_is_noted_after_the_reaper(session: Session, claimed: Claimed) -> None:
    session.execute(update(Delivery).values(send_state=SendState.UNKNOWN))
    written(session, claimed, SendState.FAILED, error="21211", outcome="rejected")
    assert session.scalars(select(Attempt.outcome)).all() == ["rejected"]


def test_refused_by_the_fence_does_not_count(session: Session, claimed: Claimed) -> None:
    assert written(session, claimed, SendState.QUEUED, refund=True).attempts == 0


def test_other_claims_are_left_alone(session: Session, claimed: Claimed) -> None:
    assert written(session, claimed, SendState.ACCEPTED, token="x" * 32).send_state == SendState.SENDING


@pytest.mark.parametrize("is_given_back", [True, False])
def test_what_has_a_receipt_is_not_queued_again(session: Session, claimed: Claimed, is_given_back: bool) -> None:
    session.execute(update(Delivery).values(receipt_state="sent", receipt_id=1))
    result: dict[str, Any] = {"refund": True} if is_given_back else {"error": "20429", "outcome": "throttled"}
    assert written(session, claimed, SendState.QUEUED, **result).send_state == SendState.ACCEPTED


@pytest.mark.both_databases
def test_what_has_a_receipt_is_not_claimed(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=3)
    first, second, third = session.scalars(select(Delivery).order_by(Delivery.id))
    second.receipt_state, second.receipt_id, second.intent_at = ReceiptState.DELIVERED, 1, NOON
    session.flush()
    found = Claims(vault).claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 10))
    assert [claimed.id for claimed in found.claimed] == [first.id, third.id]
    session.expire_all()
    assert (second.send_state, second.intent_at, second.attempts) == (SendState.ACCEPTED, NOON, 0)


@pytest.mark.parametrize("state", [SendState.ACCEPTED, SendState.UNCONFIRMED, SendState.QUEUED])
def test_rows_taken_over_are_left_alone(session: Session, claimed: Claimed, state: SendState) -> None:
    session.execute(update(Delivery).values(send_state=state))
    assert written(session, claimed, SendState.FAILED).send_state == state


@pytest.mark.parametrize("state", [SendState.ACCEPTED, SendState.QUEUED])
def test_late_result_still_counts_after_the_reaper(session: Session, claimed: Claimed, state: SendState) -> None:
    session.execute(update(Delivery).values(send_state=SendState.UNKNOWN))
    assert written(session, claimed, state).send_state == state


def test_early_receipt_settles_a_lost_reply(session: Session, claimed: Claimed) -> None:
    session.execute(update(Delivery).values(receipt_id=1, provider_id="SM1"))
    delivery = written(session, claimed, SendState.UNKNOWN, error="timeout", outcome="unknown")
    assert (delivery.send_state, delivery.provider_id) == (SendState.ACCEPTED, "SM1")


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.RUNNING])
def test_only_running_runs_are_claimed(session: Session, vault: Vault, state: RunState) -> None:
    run = a_running_run(session, vault, count=3, state=state)
    assert Claims(vault).claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 10)).taken == 0


def test_run_that_was_stopped_meanwhile_is_claimed_no_more(session: Session, vault: Vault) -> None:
    run, claims = a_running_run(session, vault, count=4), Claims(vault)
    found = claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 2))
    run.state = RunState.STOPPED
    session.flush()
    assert found.taken == 2
    assert claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, found.last_id, 2)).taken == 0
    states = session.scalars(select(Delivery.send_state).order_by(Delivery.id)).all()
    assert states == [SendState.SENDING] * 2 + [SendState.QUEUED] * 2


def test_claims_go_from_the_lowest_id_up(session: Session, vault: Vault) -> None:
    """Else whoever is behind the cursor waits until the run is read again from its start."""
    run, claims = a_running_run(session, vault, count=5), Claims(vault)
    ids = session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
    cursor, taken = 0, []
    for _ in range(3):
        found = claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, cursor, 2))
        taken.append([claimed.id for claimed in found.claimed])
        cursor = found.last_id
    assert taken == [ids[:2], ids[2:4], ids[4:]]


def test_claim_reads_on_from_its_cursor(session: Session, vault: Vault) -> None:
    run, claims = a_running_run(session, vault, count=5), Claims(vault)
    first = claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 2))
    second = claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, first.last_id, 2))
    ids = [claimed.id for claimed in (*first.claimed, *second.claimed)]
    assert ids == sorted(set(ids))
    assert len(ids) == 4
    behind = claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 10, through=second.last_id))
    assert behind.taken == 0


def test_text_that_was_rendered_anew_is_the_one_that_is_sent(session: Session, vault: Vault) -> None:
    """A run is paused for a wrong number and goes on with another one, while other runs keep the worker busy."""
    run, claims, began = a_running_run(session, vault, count=2), Claims(vault), clock.now()
    ask = Ask(Line(run.sender_id), run.id, 0, 1)
    with clock.running_on(lambda: began):
        (first,) = claims.claim(session.connection(), ask).claimed
    session.execute(update(RunText).values(body="Call 116 123."))
    with clock.running_on(lambda: began + timedelta(seconds=2.1)):
        (second,) = claims.claim(session.connection(), ask).claimed
    assert (first.body, second.body) == (TEXT, "Call 116 123.")


def test_texts_of_runs_that_ended_are_forgotten_although_another_runs(session: Session, vault: Vault) -> None:
    claims, began = Claims(vault), clock.now()
    for hour in range(5):
        run = a_running_run(session, vault, count=1)
        with standing_at(began + timedelta(hours=hour)):
            assert claims.claim(session.connection(), Ask(Line(run.sender_id), run.id, 0, 1)).taken == 1
    assert len(claims._texts) == 1
