"""A conversation is offered once, decided on once, comes back when nobody acts, and is confirmed by its code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation, ConversationState, ConversationTag, Outcome
from campaigns.inbox.handing_over import queries, returning, service
from campaigns.inbox.handing_over.models import IS_OPEN, IS_UNDECIDED, HandOver, OfferState
from campaigns.inbox.handing_over.service import Confirmed, Extract, Field
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import COMPLAINT
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import a_member, an_organisation
from tests.inbox.automatic.person import Person, a_person

pytestmark = pytest.mark.one_database

SUMMARY = "A woman with a child needs a bed tonight."


@dataclass
class Desks:
    """Somebody who was answered, and two organisations that may act."""

    person: Person
    partner: Organisation
    worker: Member
    vault: Vault

    @property
    def session(self) -> Session:
        return self.person.session

    @property
    def conversation(self) -> Conversation:
        return self.session.scalars(select(Conversation)).one()

    def offer(self, **changes: object) -> HandOver:
        facts: dict[str, object] = {
            "receiver_id": self.partner.id,
            "summary": SUMMARY,
            "consent": "Yes, please ask them.",
            "fields": list(Field),
        }
        offered = Extract(**facts | changes)  # type: ignore[arg-type]
        by = self.person.member.id
        return service.offer(self.session, self.conversation, offered, by=by, vault=self.vault)

    def answer(self) -> None:
        conversations.take(self.session, self.conversation, by=self.person.member.id)
        conversation = self.conversation
        conversation.state, conversation.waiting_since = ConversationState.ANSWERED, None
        self.session.flush()


@pytest.fixture
def desks(session: Session, vault: Vault) -> Desks:
    person = a_person(session, vault, occasions={})
    partner = an_organisation(session, name="Shelter", slug="shelter")
    person.writes("Where can we sleep with a child?")
    return Desks(person, partner, a_member(session, partner, Role.RESPONDER, email="worker@example.org"), vault)


def test_receiver_sees_what_was_ticked_and_written(desks: Desks) -> None:
    made = desks.offer(fields=[Field.TOPICS])
    seen = queries.get_seen(desks.session, made.id, desks.partner.id)
    told = queries.open_words(seen, desks.vault)
    assert (told.summary, told.consent) == (SUMMARY, "Yes, please ask them.")
    assert (seen.language, seen.region_code, seen.topics) == (None, None, ["need_shelter"])


def test_receiver_is_not_told_that_they_may_complain_about_us(desks: Desks) -> None:
    desks.person.writes("I want to complain about you")
    tags = set(desks.session.scalars(select(ConversationTag.tag)))
    assert tags == {"need_shelter", COMPLAINT}
    assert desks.offer().topics == ["need_shelter"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"consent": "  "}, "Write what they answered when you asked them."),
        ({"summary": " "}, "Write in your own words what the receiver has to know."),
        ({"summary": "Call her at +380 67 000 00 01"}, "numbers of people are not passed on"),
        ({"consent": "Yes, call me at +380 67 000 00 01"}, "numbers of people are not passed on"),
        ({"summary": "x" * 2_001}, "Write at most 2000 characters."),
    ],
)
def test_offer_without_what_it_must_have_is_refused(desks: Desks, changes: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said.replace("+", r"\+")):
        desks.offer(**changes)
    assert desks.session.scalars(select(HandOver)).all() == []


def test_nothing_is_offered_to_oneself_or_to_nobody(desks: Desks) -> None:
    with pytest.raises(InputError):
        desks.offer(receiver_id=desks.person.organisation.id)
    with pytest.raises(NotFoundError):
        desks.offer(receiver_id=10**9)


def test_conversation_is_offered_to_one_at_a_time(desks: Desks) -> None:
    desks.offer()
    with pytest.raises(TransitionError, match="offered to somebody already"):
        desks.offer()


def test_offer_is_accepted_once_and_confirmed_by_its_code(desks: Desks) -> None:
    made = desks.offer()
    service.accept(desks.session, made, by=desks.worker.id)
    with pytest.raises(TransitionError, match="decided on this offer already"):
        service.accept(desks.session, made, by=desks.worker.id)
    spoken = f" {made.code[:3]}-{made.code[3:]} "
    service.confirm(desks.session, desks.partner.id, spoken, Confirmed.CAME, by=desks.worker.id)
    assert made.came_at
    assert not made.helped_at
    service.confirm(desks.session, desks.partner.id, made.code, Confirmed.HELPED, by=desks.worker.id)
    assert made.helped_at
    with pytest.raises(TransitionError, match="confirmed already"):
        service.confirm(desks.session, desks.partner.id, made.code, Confirmed.HELPED, by=desks.worker.id)


def test_code_is_of_no_use_to_others_or_before_it_is_accepted(desks: Desks) -> None:
    made = desks.offer()
    for organisation_id in (desks.partner.id, desks.person.organisation.id):
        with pytest.raises(NotFoundError, match="Nobody with this code"):
            service.confirm(desks.session, organisation_id, made.code, Confirmed.CAME, by=desks.worker.id)


def test_declined_offer_comes_back_with_its_reason(desks: Desks) -> None:
    desks.answer()
    made = desks.offer()
    service.decline(desks.session, made, "We are full.", by=desks.worker.id, vault=desks.vault)
    desks.session.expire_all()
    conversation = desks.conversation
    assert (made.state, conversation.state) == (OfferState.DECLINED, ConversationState.OPEN)
    assert conversation.waiting_since is not None
    first = conversation.reasons[0]
    assert (first["heading"], first["phrase"]) == ("came_back", "Shelter")
    assert queries.open_words(made, desks.vault).reason == "We are full."
    with pytest.raises(NotFoundError):
        queries.get_seen(desks.session, made.id, desks.partner.id)
    assert desks.offer().state == OfferState.OFFERED


@pytest.mark.parametrize(("urgency", "hours"), [(Urgency.DANGER, 1), (Urgency.QUESTION, 24)])
def test_offer_on_which_nobody_decides_comes_back(desks: Desks, urgency: Urgency, hours: int) -> None:
    desks.answer()
    desks.conversation.urgency = urgency
    made = desks.offer()
    assert returning.lapse(desks.session, now=made.offered_at + timedelta(hours=hours, seconds=-1)) == 0
    assert returning.lapse(desks.session, now=made.offered_at + timedelta(hours=hours)) == 1
    desks.session.expire_all()
    assert made.state == OfferState.LAPSED
    assert desks.conversation.waiting_since is not None


def test_too_late_is_too_late(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desks.offer()
    later = made.due_at
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(TransitionError, match="too late"):
        service.accept(desks.session, made, by=desks.worker.id)


@pytest.mark.parametrize("state", OfferState)
def test_rows_say_of_a_state_what_their_indexes_say(state: OfferState) -> None:
    handed = HandOver(state=state)
    assert (handed.is_open, handed.is_undecided) == (f"'{state}'" in IS_OPEN, f"'{state}'" in IS_UNDECIDED)


def test_offer_that_is_taken_back_is_seen_no_more(desks: Desks) -> None:
    made = desks.offer()
    service.accept(desks.session, made, by=desks.worker.id)
    service.take_back(desks.session, made, by=desks.person.member.id)
    assert queries.load_received(desks.session, desks.partner.id, desks.worker.id) == []
    with pytest.raises(TransitionError):
        service.take_back(desks.session, made, by=desks.person.member.id)


@pytest.mark.parametrize("is_helped", [False, True])
def test_whoever_was_closed_as_handed_over_waits_once_the_offer_is_taken_back(
    desks: Desks, is_helped: bool
) -> None:
    """Neither of the two would act any more, unless they were helped there."""
    made, by = desks.offer(), desks.person.member.id
    service.accept(desks.session, made, by=desks.worker.id)
    if is_helped:
        service.confirm(desks.session, desks.partner.id, made.code, Confirmed.HELPED, by=desks.worker.id)
    seen = conversations.seen_now(desks.session, desks.conversation)
    conversations.close(desks.session, desks.conversation, Outcome.HANDED_OVER, by=by, seen=seen)
    service.take_back(desks.session, made, by=by)
    desks.session.expire_all()
    waits = desks.conversation.waiting_since is not None
    assert (waits, desks.conversation.state == ConversationState.CLOSED) == (not is_helped, is_helped)


def test_third_organisation_sees_nothing(desks: Desks) -> None:
    made, third = desks.offer(), an_organisation(desks.session, name="Third", slug="third")
    with pytest.raises(NotFoundError):
        queries.get_seen(desks.session, made.id, third.id)
