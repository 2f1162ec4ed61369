"""While nobody is on duty, whoever writes is told where help is and when somebody reads again, and waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic.chosen_texts import find_chosen
from campaigns.inbox.automatic.off_duty import write_again
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Occasion
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Translation, TranslationState
from campaigns.staff.models import Role
from tests.factories import a_member, a_region, a_service
from tests.inbox.automatic.person import TEXTS, Person, a_person

pytestmark = pytest.mark.one_database

AGAIN = {"en": "We read from ((again)). ((emergency??Emergency number)).", "uk": "Знову: ((again))."}
NIGHT = {**TEXTS, Occasion.OFF_DUTY: AGAIN}
#: Duty hours of the settings are 8 to 20, here by UTC.
MIDNIGHT, NOON = datetime(2026, 3, 3, 0, 30, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
DANGER = "Help, he is beating me now"


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    return a_person(session, vault, occasions=NIGHT)


def write(person: Person, text: str, at: datetime) -> list[str]:
    """Let them write at a moment; return what they got for it."""
    before = len(person.reads())
    with clock.running_on(lambda: at):
        person.writes(text)
    return person.reads()[before:]


@pytest.mark.parametrize("text", ["where can we sleep with a child?", "HELP", DANGER])
def test_at_night_they_are_told_and_wait(person: Person, text: str) -> None:
    (told,) = write(person, text, MIDNIGHT)
    assert told.startswith("We read from 08:00")
    assert person.waits
    assert person.occasions() == [Occasion.OFF_DUTY]


def test_who_calls_for_help_is_told_what_is_said_by_day_where_the_night_has_no_text(person: Person) -> None:
    """An author changed the text of the night, and nobody has reviewed it yet."""
    message = find_chosen(person.session, person.organisation.id, Occasion.OFF_DUTY)
    assert message is not None
    changed = update(Translation).where(Translation.message_id == message.id)
    person.session.execute(changed.values(state=TranslationState.DRAFT))
    assert write(person, "HELP", MIDNIGHT) == ["In danger call 112."]
    assert person.waits
    assert write(person, "HELP", MIDNIGHT + timedelta(minutes=5)) == []
    assert write(person, "where can we sleep with a child?", MIDNIGHT + timedelta(minutes=9)) == []


def test_who_asks_something_behind_a_code_at_night_is_told_so(person: Person) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    (told,) = write(person, "MEDYKA I need a place to sleep", MIDNIGHT)
    assert told.startswith("We read from 08:00")
    (welcome,) = write(person, "MEDYKA and where can we eat?", MIDNIGHT + timedelta(minutes=9))
    assert welcome.startswith("Welcome.")
    assert person.waits


def test_by_day_a_person_answers(person: Person) -> None:
    assert write(person, "where can we sleep with a child?", NOON) == []
    assert write(person, "HELP", NOON + timedelta(minutes=5)) == ["In danger call 112."]


def test_they_are_told_once_in_a_night_but_for_danger(person: Person) -> None:
    assert len(write(person, "where can we sleep with a child?", MIDNIGHT)) == 1
    assert write(person, "please", MIDNIGHT + timedelta(minutes=10)) == []
    assert write(person, DANGER, MIDNIGHT + timedelta(minutes=20)) == []
    assert len(write(person, DANGER, MIDNIGHT + timedelta(minutes=70))) == 1
    assert write(person, DANGER, MIDNIGHT + timedelta(minutes=80)) == []
    assert person.waits


def test_whoever_got_much_by_itself_is_no_machine_at_night(person: Person) -> None:
    for minutes in range(3):
        write(person, "INFO", MIDNIGHT + timedelta(minutes=minutes))
    write(person, "where can we sleep with a child?", MIDNIGHT + timedelta(minutes=4))
    assert person.conversation is not None
    assert person.conversation.urgency > 0


def test_duty_of_the_night_ends_it(person: Person) -> None:
    responder = a_member(person.session, person.organisation, Role.RESPONDER)
    night = PlannedDuty("Night", range(7), 20 * 60, 8 * 60, (), [responder.id], None, [])
    add_duty(person.session, person.organisation.id, night, by=responder.id)
    assert write(person, "where can we sleep with a child?", MIDNIGHT) == []
    (told,) = write(person, "where can we sleep with a child?", NOON + timedelta(days=1))
    assert told.startswith("We read from 20:00")


def test_nothing_is_promised_by_a_roster_that_nobody_keeps(person: Person) -> None:
    responder = a_member(person.session, person.organisation, Role.RESPONDER)
    night = PlannedDuty("Night", range(7), 20 * 60, 8 * 60, (), [responder.id], None, [])
    add_duty(person.session, person.organisation.id, night, by=responder.id)
    responder.active = False
    person.session.flush()
    assert write(person, "where can we sleep with a child?", NOON) == []
    assert person.waits


def answer(person: Person, at: datetime) -> None:
    """Let a member answer at a moment."""
    conversation = person.conversation
    assert conversation is not None
    with clock.running_on(lambda: at):
        service.answer(
            person.session,
            conversation,
            "At the station.",
            by=person.member.id,
            seen=service.seen_now(person.session, conversation),
            vault=person.vault,
            known=KnownHelp([], {}, 180),
        )


@pytest.mark.both_databases
def test_member_who_has_just_written_is_not_interrupted(person: Person) -> None:
    write(person, "where can we sleep with a child?", NOON)
    answer(person, MIDNIGHT)
    assert write(person, "thank you, which platform?", MIDNIGHT + timedelta(minutes=2)) == []
    assert len(write(person, "is anybody there?", MIDNIGHT + timedelta(hours=1))) == 1


def test_person_who_has_just_written_themselves_is_told(person: Person) -> None:
    """A member has had them since noon; what they wrote minutes ago is no word of a member's."""
    write(person, "where can we sleep with a child?", NOON)
    answer(person, NOON + timedelta(minutes=5))
    assert len(write(person, "hello", MIDNIGHT)) == 1
    assert write(person, "please", MIDNIGHT + timedelta(minutes=68)) == []
    assert len(write(person, DANGER, MIDNIGHT + timedelta(minutes=70))) == 1


def test_call_for_help_minutes_after_the_end_of_duty_is_told(person: Person) -> None:
    write(person, "where can we sleep with a child?", NOON)
    answer(person, NOON + timedelta(minutes=5))
    end = NOON.replace(hour=20)
    assert write(person, "are you there?", end - timedelta(minutes=2)) == []
    assert len(write(person, "HELP", end + timedelta(minutes=2))) == 1


@pytest.mark.parametrize(("hours", "is_named"), [({}, True), ({"mon": [["09:00", "17:00"]]}, False)])
def test_closed_helpline_is_not_named_at_night(
    session: Session, vault: Vault, hours: dict[str, Any], is_named: bool
) -> None:
    text = {"en": "Help: ((hotline??emergency number)), emergency: ((emergency??emergency number))."}
    person = a_person(session, vault, occasions={Occasion.OFF_DUTY: text})
    facts = {"country": "UA", "number_national": "0 800 505 501", "number_from_abroad": "+380 44 205 36 94"}
    a_service(
        session, person.organisation, hours=hours, time_zone="Europe/Kyiv", verified_on=MIDNIGHT.date(), **facts
    )
    (told,) = write(person, "where can we sleep with a child?", MIDNIGHT)
    assert ("+380 44 205 36 94" in told) is is_named, told


@pytest.mark.parametrize(
    ("country", "abroad", "told"),
    [
        # Nobody knows where they are: their SIM may be roaming.
        (None, "+380 44 205 36 94", "Help: +380 44 205 36 94."),
        (None, None, "Help: 112."),
        ("UA", "+380 44 205 36 94", "Help: 527."),
        ("UA", None, "Help: 527."),
    ],
)
def test_short_number_is_named_only_to_whoever_is_known_to_be_at_home(
    session: Session, vault: Vault, country: str | None, abroad: str | None, told: str
) -> None:
    text = {"en": "Help: ((hotline??emergency number))."}
    person = a_person(session, vault, occasions={Occasion.OFF_DUTY: text})
    facts = {"country": "UA", "number_national": "527", "number_from_abroad": abroad}
    a_service(session, person.organisation, verified_on=MIDNIGHT.date(), **facts)
    write(person, "hello", NOON)
    if country is not None:
        person.contact.region_id = a_region(session, code="UA-46", country=country).id
    assert write(person, "where can we sleep with a child?", MIDNIGHT) == [told]


def test_moment_is_understood_in_every_language() -> None:
    assert write_again(MIDNIGHT + timedelta(hours=8), "Europe/Kyiv", now=MIDNIGHT) == "10:30"
    assert write_again(MIDNIGHT + timedelta(days=2), "Europe/Kyiv", now=MIDNIGHT) == "05.03. 02:30"
