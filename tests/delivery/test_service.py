"""Verbs on deliveries move only what their table of moves allows."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import progress_of, select_finished
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.service import cancel_queued, finish_run, requeue_cancelled
from campaigns.delivery.states import SendState, may_move
from campaigns.planning.models import Run, RunState
from tests.delivery.builders import a_run_in_every_state, a_running_run, all_deliveries, frozen

pytestmark = pytest.mark.one_database

EVERY = list(SendState)


@pytest.fixture
def run(session: Session, vault: Vault) -> Run:
    return a_run_in_every_state(session, vault)


def moves(session: Session) -> set[tuple[SendState, SendState]]:
    """Return what became of each state."""
    states = [SendState(delivery.send_state) for delivery in all_deliveries(session)]
    return {(before, after) for before, after in zip(EVERY, states, strict=True) if before != after}


def test_opt_out_takes_only_what_waits(session: Session, run: Run) -> None:
    assert suppress_addresses(session, list(session.scalars(select(Address.id)))) == 1
    assert moves(session) == {(SendState.QUEUED, SendState.SUPPRESSED)}


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.DONE])
def test_opt_out_leaves_ended_runs(session: Session, run: Run, state: RunState) -> None:
    run.state = state
    session.flush()
    assert suppress_addresses(session, list(session.scalars(select(Address.id)))) == 0


def test_opt_out_leaves_other_people(session: Session, run: Run) -> None:
    assert suppress_addresses(session, [999_999]) == 0
    assert moves(session) == set()


def test_stop_cancels_only_what_waits(session: Session, run: Run) -> None:
    run.state = RunState.STOPPED
    session.flush()
    assert [cancel_queued(session, run.id), cancel_queued(session, run.id)] == [1, 0]
    assert moves(session) == {(SendState.QUEUED, SendState.CANCELLED)}


def test_running_run_cancels_nothing(session: Session, run: Run) -> None:
    assert cancel_queued(session, run.id) == 0


@pytest.mark.both_databases
def test_resume_queues_what_the_stop_cancelled(session: Session, run: Run) -> None:
    assert [requeue_cancelled(session, run.id), requeue_cancelled(session, run.id)] == [1, 0]
    assert moves(session) == {(SendState.CANCELLED, SendState.QUEUED)}


def test_sweeps_are_limited(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=5, state=RunState.STOPPED)
    assert [cancel_queued(session, run.id, limit=2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("state", [SendState.QUEUED, SendState.SENDING, SendState.CANCELLED])
def test_run_with_open_deliveries_is_not_finished(session: Session, run: Run, state: SendState) -> None:
    session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    all_deliveries(session)[0].send_state = state
    session.flush()
    assert not finish_run(session, run.id)


def test_run_without_open_deliveries_is_finished(session: Session, run: Run) -> None:
    session.execute(update(Delivery).values(send_state=SendState.UNKNOWN))
    assert finish_run(session, run.id)
    assert (run.state, run.finished_at is not None) == (RunState.DONE, True)


def test_run_that_resends_waits_for_the_unknown(session: Session, run: Run) -> None:
    run.frozen = frozen(resend_unknown=True)
    session.execute(update(Delivery).values(send_state=SendState.UNKNOWN))
    session.flush()
    assert session.scalars(select_finished()).all() == []


def test_progress_adds_up(session: Session, run: Run) -> None:
    assert progress_of(session, run.id) == dict.fromkeys(SendState, 1)


def test_every_verb_keeps_to_the_table() -> None:
    assert all(
        may_move(*move)
        for move in (
            (SendState.QUEUED, SendState.SUPPRESSED),
            (SendState.QUEUED, SendState.CANCELLED),
            (SendState.CANCELLED, SendState.QUEUED),
            (SendState.UNCONFIRMED, SendState.QUEUED),
        )
    )
