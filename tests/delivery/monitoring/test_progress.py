"""Progress counts every delivery once, names each failure, and promises an end only while the queue moves."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy.orm import Session

from campaigns.delivery.counts import count_run
from campaigns.delivery.models import RunZone
from campaigns.delivery.monitoring.progress import count_open, progress_of_run
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_run, add, an_organisation

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def run(session: Session) -> Run:
    organisation = an_organisation(session)
    return a_run(session, a_campaign(session, organisation, a_member(session, organisation)))


def test_every_delivery_is_counted_once(session: Session, run: Run) -> None:
    for send_state, receipt_state in product(SendState, (None, *ReceiptState)):
        a_delivery(session, run, send_state=send_state, receipt_state=receipt_state)
    progress = progress_of_run(session, run, now=LATER)
    assert progress.planned == len(SendState) * (len(ReceiptState) + 1)
    assert progress.done == progress.planned - sum(count_open(session, [run]).values())


def test_failures_are_told_by_cause(session: Session, run: Run) -> None:
    a_delivery(session, run, send_state=SendState.FAILED, error="21614")
    a_delivery(session, run, send_state=SendState.FAILED)
    for _ in range(2):
        accepted = {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.UNDELIVERED}
        a_delivery(session, run, **accepted, receipt_error="30003")
    a_delivery(session, run, send_state=SendState.QUEUED, error="20429")
    progress = progress_of_run(session, run, now=LATER)
    assert progress.by_cause == {"30003": 2, "21614": 1, "": 1}


def test_end_follows_from_the_pace(session: Session, run: Run) -> None:
    for _ in range(6):
        a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=LATER - timedelta(seconds=20))
    for _ in range(3):
        a_delivery(session, run)
    progress = progress_of_run(session, run, now=LATER)
    assert progress.pace == pytest.approx(0.3)
    assert progress.ends_at == LATER + timedelta(seconds=10)


def test_no_end_is_promised_that_is_past(session: Session, run: Run) -> None:
    a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=LATER - timedelta(seconds=20))
    a_delivery(session, run)
    tally = count_run(session, run.id, now=LATER)
    moments = [LATER + timedelta(seconds=each) for each in (19, 21)]
    ends = [progress_of_run(session, run, now=each, tally=tally).ends_at for each in moments]
    assert ends == [LATER + timedelta(seconds=20), None]


def test_claims_ahead_of_calls_are_no_pace(session: Session, run: Run) -> None:
    for _ in range(20):
        a_delivery(session, run, send_state=SendState.SENDING, intent_at=LATER - timedelta(seconds=10))
    a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=LATER - timedelta(seconds=10))
    a_delivery(session, run)
    assert progress_of_run(session, run, now=LATER).pace == pytest.approx(0.1)


def test_first_seconds_promise_no_end(session: Session, run: Run) -> None:
    for _ in range(20):
        a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=LATER - timedelta(seconds=1))
    a_delivery(session, run)
    progress = progress_of_run(session, run, now=LATER)
    assert (progress.pace, progress.ends_at, progress.is_beginning) == (0.0, None, True)


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.STOPPED, RunState.HELD])
def test_standing_run_promises_no_end(session: Session, run: Run, state: RunState) -> None:
    run.state = state
    a_delivery(session, run, send_state=SendState.ACCEPTED, intent_at=LATER)
    a_delivery(session, run)
    assert progress_of_run(session, run, now=LATER).ends_at is None


def test_waiting_queue_says_when_it_goes_on(session: Session, run: Run) -> None:
    due = LATER + timedelta(hours=2)
    a_delivery(session, run, due_at=due)
    for zone, due_at in (
        ("Europe/Kyiv", NOON),
        ("Europe/Warsaw", due),
        ("Europe/London", due + timedelta(hours=1)),
    ):
        add(session, RunZone(run_id=run.id, time_zone=zone, due_at=due_at, expires_at=due_at))
    progress = progress_of_run(session, run, now=LATER)
    assert (progress.next_due_at, progress.ends_at) == (due, None)
