"""However many answer at the same moment, one answer leaves, and everybody else is told why theirs did not."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import ChangedError, RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Answer, Conversation, Draft
from campaigns.inbox.incoming.receivers import Account
from campaigns.inbox.service import receive_inbound
from campaigns.messages.help_numbers import KnownHelp
from tests.factories import a_member, a_sender, an_organisation

OURS = "+48500100100"
RACES = [20, pytest.param(1_000, marks=pytest.mark.slow)]
_numbers = count(1)


def ask(sessions: sessionmaker[Session], vault: Vault, account: Account, who: str, text: str = "Where?") -> int:
    with sessions.begin() as session:
        inbound = Inbound(f"SM{next(_numbers):032}", who, OURS, text, "sms")
        reply = receive_inbound(session, inbound, vault, account=account)
        assert reply is not None
        found = select(Conversation.id).where(Conversation.contact_id == reply.contact_id)
        return session.scalars(found).one()


def an_account(sessions: sessionmaker[Session]) -> tuple[Account, list[int]]:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        a_sender(session, organisation_id=organisation.id, identity=OURS)
        members = [a_member(session, organisation, email=f"{name}@example.org").id for name in ("one", "two")]
        return Account("twilio", "AC0", (), frozenset({organisation.id})), members


@pytest.mark.parametrize("races", RACES)
def test_one_of_two_answers_leaves(sessions: sessionmaker[Session], vault: Vault, races: int) -> None:
    account, members = an_account(sessions)
    outcomes: Counter[str] = Counter()

    def answer(conversation_id: int, seen: service.Seen, by: int, together: Barrier) -> str:
        together.wait()
        words = f"Answer of {by}"
        try:
            with sessions.begin() as session:
                conversation = session.get_one(Conversation, conversation_id)
                known = KnownHelp([], {}, 180)
                service.answer(session, conversation, words, by=by, seen=seen, vault=vault, known=known)
        except ChangedError:
            with sessions.begin() as session:
                service.keep_draft(
                    session, session.get_one(Conversation, conversation_id), words, by=by, vault=vault
                )
            return "told"
        return "sent"

    with ThreadPoolExecutor(2) as threads:
        for race in range(races):
            which = ask(sessions, vault, account, f"+38067{race:07}")
            with sessions() as session:
                seen = service.seen_now(session, session.get_one(Conversation, which))
            together = Barrier(2)
            both = [threads.submit(answer, which, seen, by, together) for by in members]
            outcomes += Counter(future.result() for future in both)
    assert outcomes == {"sent": races, "told": races}
    with sessions() as session:
        for table in (Delivery, Answer, Draft):
            assert session.scalar(select(func.count()).select_from(table)) == races


@pytest.mark.parametrize("races", RACES)
def test_stop_beside_an_answer_closes_it_or_refuses_it(
    sessions: sessionmaker[Session], vault: Vault, races: int
) -> None:
    account, [by, _] = an_account(sessions)

    def answer(conversation_id: int, seen: service.Seen, together: Barrier) -> None:
        together.wait()
        with sessions.begin() as session:
            conversation = session.get_one(Conversation, conversation_id)
            known = KnownHelp([], {}, 180)
            service.answer(session, conversation, "At the station", by=by, seen=seen, vault=vault, known=known)

    def stop(who: str, together: Barrier) -> None:
        together.wait()
        ask(sessions, vault, account, who, "STOP")

    with ThreadPoolExecutor(2) as threads:
        for race in range(races):
            who = f"+38067{race:07}"
            which = ask(sessions, vault, account, who)
            with sessions() as session:
                seen = service.seen_now(session, session.get_one(Conversation, which))
            together = Barrier(2)
            answered, stopped = threads.submit(answer, which, seen, together), threads.submit(stop, who, together)
            stopped.result()
            assert isinstance(answered.exception(), RefusedError | None)
    with sessions() as session:
        assert SendState.QUEUED not in session.scalars(select(Delivery.send_state)).all()
