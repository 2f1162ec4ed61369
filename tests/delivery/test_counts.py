"""A count says what stood in the rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.delivery.counts import NOT_SENT, count_run
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
