"""People join by pressing Start or sending a code, and by that alone who said stop comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point, take_down
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    Contact,
    EntryPoint,
    SuppressedAddress,
)
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.service import receive_inbound
from campaigns.inbox.urgency.levels import Urgency
from campaigns.places.geography.cells import cell_of
from campaigns.staff.models import AuditEntry, Organisation
from tests.factories import a_place, a_region, a_sender, an_organisation
from tests.inbox.builders import BOT, CHAT, came_over, on_telegram, receive

pytestmark = pytest.mark.one_database

NUMBER = "+380501234567"


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def entry_point(session: Session, organisation: Organisation) -> EntryPoint:
    region = a_region(session, code="PL-06", name="Lubelskie")
    place = a_place(session, organisation, region_id=region.id)
    return create_entry_point(session, organisation.id, name="Gate", code="Medyka", place_id=place.id, by=None)


def started(provider_id: str = "1", **changes: Any) -> Inbound:
    return on_telegram(Happening.STARTED, provider_id, **changes)


def wrote(text: str, provider_id: str = "1", **changes: Any) -> Inbound:
    values = {"from_handle": NUMBER, "to_handle": "+15005550006", "channel": "sms"}
    return Inbound(provider_id=provider_id, text=text, **values | changes)


def the_address(session: Session) -> Address:
    return session.scalars(select(Address)).one()


def waits(session: Session) -> bool:
    return session.scalar(select(Conversation.waiting_since)) is not None


def test_start_with_a_code_joins(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    both = [an_organisation(session).id, entry_point.organisation_id]
    account = came_over(session, "telegram", name=BOT, owners=both)
    reply = receive(session, vault, started(payload="medyka", language="uk"), account=account)
    address = the_address(session)
    contact = address.contact
    assert (reply.kind, reply.organisation_id) == (ReplyKind.JOIN, entry_point.organisation_id)
    assert (address.state, address.country, address.heard_at) == (AddressState.ACTIVE, None, reply.received_at)
    assert vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id) == CHAT
    assert (contact.language, contact.position_source) == ("uk", "entry_point")
    assert contact.cell == cell_of(22.94, 49.8)
    ledger = session.scalars(select(Consent)).one()
    assert (ledger.method, ledger.wording) == ("telegram_start", "entry point Medyka, join 1")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("channel", "handle", "country"),
    [("sms", NUMBER, "UA"), ("whatsapp", NUMBER, "UA"), ("whatsapp", "UA.a1B2", "UA")],
)
def test_code_in_a_message_joins(
    session: Session, vault: Vault, entry_point: EntryPoint, channel: str, handle: str, country: str
) -> None:
    reply = receive(session, vault, wrote("MEDYKA!", channel=channel, from_handle=handle))
    address = the_address(session)
    assert reply.kind == ReplyKind.JOIN
    assert (address.channel, address.country, address.contact.language) == (channel, country, UNKNOWN_LANGUAGE)
    assert session.scalars(select(Consent.method)).one() == "keyword"
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.detail) == ("reply.join", {"method": "keyword", "entry_point": entry_point.id})


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("set_up", "said", "expected"),
    [("ar", "uk", "ar"), (None, "zz", UNKNOWN_LANGUAGE), (None, "", UNKNOWN_LANGUAGE)],
)
def test_language_is_the_entry_points_first(
    session: Session, vault: Vault, entry_point: EntryPoint, set_up: str | None, said: str, expected: str
) -> None:
    entry_point.language = set_up
    session.flush()
    receive(session, vault, started(payload="Medyka", language=said))
    assert session.scalars(select(Contact.language)).one() == expected


@pytest.mark.both_databases
def test_joining_again_only_refreshes(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    receive(session, vault, started("1", payload="Medyka", language="uk"))
    receive(session, vault, started("2", payload="Medyka", language="pl"))
    assert the_address(session).contact.language == "uk"
    assert len(session.scalars(select(Consent)).all()) == 2


@pytest.mark.parametrize("no", ["STOP", "leave me alone"])
@pytest.mark.parametrize("yes", ["MEDYKA", "join MEDYKA", "START", "join"])
def test_code_and_start_lift_a_stop_and_a_hold(
    session: Session, vault: Vault, entry_point: EntryPoint, no: str, yes: str
) -> None:
    receive(session, vault, wrote("MEDYKA", "1"))
    receive(session, vault, wrote(no, "2"))
    assert the_address(session).state != AddressState.ACTIVE
    for number, doubtful in enumerate(("YES", "Так", "MEDYKA stop", "Where can I sleep?")):
        receive(session, vault, wrote(doubtful, f"3{number}"))
        assert the_address(session).state != AddressState.ACTIVE
    receive(session, vault, wrote(yes, "4"))
    assert the_address(session).state == AddressState.ACTIVE


@pytest.mark.parametrize("no", ["STOP", "leave me alone"])
def test_stranger_who_said_stop_joins_by_a_code(
    session: Session, vault: Vault, entry_point: EntryPoint, no: str
) -> None:
    receive(session, vault, wrote(no, "1"))
    assert receive(session, vault, wrote("MEDYKA", "2")).kind == ReplyKind.JOIN
    assert the_address(session).state == AddressState.ACTIVE


@pytest.mark.parametrize("payload", ["", "Medyka"])
def test_start_lifts_a_block(session: Session, vault: Vault, entry_point: EntryPoint, payload: str) -> None:
    receive(session, vault, started("1", payload="Medyka"))
    receive(session, vault, on_telegram(Happening.BLOCKED, "2"))
    receive(session, vault, on_telegram(Happening.UNBLOCKED, "3"))
    assert the_address(session).state == AddressState.OPTED_OUT
    reply = receive(session, vault, started("4", payload=payload))
    assert reply.kind == (ReplyKind.JOIN if payload else ReplyKind.START)
    assert the_address(session).state == AddressState.ACTIVE


def test_stranger_who_blocked_joins_by_start(session: Session, vault: Vault, organisation: Organisation) -> None:
    receive(session, vault, on_telegram(Happening.BLOCKED, "1"))
    receive(session, vault, started("2"))
    assert the_address(session).state == AddressState.ACTIVE


@pytest.mark.both_databases
@pytest.mark.parametrize("payload", ["", "no-such-code"])
def test_plain_start_joins_the_only_organisation(
    session: Session, vault: Vault, organisation: Organisation, payload: str
) -> None:
    reply = receive(session, vault, started(payload=payload))
    assert (reply.kind, the_address(session).organisation_id) == (ReplyKind.JOIN, organisation.id)
    assert session.scalars(select(Consent.wording)).one() == "start, join 1"


def test_plain_start_among_several_joins_nobody(
    session: Session, vault: Vault, organisation: Organisation
) -> None:
    an_organisation(session)
    reply = receive(session, vault, started())
    assert (reply.organisation_id, session.scalars(select(Contact)).all()) == (None, [])


@pytest.mark.both_databases
def test_owner_of_a_bot_is_joined(session: Session, vault: Vault, organisation: Organisation) -> None:
    an_organisation(session)
    a_sender(session, organisation_id=organisation.id, identity="our_bot", secret_name="our_bot")
    bots = came_over(session, "telegram", name=BOT, secret_names=["our_bot"], owners=[organisation.id])
    receive(session, vault, started(), account=bots)
    assert the_address(session).organisation_id == organisation.id


def test_code_at_anothers_number_is_a_text(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    theirs = an_organisation(session)
    a_sender(session, organisation_id=theirs.id, identity="+48500100200")
    everybody = came_over(session, owners=[theirs.id, entry_point.organisation_id])
    reply = receive(session, vault, wrote("MEDYKA", to_handle="+48500100200"), account=everybody)
    assert (reply.kind, reply.organisation_id) == (ReplyKind.TEXT, theirs.id)


def test_removed_entry_point_lets_nobody_join(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    take_down(session, entry_point, by=None)
    assert receive(session, vault, wrote("MEDYKA")).kind == ReplyKind.TEXT
    assert session.scalars(select(Address.state)).all() == [AddressState.PENDING]


@pytest.mark.parametrize("handle", ["Orange", "7711", ""])
def test_short_codes_and_names_do_not_join(
    session: Session, vault: Vault, entry_point: EntryPoint, handle: str
) -> None:
    assert receive(session, vault, wrote("MEDYKA", from_handle=handle)).kind == ReplyKind.TEXT


def test_one_person_may_join_two_organisations(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    theirs = an_organisation(session)
    create_entry_point(session, theirs.id, name="Station", code="Lviv", by=None)
    both = came_over(session, owners=[theirs.id, entry_point.organisation_id])
    receive(session, vault, wrote("MEDYKA", "1"), account=both)
    reply = receive(session, vault, wrote("LVIV", "2"), account=both)
    assert reply.organisation_id == theirs.id
    addresses = session.scalars(select(Address)).all()
    assert {address.organisation_id for address in addresses} == {entry_point.organisation_id, theirs.id}
    assert {address.channel for address in addresses} == {Channel.SMS}


def test_repeated_join_does_nothing(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    receive(session, vault, wrote("MEDYKA"))
    assert receive_inbound(session, wrote("MEDYKA"), vault, account=came_over(session, "telegram")) is None
    assert len(session.scalars(select(Consent)).all()) == len(session.scalars(select(Reply)).all()) == 1


def test_code_may_follow_a_word_for_joining(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    assert receive(session, vault, wrote("join MEDYKA")).kind == ReplyKind.JOIN
    assert receive(session, vault, wrote("join the MEDYKA", "2")).kind == ReplyKind.TEXT


def test_code_beside_a_stop_joins_nobody(session: Session, vault: Vault, entry_point: EntryPoint) -> None:
    assert receive(session, vault, wrote("MEDYKA stop")).kind == ReplyKind.TEXT
    assert session.scalars(select(Address.state)).all() == [AddressState.PENDING]


@pytest.mark.parametrize(
    "text",
    [
        "Medyka: where can I sleep?",
        "join MEDYKA, where can I sleep?",
        "MEDYKA please help",
        "MEDYKA\nДе можна спати?",
        "MEDYKA أين أنام؟",
        "Medyka\U0001f198",
        "Medyka start\nI need a place to sleep",
    ],
)
@pytest.mark.parametrize("no", ["STOP", "leave me alone"])
def test_question_behind_a_code_brings_nobody_back_and_waits(
    session: Session, vault: Vault, entry_point: EntryPoint, no: str, text: str
) -> None:
    receive(session, vault, wrote("MEDYKA", "1"))
    receive(session, vault, wrote(no, "2"))
    refused = the_address(session).state
    marks = select(func.count()).select_from(SuppressedAddress)
    remembered = session.scalar(marks)
    reply = receive(session, vault, wrote(text, "3"))
    assert the_address(session).state == refused != AddressState.ACTIVE
    assert session.scalar(marks) == remembered != 0
    assert (reply.is_unheeded, reply.contact_id) == (True, the_address(session).contact_id)
    assert waits(session)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "MEDYKA",
            "«Medyka».",
            "\u200fMEDYKA\u200f",
            "\uff2dedyka",
            "join MEDYKA",
            "MEDYKA join",
            "старт MEDYKA",
        ),
        *("Medyka please", "Medyka, будь ласка", "MEDYKA Дякую!", "MEDYKA لو سمحت", "MEDYKA\nSent from my iPhone"),
    ],
)
def test_code_and_courtesies_alone_lift_a_stop(
    session: Session, vault: Vault, entry_point: EntryPoint, text: str
) -> None:
    receive(session, vault, wrote("MEDYKA", "1"))
    receive(session, vault, wrote("STOP", "2"))
    reply = receive(session, vault, wrote(text, "3"))
    assert (reply.kind, the_address(session).state) == (ReplyKind.JOIN, AddressState.ACTIVE)
    assert not waits(session)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("text", "kind", "urgency"),
    [
        ("MEDYKA help", ReplyKind.HELP, Urgency.DAY),
        ("MEDYKA\nHELP", ReplyKind.HELP, Urgency.DAY),
        ("MEDYKA допоможіть", ReplyKind.HELP, Urgency.DAY),
        ("MEDYKA I need a place to sleep", ReplyKind.TEXT, Urgency.QUESTION),
        ("MEDYKA, we are locked in", ReplyKind.TEXT, Urgency.DANGER),
        ("MEDYKA info", ReplyKind.INFO, Urgency.QUESTION),
    ],
)
def test_who_asks_something_behind_a_code_joins_and_waits(
    session: Session, vault: Vault, entry_point: EntryPoint, text: str, kind: ReplyKind, urgency: Urgency
) -> None:
    reply = receive(session, vault, wrote(text))
    assert (reply.kind, reply.is_unheeded, the_address(session).state) == (kind, False, AddressState.ACTIVE)
    assert the_address(session).contact.position_source == "entry_point"
    conversation = session.scalars(select(Conversation)).one()
    assert (conversation.waiting_since, conversation.urgency) == (reply.received_at, urgency)
    entries = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc())).all()
    assert entries[0] == "reply.join"


def test_late_stop_is_not_lifted_by_a_question_behind_a_code(
    session: Session, vault: Vault, entry_point: EntryPoint
) -> None:
    receive(session, vault, wrote("MEDYKA where can I sleep?", "1"))
    receive(session, vault, wrote("STOP", "2"), received_at=clock.now() - timedelta(minutes=5))
    assert the_address(session).state == AddressState.OPTED_OUT


@pytest.mark.parametrize("text", ["Medyka \U0001f515", "Medyka leave me alone", "\U0001f6d1Medyka"])
def test_refusal_behind_a_code_joins_nobody(
    session: Session, vault: Vault, entry_point: EntryPoint, text: str
) -> None:
    receive(session, vault, wrote(text))
    assert the_address(session).state != AddressState.ACTIVE
    assert waits(session)
