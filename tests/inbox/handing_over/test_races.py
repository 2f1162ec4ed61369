"""Of two who decide on one offer at the same moment, one decides."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.handing_over import service
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import Extract
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
