"""Whoever a member's answer did not reach waits for the team again, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.delivery.models import Delivery
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.conversations import lost_answers, service
from campaigns.inbox.conversations.models import Conversation, ConversationState, Outcome
from campaigns.inbox.conversations.waiting_again import NOT_ARRIVED
from campaigns.inbox.given.putting_back import put_back
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.models import Health, Sender
from tests.inbox.given.test_dead_numbers import Team, team

__all__ = ["team"]
pytestmark = pytest.mark.one_database

LOST: list[dict[str, Any]] = [
    {"send_state": SendState.FAILED},
    {"send_state": SendState.EXPIRED},
    {"send_state": SendState.CANCELLED},
    {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.UNDELIVERED},
    {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.FAILED},
]


def answer(team: Team, which: int, **became: Any) -> None:
    run_id = team.answer(which, "In the church.")
    with team.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.run_id == run_id).values(became))


def close(team: Team, which: int, outcome: Outcome) -> None:
    with team.sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        seen = service.seen_now(session, conversation)
        service.close(session, conversation, outcome, by=team.member_id, seen=seen)


@pytest.mark.both_databases
@pytest.mark.parametrize("became", LOST, ids=lambda became: "-".join(became.values()))
def test_whom_an_answer_did_not_reach_waits_again(team: Team, became: dict[str, Any]) -> None:
    which, other = team.ask(1), team.ask(2)
    answer(team, which, **became)
    answer(team, other, send_state=SendState.ACCEPTED)
    assert team.waiting() == set()
    assert (put_back(team.sessions), put_back(team.sessions)) == (1, 0)
    assert team.waiting() == {which}
    with team.sessions() as session:
        conversation = session.get_one(Conversation, which)
        assert conversation.reasons[0]["heading"] == NOT_ARRIVED
        assert (conversation.urgency, conversation.state) == (Urgency.DAY, ConversationState.OPEN)
        assert conversation.owner_id == team.member_id


def test_whoever_may_be_in_danger_is_so_again(team: Team) -> None:
    which = team.ask(1, "🆘")
    with team.sessions() as session:
        assert session.get_one(Conversation, which).urgency == Urgency.DANGER
    answer(team, which, **LOST[0])
    assert put_back(team.sessions) == 1
    with team.sessions() as session:
        conversation = session.get_one(Conversation, which)
        assert (conversation.urgency, conversation.urgent_since) == (Urgency.DANGER, conversation.waiting_since)


@pytest.mark.parametrize(
    "became",
    [
        {"send_state": SendState.QUEUED},
        {"send_state": SendState.UNKNOWN},
        # They said stop meanwhile.
        {"send_state": SendState.SUPPRESSED},
        {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.DELIVERED},
    ],
    ids=lambda became: "-".join(became.values()),
)
def test_others_do_not(team: Team, became: dict[str, Any]) -> None:
    answer(team, team.ask(1), **became)
    assert put_back(team.sessions) == 0
    assert team.waiting() == set()


@pytest.mark.both_databases
@pytest.mark.parametrize("rests", [{"health": Health.PAUSED}, {"active": False}, {"health": Health.TROUBLED}])
def test_whose_answer_rests_over_a_sender_that_nobody_mends_waits_again(team: Team, rests: dict[str, Any]) -> None:
    """What a breaker holds goes on by itself; and nobody gets the old answer beside a new one."""
    which, is_lost = team.ask(1), rests != {"health": Health.TROUBLED}
    run_id = team.answer(which, "In the church.", state=SendState.QUEUED)
    with team.sessions.begin() as session:
        session.execute(update(Sender).values(rests))
    assert put_back(team.sessions) == 0
    with team.sessions.begin() as session:
        session.execute(update(Delivery).values(due_at=clock.now() - lost_answers.RESTS))
    assert put_back(team.sessions) == is_lost
    sweep(team.sessions)
    assert team.waiting() == ({which} if is_lost else set())
    assert team.state(run_id) == (SendState.CANCELLED if is_lost else SendState.QUEUED)
    assert put_back(team.sessions) == 0


def test_whoever_was_answered_since_does_not(team: Team) -> None:
    which = team.ask(1)
    answer(team, which, **LOST[0])
    answer(team, which, send_state=SendState.ACCEPTED)
    assert put_back(team.sessions) == 0
    answer(team, which, **LOST[0])
    assert put_back(team.sessions) == 1
    # Who is answered in vain once more waits once more.
    answer(team, which, **LOST[1])
    assert put_back(team.sessions) == 1


def test_whoever_said_stop_since_does_not(team: Team) -> None:
    answer(team, team.ask(1), **LOST[0])
    with team.sessions.begin() as session:
        session.execute(update(Address).values(state=AddressState.OPTED_OUT))
    assert put_back(team.sessions) == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(("outcome", "comes_back"), [(Outcome.GIVEN_HELPLINE, True), (Outcome.ABUSE, False)])
def test_what_was_closed_before_anybody_knew_comes_back_once(
    team: Team, outcome: Outcome, comes_back: bool
) -> None:
    which = team.ask(1)
    answer(team, which, **LOST[0])
    close(team, which, outcome)
    assert put_back(team.sessions) == comes_back
    assert team.waiting() == ({which} if comes_back else set())
    if comes_back:
        # Whoever closes it again knows.
        close(team, which, outcome)
        assert put_back(team.sessions) == 0


def test_who_closes_after_another_answer_does_not_know_of_that_one(team: Team) -> None:
    which = team.ask(1)
    answer(team, which, **LOST[0])
    assert put_back(team.sessions) == 1
    answer(team, which, **LOST[1])
    close(team, which, Outcome.INFORMED)
    assert put_back(team.sessions) == 1
    assert team.waiting() == {which}


def test_who_answers_before_it_is_held_is_heeded(team: Team) -> None:
    which = team.ask(1)
    answer(team, which, **LOST[0])
    with team.sessions.begin() as session:
        found = list(session.scalars(lost_answers._select_lost(clock.now())))
    assert found == [which]
    answer(team, which, send_state=SendState.ACCEPTED)
    with team.sessions.begin() as session:
        assert lost_answers._put_back(session, found, now=clock.now()) == 0
    assert team.waiting() == set()
