"""Of a member and a machine of ours that answer at the same moment, one answers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import ChangedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.service import receive_inbound
from campaigns.messages.help_numbers import KnownHelp
from campaigns.planning.policy import USUAL
from tests.inbox.automatic.person import a_person
from tests.inbox.builders import OURS

_numbers = count(1)


@pytest.mark.parametrize("races", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_member_and_machine_do_not_both_answer(sessions: sessionmaker[Session], vault: Vault, races: int) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault)
        by, account = person.member.id, Account("twilio", "AC0", (), frozenset({person.organisation.id}))
    outcomes: Counter[str] = Counter()

    def write(who: str, text: str) -> int:
        with sessions.begin() as session:
            inbound = Inbound(f"SM{next(_numbers):032}", who, OURS, text, "sms")
            reply = receive_inbound(session, inbound, vault, account=account, policy=USUAL)
            assert reply is not None
            found = select(Conversation.id).where(Conversation.contact_id == reply.contact_id)
            return session.scalars(found).one()

    def ask(who: str, together: Barrier) -> None:
        together.wait()
        write(who, "INFO")

    def answer(conversation_id: int, seen: service.Seen, together: Barrier) -> str:
        together.wait()
        known = KnownHelp([], {}, 180)
        try:
            with sessions.begin() as session:
                conversation = session.get_one(Conversation, conversation_id)
                service.answer(session, conversation, "At the station", by=by, seen=seen, vault=vault, known=known)
        except ChangedError:
            return "machine"
        return "member"

    with ThreadPoolExecutor(2) as threads:
        for race in range(races):
            who = f"+38067{race:07}"
            which = write(who, "Where can we sleep?")
            with sessions() as session:
                seen = service.seen_now(session, session.get_one(Conversation, which))
            together = Barrier(2)
            asked, answered = threads.submit(ask, who, together), threads.submit(answer, which, seen, together)
            asked.result()
            outcomes[answered.result()] += 1
    assert outcomes.total() == races
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == races
