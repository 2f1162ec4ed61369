"""Buttons, blocks and places: each is heeded as a person means it, and no exact point is kept."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger, person
from campaigns.audience.models import Address, AddressState, Channel, Consent, Contact, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.geography.cells import cell_of
from campaigns.schema import metadata
from campaigns.staff.models import AuditEntry
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_region,
    a_run,
    an_address,
    an_organisation,
)
from tests.inbox.builders import CHAT, came_over, on_telegram, receive

pytestmark = pytest.mark.one_database

MEDYKA = (49.80371, 22.93127)


@pytest.fixture
def address(session: Session, vault: Vault) -> Address:
    contact = a_contact(session, an_organisation(session), position_at=None)
    lookup = vault.lookup_hash(Channel.TELEGRAM, CHAT)
    return an_address(session, contact, vault, number=CHAT, channel=Channel.TELEGRAM, lookup=lookup, country=None)


@pytest.mark.parametrize(
    ("payload", "label"), [("stop", "Leave me"), ("STOP", ""), ("x", "СТОП"), ("start", "STOP")]
)
def test_button_may_say_stop(session: Session, vault: Vault, address: Address, payload: str, label: str) -> None:
    reply = receive(session, vault, on_telegram(Happening.PRESSED_BUTTON, payload=payload, text=label))
    assert (reply.kind, reply.happening) == (ReplyKind.STOP, Happening.PRESSED_BUTTON)
    assert address.state == AddressState.OPTED_OUT


def test_other_buttons_are_replies(session: Session, vault: Vault, address: Address) -> None:
    reply = receive(session, vault, on_telegram(Happening.PRESSED_BUTTON, payload="more", text="Tell me more"))
    assert reply.kind == ReplyKind.TEXT
    assert vault.open(reply.sealed_text, table="reply", column="sealed_text", row_id=reply.id) == "Tell me more"


def test_block_is_a_stop_by_the_provider(session: Session, vault: Vault, address: Address) -> None:
    organisation = session.get_one(type(an_organisation(session)), address.organisation_id)
    run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
    waiting = a_delivery(session, run, contact_id=address.contact_id, address_id=address.id)
    reply = receive(session, vault, on_telegram(Happening.BLOCKED))
    assert (reply.kind, address.state) == (ReplyKind.STOP, AddressState.OPTED_OUT)
    assert waiting.send_state == SendState.SUPPRESSED
    assert session.scalars(select(Consent.method)).all() == ["provider"]
    assert address.heard_at is None


@pytest.mark.both_databases
def test_words_that_were_changed_may_stop_and_lift_nothing(
    session: Session, vault: Vault, address: Address
) -> None:
    receive(session, vault, on_telegram(Happening.WROTE, "1", text="STOP", is_edit=True))
    assert address.state == AddressState.OPTED_OUT
    reply = receive(session, vault, on_telegram(Happening.WROTE, "2", text="START", is_edit=True))
    assert (reply.kind, reply.is_unheeded, address.state) == (ReplyKind.START, True, AddressState.OPTED_OUT)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("typed", "kind", "state"),
    [("STOP", ReplyKind.STOP, AddressState.OPTED_OUT), ("Help", ReplyKind.HELP, AddressState.ACTIVE)],
)
def test_what_is_typed_behind_a_start_is_no_link(
    session: Session, vault: Vault, address: Address, typed: str, kind: ReplyKind, state: AddressState
) -> None:
    """One word in Latin letters looks like the code of a link."""
    reply = receive(session, vault, on_telegram(Happening.STARTED, payload=typed))
    assert (reply.kind, address.state) == (kind, state)
    waits = session.scalars(select(Conversation.contact_id)).all()
    assert waits == ([address.contact_id] if kind == ReplyKind.HELP else [])


def test_lifted_block_restores_nothing(session: Session, vault: Vault, address: Address) -> None:
    receive(session, vault, on_telegram(Happening.BLOCKED, "1"))
    reply = receive(session, vault, on_telegram(Happening.UNBLOCKED, "2"))
    assert (reply.kind, address.state) == (ReplyKind.TEXT, AddressState.OPTED_OUT)


def test_block_of_a_stranger_is_remembered(session: Session, vault: Vault) -> None:
    receive(session, vault, on_telegram(Happening.BLOCKED))
    assert session.scalars(select(SuppressedAddress.channel)).one() == Channel.TELEGRAM


@pytest.mark.both_databases
def test_shared_place_becomes_a_cell(session: Session, vault: Vault, address: Address) -> None:
    region = a_region(session)
    reply = receive(session, vault, on_telegram(Happening.SHARED_LOCATION, location=MEDYKA))
    contact = session.get_one(Contact, address.contact_id)
    assert (reply.kind, contact.position_source) == (ReplyKind.LOCATION, "shared")
    assert (contact.cell, contact.region_id) == (cell_of(MEDYKA[1], MEDYKA[0]), region.id)
    assert (contact.time_zone, contact.position_at) == ("Europe/Warsaw", reply.received_at)


@pytest.mark.both_databases
def test_later_news_of_a_place_stands(session: Session, vault: Vault, address: Address) -> None:
    contact = session.get_one(Contact, address.contact_id)
    contact.cell, contact.position_at = 1, datetime(2999, 1, 1, tzinfo=UTC)
    session.flush()
    receive(session, vault, on_telegram(Happening.SHARED_LOCATION, location=MEDYKA))
    assert contact.cell == 1


@pytest.mark.parametrize("location", [None, (91.0, 0.0), (0.0, -181.0), (float("nan"), 22.0)])
def test_odd_places_move_nobody(
    session: Session, vault: Vault, address: Address, location: tuple[float, float] | None
) -> None:
    reply = receive(session, vault, on_telegram(Happening.SHARED_LOCATION, location=location))
    assert reply.kind == ReplyKind.LOCATION
    assert session.get_one(Contact, address.contact_id).cell is None


def test_place_of_a_stranger_waits_for_the_team_and_is_not_kept(session: Session, vault: Vault) -> None:
    an_organisation(session)
    reply = receive(session, vault, on_telegram(Happening.SHARED_LOCATION, location=MEDYKA))
    assert reply.kind == ReplyKind.LOCATION
    assert session.scalars(select(Contact.cell)).all() == [None]
    assert session.scalars(select(Conversation.contact_id)).all() == [reply.contact_id]


def test_exact_point_is_nowhere(
    session: Session, vault: Vault, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    where = "Medyka 285, gate 3"
    shared = on_telegram(
        Happening.SHARED_LOCATION, location=MEDYKA, text=where, raw={"Address": where, "Latitude": "49.80371"}
    )
    reply = receive(session, vault, shared)
    assert vault.open(reply.sealed_text, table="reply", column="sealed_text", row_id=reply.id) == ""
    stored = [str(session.execute(select(table)).all()) for table in metadata.sorted_tables]
    for told in ("49.80", "22.93", "gate 3"):
        assert told not in "".join(stored)
        assert told not in caplog.text


@pytest.mark.parametrize("happening", [Happening.WROTE, Happening.SHARED_LOCATION, Happening.PRESSED_BUTTON])
def test_every_word_is_a_sign_of_life(
    session: Session, vault: Vault, address: Address, happening: Happening
) -> None:
    reply = receive(session, vault, on_telegram(happening, location=MEDYKA))
    assert address.heard_at == reply.received_at


def test_each_act_leaves_at_most_one_entry(session: Session, vault: Vault, address: Address) -> None:
    for number, happening in enumerate(Happening):
        receive(session, vault, on_telegram(happening, str(number), location=MEDYKA))
    entries = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert sorted(entries) == ["reply.location", "reply.start", "reply.stop"]
    assert len(session.scalars(select(Reply)).all()) == len(Happening)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("text", "state"),
    [("STOP", AddressState.OPTED_OUT), ("стоп поїзд", AddressState.HELD), ("?", AddressState.ACTIVE)],
)
def test_stop_counts_for_the_id_by_which_whatsapp_knew_them_before(
    session: Session, vault: Vault, text: str, state: AddressState
) -> None:
    known, contact = "UA.8f2c1d", a_contact(session, an_organisation(session))
    address = an_address(session, contact, vault, number=known, channel=Channel.WHATSAPP, country=None)
    shown: dict[str, Any] = {"from_handle": "+380671234567", "channel": "whatsapp", "other_handle": known}
    for number, said in enumerate((text, "START")):
        inbound = Inbound(provider_id=f"SM{number}", to_handle="+4471", text=said, **shown)
        receive(session, vault, inbound, account=came_over(session))
        assert address.state == (state if said == text else AddressState.ACTIVE)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("text", "state"),
    [("STOP", AddressState.OPTED_OUT), ("стоп поїзд", AddressState.HELD), ("?", AddressState.ACTIVE)],
)
@pytest.mark.parametrize("told", ["+380671234567", "UA.8f2c1d"])
def test_stop_that_tells_one_handle_counts_for_the_one_that_was_shown_before(
    session: Session, vault: Vault, told: str, text: str, state: AddressState
) -> None:
    """The provider's list tells one of them, and so does whoever hides their number from some day on."""
    shown, known, organisation = "+380671234567", "UA.8f2c1d", an_organisation(session)
    theirs = [
        an_address(
            session, a_contact(session, organisation), vault, number=each, channel=Channel.WHATSAPP, country=None
        )
        for each in (known, shown)
    ]
    session.flush()
    hello = Inbound("SM1", shown, "+4471", "Hello", "whatsapp", other_handle=known)
    receive(session, vault, hello, account=came_over(session))
    listed, an_hour_ago = Inbound("SM2", told, "+4471", text, "whatsapp"), clock.now() - timedelta(hours=1)
    receive(session, vault, listed, account=came_over(session), received_at=an_hour_ago)
    assert [address.state for address in theirs] == [state, state]


def test_stop_by_one_handle_is_remembered_of_the_other_before_anybody_imports_it(
    session: Session, vault: Vault
) -> None:
    shown, known = "+380671234567", "UA.8f2c1d"
    an_organisation(session)
    hello = Inbound("SM1", shown, "+4471", "Hello", "whatsapp", other_handle=known)
    receive(session, vault, hello, account=came_over(session))
    receive(session, vault, Inbound("SM2", known, "+4471", "STOP", "whatsapp"), account=came_over(session))
    marks = {(row.lookup, row.channel) for row in session.scalars(select(SuppressedAddress))}
    of_phone = vault.number_hash(shown)
    assert marks == {
        (vault.lookup_hash(Channel.WHATSAPP, known), Channel.WHATSAPP),
        (of_phone, Channel.SMS),
        (of_phone, Channel.WHATSAPP),
    }


@pytest.mark.both_databases
def test_number_that_is_somebody_elses_by_now_has_their_id(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    first, second = (
        an_address(
            session, a_contact(session, organisation), vault, number=each, channel=Channel.WHATSAPP, country=None
        )
        for each in ("UA.first", "UA.second")
    )
    session.flush()
    for number, known in enumerate(("UA.first", "UA.second", "UA.second")):
        hello = Inbound(f"SM{number}", "+380671234567", "+4471", "Hello", "whatsapp", other_handle=known)
        receive(session, vault, hello, account=came_over(session))
    stop = Inbound("SM9", "+380671234567", "+4471", "STOP", "whatsapp")
    receive(session, vault, stop, account=came_over(session))
    assert (first.state, second.state) == (AddressState.ACTIVE, AddressState.OPTED_OUT)


@pytest.mark.parametrize("text", ["STOP", "START"])
def test_both_handles_of_a_person_are_locked_at_once(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Whoever locks several people locks them in one order, so that none of two stops is given up."""
    shown, known, organisation = "+380671234567", "UA.8f2c1d", an_organisation(session)
    theirs = [
        an_address(session, a_contact(session, organisation), vault, number=each, channel=Channel.WHATSAPP).id
        for each in (known, shown)
    ]
    session.flush()
    locked, lock = list[set[int]](), person.lock_addresses

    def note(session: Session, ids: Collection[int]) -> Sequence[Address]:
        locked.append(set(ids))
        return lock(session, ids)

    for module in (person, ledger):
        monkeypatch.setattr(module, "lock_addresses", note)
    inbound = Inbound("SM1", shown, "+4471", text, "whatsapp", other_handle=known)
    receive(session, vault, inbound, account=came_over(session))
    assert locked[0] == set(theirs)
