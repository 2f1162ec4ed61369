"""A count says what stood in the rows, and a costly one is not repeated for each who watches."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.delivery.counts import NOT_SENT, Remembered, count_run
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, an_organisation


@pytest.fixture
def run(session: Session) -> Run:
    organisation = an_organisation(session)
    return a_run(session, a_campaign(session, organisation, a_member(session, organisation)))


def test_empty_run_counts_nothing(session: Session, run: Run) -> None:
    tally = count_run(session, run.id, now=NOON)
    assert (tally.planned, tally.last_call_at, tally.due_since) == (0, None, None)


@pytest.mark.one_database
@pytest.mark.parametrize("state", list(SendState))
def test_receipt_contradicts_what_was_not_sent(session: Session, run: Run, state: SendState) -> None:
    a_delivery(session, run, send_state=state, receipt_state=ReceiptState.DELIVERED)
    a_delivery(session, run, send_state=state, receipt_state=ReceiptState.FAILED)
    a_delivery(session, run, send_state=state)
    assert count_run(session, run.id, now=NOON).contradicted == (1 if state in NOT_SENT else 0)


def test_only_what_is_due_waits(session: Session, run: Run) -> None:
    for minutes in (-2, -1, 1):
        a_delivery(session, run, due_at=NOON + timedelta(minutes=minutes))
    a_delivery(session, run, send_state=SendState.ACCEPTED, due_at=NOON - timedelta(hours=1))
    tally = count_run(session, run.id, now=NOON)
    assert (tally.due, tally.due_since) == ({run.sender_id: 2}, NOON - timedelta(minutes=2))


def test_calls_are_told_by_first_and_last(session: Session, run: Run) -> None:
    for minutes in (9, 5, 7):
        called = NOON - timedelta(minutes=minutes)
        a_delivery(session, run, send_state=SendState.UNKNOWN, receipt_state=None, intent_at=called)
    tally = count_run(session, run.id, now=NOON)
    assert tally.first_call == {SendState.UNKNOWN: NOON - timedelta(minutes=9)}
    assert tally.last_call_at == NOON - timedelta(minutes=5)


def slow_counts() -> tuple[list[int], Remembered[int]]:
    return [], Remembered(lambda counted: counted > 0)


def counting(counts: list[int], value: int) -> int:
    counts.append(value)
    time.sleep(0.05)
    return value


def test_costly_count_is_remembered() -> None:
    counts, remembered = slow_counts()
    assert [remembered.read(1, lambda: counting(counts, 5)) for _ in range(3)] == [5, 5, 5]
    assert counts == [5]
    assert (remembered.find(1), remembered.find(2)) == (5, None)


def test_small_run_is_counted_each_time() -> None:
    counts, remembered = slow_counts()
    for _ in range(3):
        remembered.read(1, lambda: counting(counts, 0))
    assert counts == [0, 0, 0]


def test_changed_run_is_counted_anew() -> None:
    counts, remembered = slow_counts()
    remembered.read(1, lambda: counting(counts, 1))
    remembered.forget(1)
    assert remembered.read(1, lambda: counting(counts, 2)) == 2
