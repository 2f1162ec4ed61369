"""STOP is obeyed in any script, everywhere and at once; texts are sealed; a repeated webhook does nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger as consent
from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.ledger import grant, mark_invalid
from campaigns.audience.consent.person import find_person
from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    ConsentKind,
    Contact,
    SuppressedAddress,
)
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.incoming import order
from campaigns.inbox.incoming.receivers import Receiver
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.queries import find_next_kept
from campaigns.inbox.service import LATE, receive_inbound
from campaigns.staff.models import AuditEntry
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    an_address,
    an_organisation,
)
from tests.inbox.builders import came_over

pytestmark = pytest.mark.one_database

NUMBER, SENDER = "+380501234567", "+15005550006"


def inbound(text: str, provider_id: str = "SM1", **changes: Any) -> Inbound:
    values = {"from_handle": NUMBER, "to_handle": SENDER, "channel": "sms"}
    return Inbound(provider_id=provider_id, text=text, **values | changes)


def receive(session: Session, vault: Vault, message: Inbound) -> Reply | None:
    reply = receive_inbound(session, message, vault, account=came_over(session))
    session.expire_all()
    return reply


@pytest.fixture
def address(session: Session, vault: Vault) -> Address:
    return an_address(session, a_contact(session, an_organisation(session)), vault, number=NUMBER)


def queued_for(session: Session, address: Address) -> Delivery:
    organisation = address.contact.organisation_id
    owner = session.get_one(type(an_organisation(session)), organisation)
    run = a_run(session, a_campaign(session, owner, a_member(session, owner)))
    return a_delivery(session, run, contact_id=address.contact_id, address_id=address.id)


@pytest.mark.parametrize("text", ["STOP", "стоп!", "Відписатися", "إيقاف", "አቁም", "توقف"])
def test_stop_is_obeyed_in_every_script(session: Session, vault: Vault, address: Address, text: str) -> None:
    waiting = queued_for(session, address)
    reply = receive(session, vault, inbound(text))
    assert reply is not None
    assert reply.kind == ReplyKind.STOP
    assert address.state == AddressState.OPTED_OUT
    assert waiting.send_state == SendState.SUPPRESSED
    ledger = session.scalars(select(Consent).where(Consent.kind == ConsentKind.WITHDRAWN)).one()
    assert (ledger.method, ledger.wording) == ("keyword", f"reply {reply.id}")


def test_stop_counts_in_every_organisation(session: Session, vault: Vault, address: Address) -> None:
    other = an_address(session, a_contact(session, an_organisation(session)), vault, number=NUMBER)
    receive(session, vault, inbound("STOP"))
    assert {address.state, other.state} == {AddressState.OPTED_OUT}


@pytest.mark.both_databases
def test_stop_of_an_unknown_number_is_remembered(session: Session, vault: Vault) -> None:
    an_organisation(session)
    receive(session, vault, inbound("STOP"))
    remembered = session.scalars(select(SuppressedAddress).order_by(SuppressedAddress.channel)).all()
    assert [row.channel for row in remembered] == [Channel.SMS, Channel.WHATSAPP]
    assert {row.lookup for row in remembered} == {vault.number_hash(NUMBER)}


def test_only_start_lifts_a_stop(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("STOP", "SM1"))
    receive(session, vault, inbound("Where can I sleep?", "SM2"))
    assert state_of(address) == AddressState.OPTED_OUT
    receive(session, vault, inbound("START", "SM3", from_handle="+380500000001"))
    assert state_of(address) == AddressState.OPTED_OUT
    receive(session, vault, inbound("Старт", "SM4"))
    assert state_of(address) == AddressState.ACTIVE


def test_providers_own_reading_of_stop_counts(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("odjava", raw={"OptOutType": "STOP"}))
    assert address.state == AddressState.OPTED_OUT


def test_repeated_webhook_does_nothing(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("STOP"))
    assert receive(session, vault, inbound("STOP")) is None
    assert len(session.scalars(select(Reply)).all()) == 1
    assert len(session.scalars(select(AuditEntry)).all()) == 1


def test_text_is_sealed_and_opens_again(session: Session, vault: Vault, address: Address) -> None:
    text = "Мене тримають"
    reply = receive(session, vault, inbound(text))
    assert reply is not None
    assert text.encode() not in reply.sealed_text
    assert vault.open(reply.sealed_text, table="reply", column="sealed_text", row_id=reply.id) == text


def test_reply_is_not_of_whoever_wrote_last(session: Session, vault: Vault, address: Address) -> None:
    """Importing somebody's number must not let anybody read what they write to others."""
    other = an_address(session, a_contact(session, an_organisation(session)), vault, number=NUMBER)
    queued_for(session, address)
    queued_for(session, other)
    ours = came_over(session, owners=[address.organisation_id])
    reply = receive_inbound(session, inbound("Hello", "SM1"), vault, account=ours)
    assert reply is not None
    assert (reply.contact_id, reply.organisation_id) == (address.contact_id, address.organisation_id)
    unowned = receive(session, vault, inbound("Hello", "SM2"))
    assert unowned is not None
    assert (unowned.contact_id, unowned.organisation_id) == (None, None)


def test_number_of_an_organisation_decides(session: Session, vault: Vault, address: Address) -> None:
    theirs = an_organisation(session)
    a_sender(session, organisation_id=theirs.id, identity="+48500100200")
    both = came_over(session, owners=[theirs.id, address.organisation_id])
    reply = receive_inbound(session, inbound("Hello", to_handle="+48500100200"), vault, account=both)
    assert reply is not None
    # Whoever writes is a contact of whom they wrote to, and not of the other organisation that knows them.
    assert session.get_one(Contact, reply.contact_id).organisation_id == reply.organisation_id == theirs.id


@pytest.mark.parametrize(
    "changes",
    [{"channel": "rcs"}, {"from_handle": ""}, {"text": ""}, {"provider_id": ""}, {"text": "x" * 99_000}],
    ids=["channel", "handle", "empty", "id", "long"],
)
def test_nothing_inbound_breaks_us(session: Session, vault: Vault, changes: dict[str, str]) -> None:
    values: dict[str, Any] = {
        "provider_id": "SM1",
        "text": "Hi",
        "from_handle": NUMBER,
        "to_handle": SENDER,
        "channel": "sms",
    }
    for _ in range(2):
        receive(session, vault, Inbound(**values | changes))
    expected = 2 if changes.get("provider_id") == "" else 1
    assert len(session.scalars(select(Reply)).all()) == expected


def test_refusal_of_the_database_does_not_pass_for_a_repetition(
    session: Session, vault: Vault, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Receiver(organisation_id=99_999)
    monkeypatch.setattr("campaigns.inbox.service.find_receiver", lambda *args, **kwargs: nobody)
    with pytest.raises(IntegrityError):
        receive(session, vault, inbound("STOP"))


@pytest.mark.parametrize(
    ("text", "raw", "kind"),
    [
        ("YES", {}, ReplyKind.YES),
        ("YES", {"OptOutType": "START"}, ReplyKind.YES),
        ("Так", {}, ReplyKind.YES),
        ("допоможіть", {}, ReplyKind.HELP),
        ("aide", {"OptOutType": "HELP"}, ReplyKind.HELP),
        ("INFO", {}, ReplyKind.INFO),
        ("Переїхала до Варшави", {}, ReplyKind.MOVED),
        ("What is this?", {}, ReplyKind.TEXT),
    ],
)
def test_what_is_no_start_lifts_no_stop(
    session: Session, vault: Vault, address: Address, text: str, raw: dict[str, str], kind: ReplyKind
) -> None:
    receive(session, vault, inbound("STOP", "SM1"))
    reply = receive(session, vault, inbound(text, "SM2", raw=raw))
    assert reply is not None
    assert reply.kind == kind
    assert address.state == AddressState.OPTED_OUT


@pytest.mark.parametrize("text", ["help", "STOP", "leave me alone"])
def test_provider_that_hears_a_stop_is_believed(
    session: Session, vault: Vault, address: Address, text: str
) -> None:
    reply = receive(session, vault, inbound(text, raw={"OptOutType": "STOP"}))
    assert reply is not None
    assert (reply.kind, address.state) == (ReplyKind.STOP, AddressState.OPTED_OUT)


@pytest.mark.parametrize(
    "text", ["стоп поїзд", "leave me alone", "Please do not write to me", "⛔", "wrong number"]
)
def test_what_may_be_a_stop_puts_on_hold(session: Session, vault: Vault, address: Address, text: str) -> None:
    theirs = a_contact(session, an_organisation(session))
    other = an_address(session, theirs, vault, number=NUMBER, channel=Channel.WHATSAPP)
    waiting = queued_for(session, address)
    reply = receive(session, vault, inbound(text))
    assert reply is not None
    assert reply.kind == ReplyKind.HOLD
    assert {address.state, other.state} == {AddressState.HELD}
    assert waiting.send_state == SendState.SUPPRESSED
    ledger = session.scalars(select(Consent).where(Consent.address_id == address.id)).one()
    assert (ledger.kind, ledger.method, ledger.wording) == (ConsentKind.HELD, "keyword", f"reply {reply.id}")
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "reply.hold")).one()
    assert entry.detail["suppressed"] == 1


@pytest.mark.both_databases
def test_nothing_but_a_start_ends_a_hold(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("leave me alone", "SM1"))
    for number, text in enumerate(("YES", "Так", "help", "Where can I sleep?", "start please")):
        receive(session, vault, inbound(text, f"SM2{number}"))
        assert address.state == AddressState.HELD
    receive(session, vault, inbound("START", "SM3"))
    assert address.state == AddressState.ACTIVE


def test_stop_on_hold_is_a_stop(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("leave me alone", "SM1"))
    receive(session, vault, inbound("STOP", "SM2"))
    receive(session, vault, inbound("leave me alone", "SM3"))
    assert address.state == AddressState.OPTED_OUT


def test_hold_of_an_unknown_number_is_remembered(session: Session, vault: Vault) -> None:
    an_organisation(session)
    reply = receive(session, vault, inbound("leave me alone"))
    assert reply is not None
    remembered = session.scalars(select(SuppressedAddress)).all()
    assert {(row.lookup, row.is_hold) for row in remembered} == {(vault.number_hash(NUMBER), True)}
    assert reply.number == vault.number_hash(NUMBER)


@pytest.mark.parametrize(
    ("missed", "since", "state"),
    [
        ("START", "leave me alone", AddressState.HELD),
        ("STOP", "leave me alone", AddressState.OPTED_OUT),
        ("leave me alone", "START", AddressState.ACTIVE),
        ("leave me alone", "help", AddressState.HELD),
    ],
)
def test_what_was_missed_is_weighed_against_what_came_since(
    session: Session, vault: Vault, address: Address, missed: str, since: str, state: AddressState
) -> None:
    receive(session, vault, inbound(since, "SM2"))
    earlier = clock.now() - timedelta(hours=1)
    receive_inbound(session, inbound(missed, "SM1"), vault, account=came_over(session), received_at=earlier)
    session.expire_all()
    assert address.state == state


LATE_CASES = [
    ("START", "STOP", AddressState.OPTED_OUT),
    ("START", "leave me alone", AddressState.HELD),
    ("STOP", "START", AddressState.ACTIVE),
    ("leave me alone", "START", AddressState.ACTIVE),
    ("STOP", "help", AddressState.OPTED_OUT),
]


@pytest.mark.both_databases
@pytest.mark.parametrize(("late", "since", "state"), LATE_CASES)
def test_what_is_posted_again_counts_as_of_when_it_was_said(
    session: Session, vault: Vault, address: Address, late: str, since: str, state: AddressState
) -> None:
    receive(session, vault, inbound(since, "SM2"))
    receive(session, vault, inbound(late, "SM1", said_at=clock.now() - timedelta(seconds=20)))
    assert address.state == state
    assert session.scalars(select(Reply).where(Reply.provider_id == "SM1")).one().received_at < clock.now() - LATE


@pytest.mark.parametrize("said_at", [timedelta(seconds=-1), timedelta(hours=3)])
def test_clock_of_a_provider_makes_nothing_late(
    session: Session, vault: Vault, address: Address, said_at: timedelta
) -> None:
    receive(session, vault, inbound("STOP", "SM1"))
    receive(session, vault, inbound("START", "SM2", said_at=clock.now() + said_at))
    assert address.state == AddressState.ACTIVE


@pytest.mark.parametrize(("late", "since", "state"), LATE_CASES)
def test_what_came_in_the_wrong_order_is_put_right(
    session: Session, vault: Vault, address: Address, late: str, since: str, state: AddressState
) -> None:
    receive(session, vault, inbound(since, "SM2"))
    receive(session, vault, inbound(late, "SM1"))
    said_at = clock.now() - timedelta(seconds=20)
    assert (
        receive_inbound(session, inbound(late, "SM1"), vault, account=came_over(session), received_at=said_at)
        is None
    )
    session.expire_all()
    assert address.state == state
    assert session.scalars(select(Reply).where(Reply.provider_id == "SM1")).one().received_at == said_at


@pytest.mark.both_databases
def test_press_without_a_time_counts_as_of_before_what_has_a_higher_number(session: Session, vault: Vault) -> None:
    contact = a_contact(session, an_organisation(session))
    chat = an_address(session, contact, vault, number="77", channel=Channel.TELEGRAM)
    bot = {"from_handle": "77", "to_handle": "5550100", "channel": "telegram", "is_numbered": True}
    press: dict[str, Any] = bot | {"happening": Happening.PRESSED_BUTTON, "payload": "START"}

    def receive_at(hours: int, update: int, text: str = "", **values: Any) -> None:
        with clock.running_on(lambda: NOON + timedelta(hours=hours)):
            said = inbound(text, f"5550100:{update}", **values)
            receive_inbound(session, said, vault, account=came_over(session, "telegram"))
        session.expire_all()

    receive_at(0, 42, "STOP", **bot)
    receive_at(1, 41, **press)
    assert state_of(chat) == AddressState.OPTED_OUT
    receive_at(2, 43, **press)
    assert state_of(chat) == AddressState.ACTIVE
    receive_at(3, 44, "STOP", **bot)
    # After a week without any the numbers begin anew.
    receive_at(24 * 8, 17, **press)
    assert state_of(chat) == AddressState.ACTIVE


def test_all_that_refused_since_counts_again(session: Session, vault: Vault, address: Address) -> None:
    """A start that comes at last, posted a second time, lifted what was said, and what the provider reported."""
    said_at = clock.now() - timedelta(seconds=60)
    receive(session, vault, inbound("STOP", "SM2"))
    receive(session, vault, inbound("leave me alone", "SM3"))
    receive(session, vault, inbound("START", "SM1"))
    receive_inbound(session, inbound("START", "SM1"), vault, account=came_over(session), received_at=said_at)
    session.expire_all()
    assert address.state == AddressState.OPTED_OUT


@pytest.mark.both_databases
def test_what_was_reported_counts_again(session: Session, vault: Vault, address: Address) -> None:
    said_at = clock.now() - timedelta(seconds=60)
    consent.withdraw_reported(session, {address.id: "21610"}, at=clock.now() - timedelta(seconds=30))
    receive(session, vault, inbound("START", "SM1"))
    assert state_of(address) == AddressState.ACTIVE
    receive_inbound(session, inbound("START", "SM1"), vault, account=came_over(session), received_at=said_at)
    session.expire_all()
    assert state_of(address) == AddressState.OPTED_OUT


def test_late_stop_undoes_no_stop_that_was_reported_since(
    session: Session, vault: Vault, address: Address
) -> None:
    """The start that ends the late stop is older than what the provider reported."""
    now = clock.now()
    receive_inbound(
        session,
        inbound("START", "SM2"),
        vault,
        account=came_over(session),
        received_at=now - timedelta(seconds=40),
    )
    consent.withdraw_reported(session, {address.id: "21610"}, at=now - timedelta(seconds=20))
    receive_inbound(
        session, inbound("STOP", "SM1"), vault, account=came_over(session), received_at=now - timedelta(seconds=50)
    )
    session.expire_all()
    assert address.state == AddressState.OPTED_OUT


@pytest.mark.parametrize("texts", [("STOP", "START"), ("START", "STOP")])
def test_of_what_two_phones_said_in_one_second_the_stop_counts(
    session: Session, vault: Vault, address: Address, texts: tuple[str, str]
) -> None:
    second = clock.now() - timedelta(minutes=2)
    for number, text in enumerate(texts):
        # Each comes from a list of its own.
        said = inbound(text, f"SM{number}", channel="whatsapp" if text == "STOP" else "sms")
        receive_inbound(session, said, vault, account=came_over(session), received_at=second)
    session.expire_all()
    assert address.state == AddressState.OPTED_OUT


def test_what_is_put_right_leaves_nothing_queued(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, inbound("STOP", "SM2"))
    receive(session, vault, inbound("START", "SM1"))
    delivery = queued_for(session, address)
    earlier = clock.now() - timedelta(seconds=20)
    receive_inbound(session, inbound("START", "SM1"), vault, account=came_over(session), received_at=earlier)
    session.expire_all()
    assert delivery.send_state == SendState.SUPPRESSED


@pytest.mark.parametrize("agreed", [True, False])
@pytest.mark.parametrize("text", ["Where can I sleep?", "START", "KYIV7", "STOP", "leave me alone"])
def test_number_that_is_heard_is_not_dead(
    session: Session, vault: Vault, address: Address, text: str, agreed: bool
) -> None:
    """Also with others who have it, and only on the channel on which it is heard."""
    other = an_address(session, a_contact(session, an_organisation(session)), vault, number=NUMBER)
    whatsapp = an_address(session, address.contact, vault, number=NUMBER, channel=Channel.WHATSAPP)
    everywhere = (address, other, whatsapp)
    for each in everywhere:
        each.state = AddressState.PENDING
        if agreed:
            grant(session, each, Declaration("form", "v1", NOON))
    assert mark_invalid(session, [each.id for each in everywhere]) == 3
    create_entry_point(session, address.contact.organisation_id, name="Kyiv", code="KYIV7", by=None)
    ours = came_over(session, owners=[address.organisation_id])
    receive_inbound(session, inbound(text), vault, account=ours)
    session.expire_all()
    heard = AddressState.ACTIVE if agreed or text in ("START", "KYIV7") else AddressState.PENDING
    states = {
        "STOP": [AddressState.OPTED_OUT] * 3,
        "leave me alone": [AddressState.HELD, AddressState.HELD, AddressState.INVALID],
        "KYIV7": [heard, AddressState.ACTIVE if agreed else AddressState.PENDING, AddressState.INVALID],
    }
    assert [each.state for each in everywhere] == states.get(text, [heard, heard, AddressState.INVALID])


@pytest.mark.parametrize("prefix", ["", "whatsapp:"])
def test_stop_is_heard_from_another_spelling(session: Session, vault: Vault, prefix: str) -> None:
    contact = a_contact(session, an_organisation(session))
    address = an_address(session, contact, vault, number="+525512345678", country="MX")
    receive(session, vault, inbound("STOP", from_handle=f"{prefix}+5215512345678", channel="whatsapp"))
    assert address.state == AddressState.OPTED_OUT


def test_reply_on_another_channel_is_the_contacts(session: Session, vault: Vault, address: Address) -> None:
    an_organisation(session)
    ours = came_over(session, owners=[address.organisation_id])
    reply = receive_inbound(session, inbound("Where can I sleep?", channel="whatsapp"), vault, account=ours)
    assert reply is not None
    assert (reply.contact_id, reply.organisation_id) == (address.contact_id, address.contact.organisation_id)


@pytest.mark.parametrize("is_contact", [False, True])
def test_word_that_stops_in_one_language_is_heard_wherever_the_person_is_known_to_read_it(
    session: Session, vault: Vault, is_contact: bool
) -> None:
    """Here nobody knows them, or another language was entered for them."""
    theirs, ours = an_organisation(session), an_organisation(session)
    address = an_address(session, a_contact(session, theirs, language="fr"), vault, number=NUMBER)
    if is_contact:
        an_address(session, a_contact(session, ours, language="en"), vault, number=NUMBER)
    reply = receive_inbound(session, inbound("TD"), vault, account=came_over(session, owners=[ours.id]))
    assert reply is not None
    session.expire_all()
    assert (reply.organisation_id, reply.kind, address.state) == (ours.id, ReplyKind.STOP, AddressState.OPTED_OUT)


def test_what_has_a_higher_number_is_not_looked_for_at_other_accounts(sqlite_engine: Engine) -> None:
    """Each press of a button asks this: it must not read on to the end of the table."""
    asked: list[tuple[str, Any]] = []
    with Session(sqlite_engine) as session:
        event.listen(sqlite_engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        find_next_kept(session, "telegram", "5550100:42", since=NOON)
        statement, values = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert "provider_id>? AND provider_id<?" in str(plan)


@pytest.mark.parametrize("late", ["STOP", "START"])
def test_whose_a_late_word_is_is_looked_up_once(
    session: Session, vault: Vault, address: Address, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    receive(session, vault, inbound("START", "SM2"))
    looks = Mock(side_effect=find_person)
    monkeypatch.setattr(order, "find_person", looks)
    said_at = clock.now() - timedelta(seconds=20)
    receive_inbound(session, inbound(late, "SM1"), vault, account=came_over(session), received_at=said_at)
    assert looks.call_count == 1


def state_of(address: Address) -> AddressState:
    return address.state
