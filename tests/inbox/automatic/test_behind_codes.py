"""What stands behind a joining code, or on another line, is read as if it stood alone."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import AddressState, PositionSource
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.incoming import questions
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from tests.inbox.automatic.person import Person, a_person

pytestmark = pytest.mark.one_database


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    return a_person(session, vault)


def joins(person: Person) -> None:
    """Let them be known."""
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes("MEDYKA")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("MEDYKA help", "In danger call 112."),
        ("MEDYKA\nHELP", "In danger call 112."),
        ("MEDYKA ДОПОМОГА", "У небезпеці телефонуйте 112."),
        ("MEDYKA I need a place to sleep", "Welcome. "),
    ],
)
def test_who_asks_something_behind_a_code_is_answered_and_waits(person: Person, text: str, answer: str) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes(text)
    (read,) = person.reads()
    assert read.startswith(answer)
    assert person.contact.addresses[0].state == AddressState.ACTIVE
    assert person.waits


def test_place_behind_a_code_is_noted(person: Person) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes("MEDYKA, I moved to Kraków")
    assert person.reads() == ["You are in Kraków, Poland."]
    assert person.contact.position_source == PositionSource.TOLD_US


def test_number_behind_a_code_chooses_nothing(person: Person) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes("MOVED Novi")
    assert person.writes("MEDYKA 2").kind == ReplyKind.TEXT
    assert person.contact.cell is None
    assert person.waits


@pytest.mark.parametrize(("text", "kind"), [("STOP\nHELP", ReplyKind.STOP), ("START\nHELP", ReplyKind.START)])
def test_call_for_help_on_another_line_waits(person: Person, text: str, kind: ReplyKind) -> None:
    assert person.writes(text).kind == kind
    assert person.waits
    conversation = person.conversation
    assert conversation is not None
    assert conversation.urgency == Urgency.DAY


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("START\nwhere can I sleep?", ReplyKind.START),
        ("INFO\nwhere can I sleep?", ReplyKind.INFO),
        ("MOVED Kraków\nwhere can I sleep?", ReplyKind.MOVED),
        # Only the first of these is done.
        ("INFO\nMOVED Kraków", ReplyKind.INFO),
        ("START\nmoved to warsaw hungry children", ReplyKind.START),
        ("START\nINFO", ReplyKind.START),
    ],
)
def test_question_on_another_line_waits(person: Person, text: str, kind: ReplyKind, is_known: bool) -> None:
    if is_known:
        joins(person)
    assert person.writes(text).kind == kind
    assert person.waits


@pytest.mark.parametrize("text", ["HELP\n🙏", "🙏🙏\nHELP", "HELP\n...", "допоможіть\n❤️"])
def test_call_for_help_with_a_line_of_signs_is_answered_and_waits(person: Person, text: str) -> None:
    assert person.writes(text).kind == ReplyKind.HELP
    assert person.waits
    (read,) = person.reads()
    assert "112" in read


@pytest.mark.parametrize(
    ("text", "kind", "waits"), [("HELP", ReplyKind.HELP, True), ("STOP\nplease", ReplyKind.STOP, False)]
)
def test_message_that_cannot_be_judged_is_kept_and_done(
    person: Person, monkeypatch: pytest.MonkeyPatch, text: str, kind: ReplyKind, waits: bool
) -> None:
    joins(person)
    monkeypatch.setattr(questions, "judge", Mock(side_effect=LookupError("damaged")))
    assert person.writes(text).kind == kind
    assert person.waits == waits
    assert (person.contact.addresses[0].state == AddressState.OPTED_OUT) is (kind is ReplyKind.STOP)


@pytest.mark.parametrize(
    "text",
    [
        *("START\nthank you", "INFO\nplease", "START\n\nSent from my phone", "MOVED Kraków"),
        *("Добрий день\nINFO", "Hello\nSTART", "Dobry wieczór\nINFO", "السلام عليكم\nINFO", "INFO\nhi, please"),
        *("START\n🙏", "INFO\n❤️", "INFO\nthanks 👍"),
        *("INFO\nEnviado desde mi iPhone", "INFO\nInviato da iPhone"),
    ],
)
def test_courtesy_on_another_line_waits_for_nobody(person: Person, text: str) -> None:
    joins(person)
    person.writes(text)
    assert not person.waits


@pytest.mark.parametrize("text", ["START", "join", "START\nthank you", "старт"])
def test_start_of_somebody_unknown_waits(person: Person, text: str) -> None:
    """It brings them no messages, as a code does; so they hear from somebody."""
    assert person.writes(text).kind == ReplyKind.START
    assert person.waits


@pytest.mark.parametrize(
    "text",
    [
        *(
            "START\nno",
            "START\nnever",
            "START\n❌",
            "START\n🚫 messages",
            "START\n---\nSTOP",
            "START\n---\nwhere to sleep",
        ),
        *("START 🛑", "🛑 START", "START 🚫", "START⛔", "START 🔕", "START\nVon meinem Vermieter rausgeworfen"),
        *("START ❌", "START 👎", "✋ START"),
    ],
)
def test_start_beside_anything_else_lifts_no_stop(person: Person, text: str) -> None:
    joins(person)
    person.writes("STOP")
    person.writes(text)
    before = person.contact.addresses[0].state
    person.writes("START\nthanks")
    assert (before == AddressState.ACTIVE, person.contact.addresses[0].state) == (False, AddressState.ACTIVE)


@pytest.mark.parametrize(
    "text",
    [
        "INFO\n---\nWe are three and have no food",
        "INFO\nSent from the hostel, no bed for us",
        "INFO\nVon meinem Mann rausgeworfen",
    ],
)
def test_what_only_seems_to_be_a_signature_waits(person: Person, text: str) -> None:
    joins(person)
    person.writes(text)
    assert person.waits
