"""Whoever asked five days ago and was answered by nobody is told once, by day, where nobody else reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic import still_waiting
from campaigns.inbox.automatic.still_waiting import AFTER, StillWaiting, tell
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationTag, Occasion
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.policy import USUAL
from tests.inbox.automatic.person import TEXTS, Person, a_person

pytestmark = pytest.mark.one_database

LATER = {"en": "No answer yet. In danger: ((emergency??emergency number)).", "uk": "Ще немає відповіді."}
ASKED = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUESTION = "where can we sleep tonight?"
DUE = ASKED + AFTER


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    person = a_person(session, vault, occasions={**TEXTS, Occasion.STILL_WAITING: LATER})
    with clock.running_on(lambda: ASKED):
        person.writes(QUESTION)
    return person


def told(person: Person, at: datetime) -> list[str]:
    """Return what they are told by a look at a moment."""
    before, conversation = len(person.reads()), person.conversation
    assert conversation is not None
    with clock.running_on(lambda: at):
        tell(person.session, conversation.id, policy=USUAL, vault=person.vault)
    return person.reads()[before:]


@pytest.mark.both_databases
def test_they_are_told_once_and_wait(person: Person) -> None:
    assert told(person, DUE - timedelta(seconds=1)) == []
    assert told(person, DUE) == ["No answer yet. In danger: 112."]
    assert told(person, DUE + timedelta(days=9)) == []
    assert person.waits
    assert person.occasions() == [Occasion.STILL_WAITING]


def test_whoever_asks_anew_after_an_answer_is_told_again(person: Person) -> None:
    told(person, DUE)
    assert person.conversation is not None
    person.conversation.waiting_since = person.conversation.urgent_since = DUE + timedelta(days=1)
    assert told(person, DUE + timedelta(days=5)) == []
    assert len(told(person, DUE + timedelta(days=6))) == 1


def opt_out(person: Person) -> None:
    with clock.running_on(lambda: ASKED + timedelta(days=1)):
        person.writes("STOP")


def come_back(person: Person) -> None:
    opt_out(person)
    with clock.running_on(lambda: ASKED + timedelta(days=2)):
        person.writes("START")


def tell_of_danger(person: Person) -> None:
    assert person.conversation is not None
    person.session.add(ConversationTag(conversation_id=person.conversation.id, tag="urgent_violence"))


def answer(person: Person) -> None:
    assert person.conversation is not None
    person.conversation.waiting_since = person.conversation.urgent_since = None


def put_off(person: Person) -> None:
    assert person.conversation is not None
    person.conversation.snoozed_until = DUE + timedelta(days=1)


def change(person: Person, model: type[Any], **values: Any) -> None:
    person.session.execute(update(model).values(**values))


def leave_whatsapp(person: Person) -> None:
    change(person, Address, channel=Channel.WHATSAPP)
    change(person, Conversation, channel=Channel.WHATSAPP)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "happens",
    [
        opt_out,
        come_back,
        tell_of_danger,
        answer,
        put_off,
        lambda person: change(person, Address, state=AddressState.HELD),
        lambda person: change(person, Address, is_shared=True),
        # Its 24 hours are over.
        leave_whatsapp,
    ],
    ids=["stop", "stop and start", "danger", "answered", "put off", "hold", "shared phone", "whatsapp"],
)
def test_nobody_is_told_whom_it_may_hurt_or_who_does_not_wait(
    person: Person, happens: Callable[[Person], object]
) -> None:
    happens(person)
    person.session.flush()
    person.session.expire_all()
    assert told(person, DUE) == []


@pytest.mark.parametrize("urgency", [Urgency.DANGER, Urgency.DAY, Urgency.OTHER, Urgency.MACHINE])
def test_others_have_other_steps(person: Person, urgency: Urgency) -> None:
    assert person.conversation is not None
    person.conversation.urgency = urgency
    assert told(person, DUE) == []


def test_without_a_text_nothing_is_said(session: Session, vault: Vault) -> None:
    person = a_person(session, vault, occasions=TEXTS)
    with clock.running_on(lambda: ASKED):
        person.writes(QUESTION)
    assert told(person, DUE) == []


def test_worker_wakes_nobody_at_night(sessions: sessionmaker[Session], vault: Vault, engine: Engine) -> None:
    with sessions.begin() as session, clock.running_on(lambda: ASKED):
        person = a_person(session, vault, occasions={Occasion.STILL_WAITING: LATER})
        person.writes(QUESTION)
        change(person, Contact, time_zone="Europe/Kyiv")

    def look(at: datetime) -> int:
        with clock.running_on(lambda: at):
            return StillWaiting(sessions, USUAL, vault).look()

    night = DUE.replace(hour=23)
    assert look(DUE - timedelta(minutes=1)) == 0
    assert look(night) == 0
    assert look(night + timedelta(hours=12)) == 1
    assert look(night + timedelta(hours=12)) == 0
    with sessions() as session:
        assert session.scalars(select(Answer.occasion)).all() == [Occasion.STILL_WAITING]


@pytest.mark.parametrize(("tried", "looks"), [(9, [2, 1, 0]), (2, [0, 1, 2, 0])])
def test_who_cannot_be_told_holds_nobody_up(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch, tried: int, looks: list[int]
) -> None:
    monkeypatch.setattr(still_waiting, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(still_waiting, "MOST_TRIED", tried)
    with sessions.begin() as session, clock.running_on(lambda: ASKED):
        person = a_person(session, vault, occasions={Occasion.STILL_WAITING: LATER})
        for number in range(6):
            person.writes(QUESTION, from_handle=f"+38067000010{number}")
        # No sender of the organisation writes to the first three.
        for model, key in ((Conversation, Conversation.contact_id), (Address, Address.contact_id)):
            first = select(Contact.id).order_by(Contact.id).limit(3)
            session.execute(update(model).where(key.in_(first)).values(channel=Channel.TELEGRAM))
    # By day in the country of their numbers.
    watch = StillWaiting(sessions, USUAL, vault)
    with clock.running_on(lambda: DUE):
        assert [watch.look() for _look in looks] == looks
