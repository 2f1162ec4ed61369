"""A helpline that was named, and what a partner confirmed, are counted by conversation, each with who says so."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Occasion
from campaigns.inbox.handing_over import service
from campaigns.inbox.handing_over.service import Confirmed, Extract
from campaigns.messages.queries import load_help
from campaigns.reach.results.conversation_steps import COUNTED_FOR, ConversationSteps, load_steps
from campaigns.staff.models import Role
from tests.factories import a_member, a_service, an_organisation
from tests.inbox.automatic.person import Person, a_person


def steps_of(person: Person, later: timedelta = timedelta(0)) -> ConversationSteps:
    return load_steps(person.session, person.organisation.id, now=clock.now() + later)


def accept_all(session: Session) -> None:
    session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    session.expire_all()


def test_each_step_has_its_source(session: Session, vault: Vault) -> None:
    person = a_person(session, vault, occasions={Occasion.HELP: {"en": "Call ((hotline))."}})
    today = clock.now().date()
    a_service(session, person.organisation, country="UA", verified_on=today, languages=["en", "uk"])
    assert steps_of(person).is_empty
    person.writes("HELP")
    accept_all(session)
    assert steps_of(person) == ConversationSteps(0, 1, 0, 0)
    conversation = person.conversation
    assert conversation is not None
    known = load_help(session, person.organisation.id, fresh_days=180)
    for words in ("Call +48 22 628 01 20", "Again: +48 22 628 01 20"):
        seen = conversations.seen_now(session, conversation)
        by = person.member.id
        conversations.answer(session, conversation, words, by=by, seen=seen, vault=vault, known=known)
    # Nobody has it before the provider took it.
    assert steps_of(person) == ConversationSteps(0, 1, 0, 0)
    accept_all(session)
    assert steps_of(person) == ConversationSteps(1, 1, 0, 0)
    partner = an_organisation(session, name="Shelter", slug="shelter")
    worker = a_member(session, partner, Role.RESPONDER, email="worker@example.org").id
    extract = Extract(partner.id, "A bed tonight.", "Yes.")
    made = service.offer(session, conversation, extract, by=person.member.id, vault=vault)
    service.accept(session, made, by=worker)
    service.confirm(session, partner.id, made.code, Confirmed.HELPED, by=worker)
    assert steps_of(person) == ConversationSteps(1, 1, 1, 1)
    assert load_steps(session, partner.id, now=clock.now()).is_empty
    assert steps_of(person, COUNTED_FOR).is_empty
