"""What somebody writes is answered by itself: by a reviewed text, in their language, and never often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import AddressState, PositionSource
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.automatic.models import OpenQuestion
from campaigns.inbox.complaints.service import ReadBy, complain
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.lost_answers import put_back_lost
from campaigns.inbox.conversations.models import (
    Answer,
    Conversation,
    ConversationState,
    ConversationWord,
    Occasion,
)
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.places.geography.cells import cell_of
from campaigns.staff.models import Role
from tests.factories import a_member, a_region, a_service
from tests.inbox.automatic.person import TEXTS, Person, a_person

pytestmark = pytest.mark.one_database


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    return a_person(session, vault)


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = clock.now()
        monkeypatch.setattr(clock, "now", lambda: self.at)

    def go_on(self, **delta: float) -> None:
        self.at += timedelta(**delta)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.both_databases
def test_call_for_help_is_answered_at_once_and_waits_for_a_person(person: Person) -> None:
    person.writes("HELP")
    assert person.reads() == ["In danger call 112."]
    assert person.waits
    answer = person.session.scalars(select(Answer)).one()
    assert (answer.member_id, answer.occasion) == (None, Occasion.HELP)


def test_answer_is_in_the_language_they_write(person: Person) -> None:
    person.writes("ДОПОМОГА")
    assert person.reads() == ["У небезпеці телефонуйте 112."]


@pytest.mark.parametrize(
    ("known", "text", "spoken"),
    [
        *(("uk", "HELP", "uk"), ("uk", "help, please", "uk"), ("uk", "HELP, будь ласка", "uk")),
        *(("pl", "POMOC", "pl"), ("ru", "ДОПОМОГА", "uk"), ("uk", "help me", "en"), ("und", "HELP", "en")),
    ],
)
def test_english_keyword_says_nothing_of_a_language(person: Person, known: str, text: str, spoken: str) -> None:
    person.writes("Hello")
    person.contact.language = known
    person.writes(text)
    conversation = person.conversation
    assert conversation is not None
    assert conversation.language == spoken


def test_call_for_help_is_answered_in_the_language_of_the_contact(session: Session, vault: Vault) -> None:
    text = {"en": "In danger: ((hotline)).", "uk": "У небезпеці: ((hotline))."}
    person = a_person(session, vault, occasions={Occasion.HELP: text})
    for language, number in (("en", "+48 800 100 200"), ("uk", "+48 800 100 300")):
        facts = {"languages": [language], "number_from_abroad": number, "verified_on": clock.now().date()}
        a_service(session, person.organisation, **facts)
    person.writes("Hello", from_handle="+48600000001")
    person.contact.language = "uk"
    person.writes("HELP", from_handle="+48600000001")
    (read,) = person.reads()
    assert read == "У небезпеці: +48 800 100 300."


def test_english_keyword_is_answered_in_what_they_wrote_before(person: Person, time: Clock) -> None:
    person.writes("переїхала Novi")
    time.go_on(minutes=1)
    person.writes("HELP")
    assert person.reads()[1] == "У небезпеці телефонуйте 112."


def test_who_asks_what_this_is_needs_nobody(person: Person) -> None:
    person.writes("INFO")
    assert person.reads() == ["We tell you where it is safe."]
    assert not person.waits


def test_nothing_is_said_where_no_text_was_chosen(session: Session, vault: Vault) -> None:
    person = a_person(session, vault, occasions={})
    person.writes("INFO")
    assert person.reads() == []
    assert person.waits


@pytest.mark.parametrize("is_barred", [True, False])
def test_who_had_a_member_that_answers_no_more_is_answered_again(
    person: Person, time: Clock, is_barred: bool
) -> None:
    person.writes("where can we sleep?")
    conversation = person.conversation
    assert conversation is not None
    service.take(person.session, conversation, by=person.member.id)
    if is_barred:
        person.member.active = False
    else:
        person.member.memberships[0].roles = [Role.VIEWER]
    time.go_on(minutes=5)
    person.writes("HELP")
    assert person.reads() == ["In danger call 112."]
    assert person.waits


@pytest.mark.both_databases
def test_nothing_comes_between_a_person_and_whoever_reads_their_complaint(person: Person, time: Clock) -> None:
    """Who reads complaints need not be of those who answer."""
    person.writes("your helper asked me for money")
    conversation, reader = person.conversation, a_member(person.session, person.organisation, Role.VIEWER)
    assert conversation is not None
    complain(person.session, conversation, by=person.member.id, chosen=ReadBy(member_id=reader.id))
    service.take(person.session, conversation, by=reader.id)
    time.go_on(minutes=5)
    person.writes("INFO")
    assert person.reads() == []
    reader.active = False
    time.go_on(minutes=5)
    person.writes("HELP")
    assert person.reads() == ["In danger call 112."]


def test_question_is_left_to_the_team(person: Person) -> None:
    person.writes("where can we sleep with a child?")
    assert person.reads() == []
    assert person.waits


def test_provider_that_answers_help_itself_is_enough(person: Person) -> None:
    person.writes("HELP", raw={"OptOutType": "HELP"})
    assert person.reads() == []
    assert person.waits


@pytest.mark.parametrize("text", ["START", "YES", "JOIN"])
def test_provider_that_answers_a_start_itself_is_enough(person: Person, text: str) -> None:
    """Two messages at once may be two too many on a phone that somebody else holds."""
    person.writes("Hello")
    person.writes(text, raw={"OptOutType": "START"})
    assert person.reads() == []
    person.writes("INFO")
    assert person.reads() == [TEXTS[Occasion.INFO]["en"]]


def test_who_moved_is_told_what_is_there(person: Person) -> None:
    person.writes("MOVED Kraków")
    assert person.reads() == ["You are in Kraków, Poland."]
    assert (person.contact.cell, person.contact.position_source) == (
        cell_of(19.93658, 50.06143),
        PositionSource.TOLD_US,
    )
    assert not person.waits


@pytest.mark.both_databases
def test_one_of_several_places_is_asked_about_once(person: Person, time: Clock) -> None:
    person.writes("MOVED Novi")
    asked = person.session.scalars(select(OpenQuestion)).one()
    first = asked.choices[0]["shown"]
    assert person.reads()[0].splitlines()[:2] == ["Which place?", f"1 {first}"]
    assert len(asked.choices) == 3
    time.go_on(seconds=5)
    assert person.writes("٢").kind == ReplyKind.CHOICE
    assert person.reads()[1:] == [f"You are in {asked.choices[1]['shown']}."]
    assert person.contact.cell == asked.choices[1]["cell"]
    assert not person.waits
    time.go_on(minutes=2)
    person.writes("1")
    assert len(person.reads()) == 2
    assert person.waits


def test_place_that_nobody_knows_is_asked_for_once_and_read_by_a_person(person: Person, time: Clock) -> None:
    person.writes("MOVED Qqxzv")
    assert person.reads() == ["Which town is near?"]
    assert person.waits
    time.go_on(minutes=2)
    person.writes("MOVED Qqxzv")
    assert len(person.reads()) == 1


@pytest.mark.both_databases
def test_danger_beside_a_place_waits_for_a_person(person: Person) -> None:
    person.writes("I am in Kraków locked in")
    assert person.waits


@pytest.mark.both_databases
def test_joining_is_welcomed_once_in_a_month(person: Person, time: Clock) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", language="uk", by=None)
    person.writes("medyka")
    assert person.reads() == ["Вітаємо. Відмова: STOP"]
    assert not person.waits
    time.go_on(hours=2)
    person.writes("medyka")
    assert len(person.reads()) == 1
    time.go_on(days=31)
    person.writes("medyka")
    assert len(person.reads()) == 2


@pytest.mark.both_databases
def test_who_joins_is_asked_for_their_language(person: Person, time: Clock) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes("medyka")
    assert person.contact.language == "und"
    assert person.reads()[0].splitlines()[1:] == ["1 English", "2 українська"]
    time.go_on(seconds=5)
    person.writes("2.")
    assert person.contact.language == "uk"
    assert person.reads()[1].startswith("Вітаємо.")
    assert person.session.scalars(select(OpenQuestion)).all() == []


def test_who_joined_and_chose_a_language_is_answered_once_they_choose_a_place(person: Person) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    for text in ("medyka", "2", "переїхала Novi", "2"):
        person.writes(text)
    assert [text.partition(" ")[0] for text in person.reads()][2:] == ["Яке", "Ви"]
    assert not person.waits


def test_stop_ends_what_was_asked(person: Person) -> None:
    person.writes("MOVED Novi")
    person.writes("STOP")
    assert person.session.scalars(select(OpenQuestion)).all() == []
    person.writes("1")
    assert len(person.reads()) == 1


@pytest.mark.both_databases
def test_who_shares_where_they_are_is_told_what_there_is(person: Person, time: Clock) -> None:
    a_region(person.session)
    person.writes("INFO")
    time.go_on(minutes=1)
    person.writes("", location=(49.78, 22.77), happening=Happening.SHARED_LOCATION)
    assert person.reads()[-1] == "You are in Podkarpackie Voivodeship."
    assert not person.waits


def test_place_of_a_stranger_that_nothing_answers_waits_for_the_team(person: Person) -> None:
    """Who sends where they are and nothing else may have no time for words."""
    street = "Hauptstrasse 7, second floor"
    person.writes(street, location=(0.0, 0.0), happening=Happening.SHARED_LOCATION)
    assert person.reads() == []
    conversation = person.conversation
    assert person.waits
    assert conversation is not None
    assert (conversation.state, conversation.urgency) == (ConversationState.NEW, Urgency.DAY)
    assert person.session.scalars(select(ConversationWord)).all() == []


@pytest.mark.both_databases
def test_who_opted_out_is_answered_by_people_only(person: Person, time: Clock) -> None:
    person.writes("STOP")
    time.go_on(minutes=5)
    person.writes("HELP")
    assert person.reads() == []
    assert person.waits


def test_nothing_comes_between_a_member_and_a_person(person: Person, time: Clock) -> None:
    person.writes("where can we sleep?")
    conversation = person.conversation
    assert conversation is not None
    service.take(person.session, conversation, by=person.member.id)
    time.go_on(minutes=5)
    person.writes("INFO")
    assert person.reads() == []
    assert person.waits


@pytest.mark.both_databases
@pytest.mark.parametrize(("word", "minutes"), [("INFO", 0.4), ("HELP", 59)])
def test_same_is_not_answered_twice(person: Person, time: Clock, word: str, minutes: float) -> None:
    person.writes(word)
    time.go_on(minutes=minutes)
    person.writes(word)
    assert len(person.reads()) == 1
    time.go_on(minutes=2)
    person.writes(word)
    assert len(person.reads()) == 2


def test_call_for_help_is_answered_after_everything_else(person: Person, time: Clock) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    for word in ("medyka", "2", "MOVED Kraków", "INFO", "HELP"):
        person.writes(word)
        time.go_on(seconds=4)
    assert person.occasions() == [Occasion.WELCOME, Occasion.WELCOME, Occasion.MOVED, Occasion.HELP]


def test_machine_that_asks_on_and_on_gets_three_answers(person: Person, time: Clock) -> None:
    for _ in range(20):
        person.writes("INFO")
        time.go_on(seconds=40)
    assert len(person.reads()) == 3
    conversation = person.conversation
    assert conversation is not None
    assert conversation.urgency == Urgency.MACHINE
    for _ in range(40):
        person.writes("INFO")
        time.go_on(minutes=30)
    assert len(person.reads()) <= 10


def test_call_for_help_is_never_taken_for_a_machine(person: Person, time: Clock) -> None:
    for _ in range(6):
        person.writes("HELP")
        time.go_on(seconds=40)
    conversation = person.conversation
    assert conversation is not None
    assert conversation.urgency >= Urgency.DAY


def test_what_reaches_us_hours_late_is_for_a_person(person: Person) -> None:
    person.writes("HELP", received_at=clock.now() - timedelta(hours=2))
    assert person.reads() == []
    assert person.waits


def test_failure_of_an_answer_costs_no_message(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("campaigns.inbox.automatic.sayings.queue_answer", fail)
    person.writes("HELP")
    assert person.reads() == []
    assert person.waits


def test_answer_is_of_no_use_an_hour_later(person: Person) -> None:
    person.writes("INFO")
    delivery = person.session.scalars(select(Delivery)).one()
    assert timedelta(minutes=59) < delivery.expires_at - delivery.due_at <= timedelta(hours=1)


def test_stop_takes_an_automatic_answer_back(person: Person) -> None:
    person.writes("INFO")
    person.writes("STOP")
    assert person.session.scalars(select(Delivery.send_state)).one() == "suppressed"
    assert person.contact.addresses[0].state == AddressState.OPTED_OUT


def test_number_is_answered_in_the_language_they_wrote_before(person: Person) -> None:
    person.writes("переїхала Novi")
    person.writes("2")
    assert person.reads()[1].startswith("Ви тут:")


def test_phone_that_was_called_dead_lives_when_it_calls_for_help(person: Person) -> None:
    person.writes("INFO")
    address = person.contact.addresses[0]
    address.state = AddressState.INVALID
    person.session.flush()
    person.writes("HELP")
    assert person.reads()[1:] == ["In danger call 112."]


@pytest.mark.both_databases
def test_who_got_no_answer_to_what_they_asked_waits_for_the_team(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault, occasions=TEXTS)
        person.writes("INFO")
        assert (len(person.reads()), person.waits) == (1, False)
        session.execute(update(Delivery).values(send_state=SendState.FAILED))
    assert (put_back_lost(sessions), put_back_lost(sessions)) == (1, 0)
    with sessions() as session:
        assert session.scalars(select(Conversation.waiting_since)).one() is not None


@pytest.mark.one_database
def test_sign_that_says_no_beside_a_word_is_answered_by_no_machine(session: Session, vault: Vault) -> None:
    person = a_person(session, vault, occasions=TEXTS)
    person.writes("INFO 🛑")
    assert (person.reads(), person.waits) == ([], True)
