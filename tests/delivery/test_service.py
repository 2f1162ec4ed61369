"""Verbs on deliveries move only what their table of moves allows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core.crypto import Vault
from campaigns.core.errors import InputError, RefusedError, TransitionError
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.queries import progress_of, select_finished
from campaigns.delivery.service import (
    Chosen,
    cancel_queued,
    count_resendable,
    finish_run,
    requeue_cancelled,
    resend,
    suppress_addresses,
)
from campaigns.delivery.states import SendState, may_move
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import AuditEntry
from tests.delivery.builders import a_running_run, frozen, give_addresses
from tests.factories import a_member, a_sender, an_organisation

EVERY = list(SendState)


@pytest.fixture
def run(session: Session, vault: Vault) -> Run:
    """A running run with one delivery in each state."""
    run = a_running_run(session, vault, count=len(EVERY))
    for state, delivery in zip(EVERY, deliveries(session), strict=True):
        delivery.send_state = state
    session.flush()
    return run


def deliveries(session: Session) -> list[Delivery]:
    return list(session.scalars(select(Delivery).order_by(Delivery.id).execution_options(populate_existing=True)))


def moves(session: Session) -> set[tuple[SendState, SendState]]:
    """Return what became of each state."""
    states = [SendState(delivery.send_state) for delivery in deliveries(session)]
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


def test_resume_queues_what_the_stop_cancelled(session: Session, run: Run) -> None:
    assert [requeue_cancelled(session, run.id), requeue_cancelled(session, run.id)] == [1, 0]
    assert moves(session) == {(SendState.CANCELLED, SendState.QUEUED)}


def test_sweeps_are_limited(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=5, state=RunState.STOPPED)
    assert [cancel_queued(session, run.id, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def send_again(
    session: Session, run: Run, chosen: Chosen | None = None, *, reason: str = "Asked the carrier"
) -> int:
    member = a_member(session, an_organisation(session))
    return resend(session, run, chosen or Chosen(), by=member.id, reason=reason)


def test_resend_queues_only_unconfirmed(session: Session, run: Run) -> None:
    ids = [delivery.id for delivery in deliveries(session)]
    assert send_again(session, run, Chosen(ids=ids)) == 1
    assert moves(session) == {(SendState.UNCONFIRMED, SendState.QUEUED)}
    assert session.scalars(select(Attempt.outcome)).all() == ["resent"]


def test_resend_is_one_audited_act(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=3, deliveries={"send_state": SendState.UNCONFIRMED})
    assert send_again(session, run, reason=" Asked the carrier ") == 3
    [entry] = session.scalars(select(AuditEntry)).all()
    assert (entry.action, entry.subject_type, entry.subject_id) == ("delivery.resend", "run", run.id)
    assert entry.member_id is not None
    assert entry.detail == {"deliveries": 3, "reason": "Asked the carrier"}


@pytest.mark.parametrize(("code", "count"), [("timeout", 2), ("", 1), (None, 3)])
def test_resend_takes_all_of_a_cause(session: Session, vault: Vault, code: str | None, count: int) -> None:
    run = a_running_run(session, vault, count=3, deliveries={"send_state": SendState.UNCONFIRMED})
    for delivery in deliveries(session)[:2]:
        delivery.error = "timeout"
    session.flush()
    assert count_resendable(session, run.id, Chosen(code=code)) == (count, 0)
    assert send_again(session, run, Chosen(code=code)) == count


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.INVALID])
def test_resend_leaves_who_said_stop(session: Session, vault: Vault, state: AddressState) -> None:
    run = a_running_run(session, vault, count=2, deliveries={"send_state": SendState.UNCONFIRMED})
    stopped = deliveries(session)[0]
    session.get_one(Address, stopped.address_id).state = state
    session.flush()
    assert count_resendable(session, run.id, Chosen()) == (1, 1)
    assert send_again(session, run) == 1
    assert [row.send_state for row in deliveries(session)] == [SendState.UNCONFIRMED, SendState.QUEUED]


def test_resend_heeds_a_stop_on_any_channel(session: Session, vault: Vault) -> None:
    senders = [a_sender(session), a_sender(session, channel=Channel.WHATSAPP)]
    run = a_running_run(session, vault, count=1, senders=senders, deliveries={"send_state": SendState.UNCONFIRMED})
    ours = {"channel": Channel.WHATSAPP, "state": AddressState.OPTED_OUT, "prefix": "+38067"}
    give_addresses(session, run.organisation_id, vault, [deliveries(session)[0].contact_id], **ours)
    assert count_resendable(session, run.id, Chosen()) == (0, 1)


def test_resend_gives_time_anew(session: Session, run: Run) -> None:
    run.frozen = frozen(expires_after_minutes=60)
    session.flush()
    send_again(session, run)
    [attempt] = session.scalars(select(Attempt)).all()
    delivery = session.get_one(Delivery, attempt.delivery_id, populate_existing=True)
    assert (delivery.due_at, delivery.expires_at) == (attempt.at, attempt.at + timedelta(hours=1))


def test_resend_lets_a_finished_run_go_on(session: Session, run: Run) -> None:
    run.state = RunState.DONE
    send_again(session, run)
    assert run.state == RunState.RUNNING


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PAUSED, RunState.STOPPED])
def test_resend_goes_round_no_stop(session: Session, run: Run, state: RunState) -> None:
    run.state = state
    with pytest.raises(TransitionError):
        send_again(session, run)
    assert moves(session) == set()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_resend_needs_a_reason(session: Session, run: Run, reason: str) -> None:
    with pytest.raises(InputError):
        send_again(session, run, reason=reason)


def test_resend_of_nothing_says_so(session: Session, run: Run) -> None:
    with pytest.raises(RefusedError):
        send_again(session, run, Chosen(ids=[999_999]))
    assert session.scalars(select(AuditEntry)).all() == []


@pytest.mark.parametrize("state", [SendState.QUEUED, SendState.SENDING, SendState.CANCELLED])
def test_run_with_open_deliveries_is_not_finished(session: Session, run: Run, state: SendState) -> None:
    session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    deliveries(session)[0].send_state = state
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
