"""Of two who decide on one offer at the same moment, one decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty import teams
from campaigns.inbox.handing_over import service, within
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import Confirmed, Extract
from campaigns.inbox.handing_over.within import Target
from campaigns.staff.models import Role
from tests.factories import a_member, an_organisation
from tests.inbox.automatic.person import a_person


@pytest.mark.parametrize("races", [10, pytest.param(500, marks=pytest.mark.slow)])
def test_offer_is_decided_on_once(sessions: sessionmaker[Session], vault: Vault, races: int) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault, occasions={})
        person.writes("Where can we sleep?")
        partner = an_organisation(session, name="Shelter", slug="shelter")
        which, receiver_id = session.scalars(select(Conversation.id)).one(), partner.id
        ours, theirs = person.member.id, a_member(session, partner, Role.RESPONDER, email="worker@example.org").id

    def decide(verb: str, hand_over_id: int, together: Barrier) -> str:
        together.wait()
        try:
            with sessions.begin() as session:
                handed = session.get_one(HandOver, hand_over_id)
                if verb == "accept":
                    service.accept(session, handed, by=theirs)
                else:
                    service.decline(session, handed, "We are full.", by=theirs, vault=vault)
        except TransitionError:
            return "told"
        return verb

    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(2) as threads:
        for _ in range(races):
            with sessions.begin() as session:
                conversation = session.get_one(Conversation, which)
                extract = Extract(receiver_id, "A bed tonight.", "Yes.")
                made = service.offer(session, conversation, extract, by=ours, vault=vault).id
            together = Barrier(2)
            both = [threads.submit(decide, verb, made, together) for verb in ("accept", "decline")]
            outcomes += Counter(future.result() for future in both)
            with sessions.begin() as session:
                handed = session.get_one(HandOver, made)
                if handed.state == OfferState.ACCEPTED:
                    service.take_back(session, handed, by=ours)
    assert outcomes["told"] == races
    assert outcomes["accept"] + outcomes["decline"] == races


@pytest.mark.parametrize("races", [5, pytest.param(500, marks=pytest.mark.slow)])
def test_team_takes_once_and_a_code_is_confirmed_once(
    sessions: sessionmaker[Session], vault: Vault, races: int
) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault, occasions={})
        person.writes("Where can we sleep?")
        partner = an_organisation(session, name="Shelter", slug="shelter")
        which, ours, theirs = session.scalars(select(Conversation.id)).one(), person.member.id, partner.id
        pair = [
            a_member(session, person.organisation, Role.RESPONDER, email=f"{n}@example.org").id for n in range(2)
        ]
        worker = a_member(session, partner, Role.RESPONDER, email="worker@example.org").id
        team = teams.new_team(person.organisation.id)
        teams.save_team(session, team, "Night", pair, by=ours)
        to = Target(team_id=team.id)

    def at_once(acts: Sequence[Callable[[Session], object]]) -> int:
        together = Barrier(len(acts))

        def run(act: Callable[[Session], object]) -> bool:
            together.wait()
            try:
                with sessions.begin() as session:
                    act(session)
            except TransitionError:
                return False
            return True

        with ThreadPoolExecutor(len(acts)) as threads:
            return sum(threads.map(run, acts))

    for _ in range(races):
        with sessions.begin() as session:
            talk = session.get_one(Conversation, which)
            key = within.offer_within(session, talk, to, "I am ill.", by=ours, vault=vault).id
        taking = [partial(_take, key, by) for by in pair]
        assert at_once(taking) == 1
        with sessions.begin() as session:
            extract = Extract(theirs, "A bed tonight.", "Yes.")
            made = service.offer(session, session.get_one(Conversation, which), extract, by=ours, vault=vault)
            service.accept(session, made, by=worker)
            key, code = made.id, made.code
        confirming = [partial(_confirm, theirs, code, worker)] * 2
        assert at_once(confirming) == 1
        with sessions.begin() as session:
            service.take_back(session, session.get_one(HandOver, key), by=ours)


def _take(hand_over_id: int, by: int, session: Session) -> None:
    within.take_over(session, session.get_one(HandOver, hand_over_id), by=by)


def _confirm(receiver_id: int, code: str, by: int, session: Session) -> None:
    service.confirm(session, receiver_id, code, Confirmed.HELPED, by=by)
