"""Whoever got a number that is dead by conversation waits for the team again, and nobody else does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import GateError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import SendState
from campaigns.directory.models import CheckOutcome, Service
from campaigns.directory.service import verify_service
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, ConversationTag, Outcome
from campaigns.inbox.given import dead_numbers
from campaigns.inbox.given.dead_numbers import NUMBER_DIED, put_back
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.service import receive_inbound
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.queries import load_help
from campaigns.planning.models import Run, RunState
from tests.factories import a_member, a_sender, a_service, an_organisation

pytestmark = pytest.mark.one_database

OURS, FRESH = "+48500100100", 180
GOOD, OTHER = "+48 22 628 01 20", "+48 22 111 22 33"


@dataclass
class Team:
    """An organisation with two helplines, and people who ask it for one."""

    sessions: sessionmaker[Session]
    vault: Vault
    organisation_id: int
    member_id: int
    checker_id: int
    sender_id: int
    #: Helplines by their numbers.
    services: dict[str, int]
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def ask(self, who: int, text: str = "Where can we sleep?") -> int:
        with self.sessions.begin() as session:
            inbound = Inbound(f"SM{next(self._numbers):032}", f"+38067000{who:04}", OURS, text, "sms")
            account = Account("twilio", "AC0", (), frozenset({self.organisation_id}))
            reply = receive_inbound(session, inbound, self.vault, account=account)
            assert reply is not None
            found = select(Conversation.id).where(Conversation.contact_id == reply.contact_id)
            return session.scalars(found).one()

    def answer(self, which: int, words: str, *, state: SendState = SendState.ACCEPTED) -> int:
        with self.sessions.begin() as session:
            conversation = session.get_one(Conversation, which)
            seen = service.seen_now(session, conversation)
            known = load_help(session, self.organisation_id, fresh_days=FRESH)
            run_id = service.answer(
                session, conversation, words, by=self.member_id, seen=seen, vault=self.vault, known=known
            ).run_id
            session.execute(update(Delivery).where(Delivery.run_id == run_id).values(send_state=state))
            assert run_id is not None
            return run_id

    def close(self, which: int) -> None:
        with self.sessions.begin() as session:
            conversation = session.get_one(Conversation, which)
            seen = service.seen_now(session, conversation)
            service.close(session, conversation, Outcome.GIVEN_HELPLINE, by=self.member_id, seen=seen)

    def kill(self, number: str, outcome: CheckOutcome = CheckOutcome.CLOSED) -> None:
        with self.sessions.begin() as session:
            dead = session.get_one(Service, self.services[number])
            verify_service(
                session, dead, by=self.checker_id, on=clock.now().date(), how="test call", outcome=outcome
            )

    def waiting(self) -> set[int]:
        with self.sessions() as session:
            return set(session.scalars(select(Conversation.id).where(Conversation.waiting_since.is_not(None))))

    def claim(self, run_id: int) -> list[int]:
        ask = Ask(Line(self.sender_id, Channel.SMS), run_id, after=0, limit=5, is_answer=True)
        return [each.id for each in DatabaseStore(self.sessions, self.vault).exchange((), ask).claimed]

    def state(self, run_id: int) -> SendState:
        with self.sessions() as session:
            return SendState(session.scalars(select(Delivery.send_state).where(Delivery.run_id == run_id)).one())


@pytest.fixture
def team(sessions: sessionmaker[Session], vault: Vault) -> Team:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        sender = a_sender(session, organisation_id=organisation.id, identity=OURS)
        members = [a_member(session, organisation, email=f"{name}@example.org").id for name in ("one", "two")]
        today = {"verified_on": clock.now().date()}
        services = {
            number: a_service(
                session, organisation, name=name, number_national=number, number_from_abroad=None, **today
            ).id
            for number, name in ((GOOD, "La Strada"), (OTHER, "Shelter"))
        }
        return Team(sessions, vault, organisation.id, members[0], members[1], sender.id, services)


@pytest.mark.parametrize("outcome", [CheckOutcome.SILENT, CheckOutcome.CLOSED, CheckOutcome.WRONG])
def test_exactly_those_who_got_the_number_wait_again(team: Team, outcome: CheckOutcome) -> None:
    got, closed, other, none, failed = (team.ask(who) for who in range(5))
    team.answer(got, f"Call {GOOD}, or {OTHER}")
    team.answer(closed, "22 628 01 20")
    team.close(closed)
    team.answer(other, f"Call {OTHER}")
    team.answer(none, "In the church.")
    team.answer(failed, f"Call {GOOD}", state=SendState.FAILED)
    assert put_back(team.sessions) == 0
    team.kill(GOOD, outcome)
    assert put_back(team.sessions) == 3
    assert team.waiting() == {got, closed}
    with team.sessions() as session:
        for which in (got, closed):
            conversation = session.get_one(Conversation, which)
            assert conversation.urgency == Urgency.DAY
            assert conversation.state == ConversationState.OPEN
            assert conversation.outcome is None
            assert conversation.reasons[0] == {"heading": NUMBER_DIED, "language": "", "phrase": "La Strada"}
        tagged = select(ConversationTag.conversation_id).where(ConversationTag.tag == NUMBER_DIED)
        assert set(session.scalars(tagged)) == {got, closed}


def test_nobody_waits_twice_for_one_death(team: Team) -> None:
    which = team.ask(1)
    team.answer(which, f"Call {GOOD}")
    team.kill(GOOD)
    put_back(team.sessions)
    team.answer(which, f"That one is dead. Call {OTHER}")
    assert put_back(team.sessions) == 0
    assert team.waiting() == set()


@pytest.mark.both_databases
@pytest.mark.parametrize(("is_closed", "urgency"), [(False, Urgency.DANGER), (True, Urgency.DAY)])
def test_who_was_in_danger_comes_back_as_in_danger(team: Team, is_closed: bool, urgency: Urgency) -> None:
    which, before = team.ask(1, "Help me, he locked me in, he has a knife"), clock.now()
    team.answer(which, f"Call {GOOD}")
    if is_closed:
        team.close(which)
    team.kill(GOOD)
    put_back(team.sessions)
    with team.sessions() as session:
        conversation = session.get_one(Conversation, which)
        assert conversation.urgency == urgency
        assert conversation.urgent_since is not None
        assert conversation.urgent_since > before


def test_of_whom_nobody_may_answer_nobody_waits(team: Team) -> None:
    gone, back = team.ask(1), team.ask(2)
    for which, who in ((gone, 1), (back, 2)):
        team.answer(which, f"Call {GOOD}")
        team.ask(who, "STOP")
    team.ask(2, "Is there another number?")
    team.answer(back, f"Call {GOOD} again")
    team.kill(GOOD)
    assert put_back(team.sessions) == 3
    assert team.waiting() == {back}


@pytest.mark.parametrize("is_seen_first", [True, False])
def test_answer_that_has_not_left_never_does(team: Team, is_seen_first: bool) -> None:
    which = team.ask(1)
    run_id = team.answer(which, f"Call {GOOD}", state=SendState.QUEUED)
    team.kill(GOOD)
    if is_seen_first:
        put_back(team.sessions)
    assert team.claim(run_id) == []
    put_back(team.sessions)
    sweep(team.sessions)
    assert team.state(run_id) == (SendState.CANCELLED if is_seen_first else SendState.SUPPRESSED)
    assert team.waiting() == {which}
    with team.sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.STOPPED


@pytest.mark.both_databases
@pytest.mark.parametrize("is_seen_first", [True, False])
def test_answer_that_waited_until_its_helpline_ended_never_leaves(team: Team, is_seen_first: bool) -> None:
    """It ended on the day that was known, so nobody had to find it dead."""
    which, run_id = wait_past_last_day(team, "Europe/Warsaw", timedelta(days=-1))
    if is_seen_first:
        put_back(team.sessions)
    assert team.claim(run_id) == []
    put_back(team.sessions)
    sweep(team.sessions)
    assert team.waiting() == {which}
    assert team.state(run_id) == (SendState.CANCELLED if is_seen_first else SendState.SUPPRESSED)


@pytest.mark.parametrize(("zone", "ended"), [("Europe/Warsaw", 0), ("America/Bogota", 0), ("America/Bogota", -1)])
def test_answer_with_a_helpline_whose_last_day_lasts_leaves(team: Team, zone: str, ended: int) -> None:
    """West of UTC it is still yesterday when a day begins there."""
    with clock.running_on(lambda: datetime(2026, 3, 2, 3, tzinfo=UTC)):
        _, run_id = wait_past_last_day(team, zone, timedelta(days=ended))
        assert put_back(team.sessions) == 0
        assert len(team.claim(run_id)) == 1


def wait_past_last_day(team: Team, zone: str, ended: timedelta) -> tuple[int, int]:
    """Queue an answer with a helpline whose last day is so far from today; return its conversation and run."""
    which, today = team.ask(1), clock.now().date()
    helpline = update(Service).where(Service.id == team.services[GOOD])
    with team.sessions.begin() as session:
        session.execute(helpline.values(time_zone=zone, verified_on=today - timedelta(days=2)))
    run_id = team.answer(which, f"Call {GOOD}", state=SendState.QUEUED)
    with team.sessions.begin() as session:
        session.execute(helpline.values(expires_on=today + ended))
    return which, run_id


def test_answer_with_another_number_leaves(team: Team) -> None:
    run_id = team.answer(team.ask(1), f"Call {OTHER}", state=SendState.QUEUED)
    team.kill(GOOD)
    assert len(team.claim(run_id)) == 1


@pytest.mark.parametrize("how", ["dead", "stale"])
def test_kept_answer_is_refused_once_its_number_may_not_be_named(team: Team, how: str) -> None:
    which = team.ask(1)
    with team.sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        service.keep_draft(session, conversation, f"Call {GOOD}", by=team.member_id, vault=team.vault)
    if how == "dead":
        team.kill(GOOD)
    else:
        long_ago = clock.now().date() - timedelta(days=FRESH + 1)
        with team.sessions.begin() as session:
            session.execute(update(Service).where(Service.id == team.services[GOOD]).values(verified_on=long_ago))
    team.ask(1, "Are you there?")
    with pytest.raises(GateError, match="may not be named now"):
        team.answer(which, f"Call {GOOD}")
    with team.sessions() as session:
        assert session.scalars(select(Answer)).all() == []
    assert which in team.waiting()


@pytest.mark.both_databases
def test_who_was_answered_since_another_worker_put_them_back_does_not_wait_again(team: Team) -> None:
    which = team.ask(1)
    team.answer(which, f"Call {GOOD}")
    team.kill(GOOD)
    with team.sessions() as session:
        found = dead_numbers._load_told(session, now=clock.now())
    assert put_back(team.sessions) == 1
    team.answer(which, "That number is dead, come to the station.")
    with team.sessions.begin() as session:
        assert dead_numbers._take_back(session, found) == 0
    assert team.waiting() == set()


@pytest.mark.both_databases
@pytest.mark.parametrize("races", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_number_that_dies_beside_an_answer_is_not_lost(team: Team, races: int) -> None:
    for who in range(races):
        which, together = team.ask(who), Barrier(2)
        with team.sessions.begin() as session:
            alive = {"verified_on": clock.now().date(), "expires_on": None}
            session.execute(update(Service).where(Service.id == team.services[GOOD]).values(**alive))

        def answer(which: int = which, together: Barrier = together) -> bool:
            together.wait()
            try:
                team.answer(which, f"Call {GOOD}")
            except GateError:
                return False
            return True

        def kill(together: Barrier = together) -> None:
            together.wait()
            team.kill(GOOD)

        with ThreadPoolExecutor(2) as threads:
            for future in (threads.submit(answer), threads.submit(kill)):
                future.result()
        put_back(team.sessions)
        assert which in team.waiting()
