"""Who is silent for long is asked once whether to go on, and left out of campaigns without an answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AskedContact, Channel, Consent, ConsentKind, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.repair.unanswered import settle_questions
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.service import receive_inbound
from campaigns.planning.models import Campaign, Run, RunState, Sender
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, frozen, people

pytestmark = pytest.mark.one_database

SILENT_DAYS, ANSWER_DAYS = 180, 28
ASKS, SAYS = {"silent_days": SILENT_DAYS}, dict[str, int]()
#: When the people of a crowd joined, of whom nobody ever wrote.
LONG_AGO = timedelta(days=SILENT_DAYS + 1)


@dataclass
class Crowd:
    """An organisation with one campaign, and three people who joined long ago and never wrote."""

    sessions: sessionmaker[Session]
    vault: Vault
    campaign_id: int
    ids: list[int]

    def plan(self, rule: dict[str, int]) -> int:
        """Make a run that fires now, at no other's instant."""
        with self.sessions.begin() as session:
            campaign = session.get_one(Campaign, self.campaign_id)
            return a_planned_run(session, campaign=campaign, frozen=frozen(rule=rule), schedule_id=None).id

    def run(self, rule: dict[str, int]) -> set[int]:
        """Fan out a run, and let all of it be accepted; return whom it writes to."""
        run_id = self.plan(rule)
        fan_out(self.sessions, run_id, policy=Policy(36_500))
        self.become(run_id, send_state="accepted", intent_at=clock.now())
        with self.sessions.begin() as session:
            session.get_one(Run, run_id).state = RunState.DONE
            return set(session.scalars(select(Delivery.contact_id).where(Delivery.run_id == run_id)))

    def become(self, run_id: int, **values: object) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Delivery).where(Delivery.run_id == run_id).values(**values))

    def later(self, **changes: object) -> None:
        """Let the time for an answer pass for every message that was sent."""
        with self.sessions.begin() as session:
            before = clock.now() - timedelta(days=ANSWER_DAYS, minutes=1)
            session.execute(update(Delivery).values(intent_at=before, **changes))
            session.execute(update(AskedContact).values(asked_at=before))

    def settle(self) -> int:
        return settle_questions(self.sessions, answer_days=ANSWER_DAYS)

    def write(self, who: int, text: str) -> None:
        with self.sessions.begin() as session:
            sender = session.scalars(select(Sender)).one()
            owner = session.get_one(Campaign, self.campaign_id).organisation_id
            handle = f"+38067{self.ids.index(who) + 1:07}"
            inbound = Inbound(f"SM{who:032}", handle, sender.identity, text, "sms")
            receive_inbound(session, inbound, self.vault, account=Account("twilio", "AC0", (), frozenset({owner})))

    def left_out(self) -> dict[str, int]:
        with self.sessions() as session:
            newest = select(RunLeftOut.run_id).order_by(RunLeftOut.run_id.desc()).limit(1).scalar_subquery()
            rows = session.execute(select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == newest))
            return {row.reason: row.people for row in rows}


@pytest.fixture
def crowd(sessions: sessionmaker[Session], vault: Vault) -> Crowd:
    with sessions.begin() as session:
        run = a_planned_run(session, state=RunState.DONE)
        joined = {"created_at": clock.now() - LONG_AGO}
        ids = people(session, run.organisation_id, vault, count=3, **joined)
        session.execute(update(Sender).values(organisation_id=run.organisation_id))
        assert run.campaign_id is not None
        return Crowd(sessions, vault, run.campaign_id, ids)


@pytest.mark.both_databases
def test_each_is_asked_once_and_left_out_without_an_answer(crowd: Crowd) -> None:
    assert crowd.run(ASKS) == set(crowd.ids)
    assert crowd.run(ASKS) == set()
    assert (crowd.settle(), crowd.run(SAYS)) == (0, set(crowd.ids))
    crowd.later()
    assert (crowd.settle(), crowd.settle()) == (3, 0)
    assert crowd.run(SAYS) == set()
    assert crowd.left_out() == {"silent": 3}


def test_nobody_is_asked_by_other_campaigns(crowd: Crowd) -> None:
    assert crowd.run(SAYS) == set(crowd.ids)
    crowd.later()
    assert crowd.settle() == 0
    assert crowd.run(SAYS) == set(crowd.ids)


@pytest.mark.parametrize("when", ["in time", "too late"])
@pytest.mark.parametrize(
    ("text", "is_back"), [("yes", True), ("Where can we sleep?", True), ("STOP", False), ("stop it please", False)]
)
def test_whatever_they_write_but_a_stop_brings_them_back(
    crowd: Crowd, when: str, text: str, is_back: bool
) -> None:
    first, *others = crowd.ids
    crowd.run(ASKS)
    if when == "in time":
        crowd.write(first, text)
    crowd.later()
    crowd.settle()
    if when == "too late":
        crowd.write(first, text)
    assert crowd.run(SAYS) == ({first} if is_back else set())
    assert crowd.run(ASKS) == set()
    with crowd.sessions() as session:
        silent_since = session.scalars(select(Contact.silent_since).where(Contact.id == first)).one()
    # Whoever said stop is not taken for somebody who answered.
    assert (silent_since is None) is is_back
    assert len(others) == 2


def _heard(session: Session, contact_id: int) -> None:
    recently = clock.now() - timedelta(days=SILENT_DAYS - 1)
    session.execute(update(Address).where(Address.contact_id == contact_id).values(heard_at=recently))


def _joined(session: Session, contact_id: int) -> None:
    recently = clock.now() - timedelta(days=SILENT_DAYS - 1)
    session.execute(update(Contact).where(Contact.id == contact_id).values(created_at=recently))


def _agreed(session: Session, contact_id: int) -> None:
    recently = clock.now() - timedelta(days=SILENT_DAYS - 1)
    address = session.scalars(select(Address).where(Address.contact_id == contact_id)).one()
    session.add(
        Consent(
            contact_id=contact_id,
            address_id=address.id,
            channel=Channel.SMS,
            kind=ConsentKind.GRANTED,
            method="form",
            wording="v1",
            given_at=recently,
            recorded_at=recently,
        )
    )


@pytest.mark.parametrize("sign", [_heard, _joined, _agreed])
def test_silence_begins_with_the_last_sign(crowd: Crowd, sign: Callable[[Session, int], None]) -> None:
    with crowd.sessions.begin() as session:
        sign(session, crowd.ids[0])
    assert crowd.run(ASKS) == set(crowd.ids[1:])


@pytest.mark.parametrize(
    ("became", "again"),
    [
        ({"send_state": "failed"}, True),
        ({"send_state": "expired"}, True),
        ({"send_state": "accepted", "receipt_state": "undelivered"}, True),
        ({"send_state": "accepted", "receipt_state": "delivered"}, False),
        ({"send_state": "unconfirmed"}, False),
    ],
)
def test_whom_the_question_did_not_reach_is_asked_again(crowd: Crowd, became: dict[str, str], again: bool) -> None:
    crowd.run(ASKS)
    crowd.later(**became)
    assert crowd.settle() == (0 if again else 3)
    assert crowd.run(ASKS) == (set(crowd.ids) if again else set())


@pytest.mark.parametrize("state", ["cancelled", "queued", "sending"])
def test_question_that_a_stopped_run_may_still_send_is_not_asked_by_another(crowd: Crowd, state: str) -> None:
    crowd.run(ASKS)
    with crowd.sessions.begin() as session:
        session.execute(update(Run).values(state=RunState.STOPPED))
        session.execute(update(Delivery).values(send_state=state, expires_at=clock.now() + timedelta(hours=1)))
    crowd.settle()
    assert crowd.run(ASKS) == set()


@pytest.mark.both_databases
@pytest.mark.parametrize("races", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_of_two_questions_at_once_one_asks(crowd: Crowd, races: int) -> None:
    for _ in range(races):
        runs, together = [crowd.plan(ASKS) for _ in range(2)], Barrier(2)

        def plan(run_id: int, together: Barrier = together) -> None:
            together.wait()
            fan_out(crowd.sessions, run_id, policy=Policy(36_500))

        with ThreadPoolExecutor(2) as threads:
            for future in [threads.submit(plan, run_id) for run_id in runs]:
                future.result()
        with crowd.sessions.begin() as session:
            asked = session.scalars(select(Delivery.contact_id).where(Delivery.run_id.in_(runs))).all()
            assert sorted(asked) == crowd.ids
            session.execute(AskedContact.__table__.delete())  # type: ignore[attr-defined]
