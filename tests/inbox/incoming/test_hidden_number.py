"""A start counts for both handles under which WhatsApp knows a person, also where it shows only one of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Channel, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations.models import Occasion
from tests.factories import a_contact, a_sender, an_address, an_organisation
from tests.inbox.automatic.person import a_person
from tests.inbox.builders import OURS, came_over, receive

PHONE, ID = "+380671234567", "UA.8f2c1d"
ACTIVE, OUT = AddressState.ACTIVE, AddressState.OPTED_OUT
WHATSAPP = Channel.WHATSAPP
_numbers = count(1)


def say(session: Session, vault: Vault, text: str, handle: str, *, minutes_ago: int = 0, other: str = "") -> None:
    """Write by WhatsApp; what was said some minutes ago stands in the provider's list."""
    inbound = Inbound(f"SM{next(_numbers)}", handle, "+4471", text, "whatsapp", other_handle=other)
    received_at = clock.now() - timedelta(minutes=minutes_ago) if minutes_ago else None
    receive(session, vault, inbound, account=came_over(session), received_at=received_at)


@pytest.fixture
def phone(session: Session, vault: Vault) -> list[Address]:
    """Somebody's phone by SMS and by WhatsApp, which has shown its id with it."""
    organisation = an_organisation(session)
    theirs = [
        an_address(session, a_contact(session, organisation), vault, number=PHONE, channel=channel)
        for channel in (Channel.SMS, WHATSAPP)
    ]
    say(session, vault, "Hello", PHONE, other=ID)
    return theirs


def test_start_that_hides_the_number_lifts_a_stop_of_the_phone_on_whatsapp(
    session: Session, vault: Vault, phone: list[Address]
) -> None:
    say(session, vault, "STOP", ID)
    assert [each.state for each in phone] == [OUT, OUT]
    say(session, vault, "START", ID)
    assert [each.state for each in phone] == [OUT, ACTIVE]
    marks = {(row.lookup, row.channel) for row in session.scalars(select(SuppressedAddress))}
    assert marks == {(vault.number_hash(PHONE), Channel.SMS)}


def test_start_that_tells_only_the_number_lifts_a_stop_of_the_id(
    session: Session, vault: Vault, phone: list[Address]
) -> None:
    contact = a_contact(session, an_organisation(session))
    known = an_address(session, contact, vault, number=ID, channel=WHATSAPP)
    account = came_over(session, owners=[phone[0].organisation_id])
    for text in ("STOP", "START"):
        inbound = Inbound(f"SM{next(_numbers)}", PHONE, "+4471", text, "whatsapp")
        receive(session, vault, inbound, account=account)
        assert known.state == (OUT if text == "STOP" else ACTIVE)


def test_start_by_sms_lifts_nothing_on_whatsapp(session: Session, vault: Vault, phone: list[Address]) -> None:
    say(session, vault, "STOP", ID)
    started = Inbound(f"SM{next(_numbers)}", PHONE, "+4471", "START", "sms")
    receive(session, vault, started, account=came_over(session))
    assert [each.state for each in phone] == [ACTIVE, OUT]
    marks = {row.lookup for row in session.scalars(select(SuppressedAddress))}
    assert vault.lookup_hash(WHATSAPP, ID) in marks


def test_stop_that_comes_late_leaves_a_start_that_hid_the_number(
    session: Session, vault: Vault, phone: list[Address]
) -> None:
    say(session, vault, "START", ID)
    say(session, vault, "STOP", PHONE, minutes_ago=5)
    assert [each.state for each in phone] == [OUT, ACTIVE]


def test_start_that_hides_the_number_is_welcomed(session: Session, vault: Vault) -> None:
    person = a_person(session, vault)
    a_sender(session, organisation_id=person.organisation.id, identity=OURS, channel=WHATSAPP)
    an_address(session, a_contact(session, person.organisation), vault, number=PHONE, channel=WHATSAPP)
    whatsapp = {"channel": "whatsapp"}
    person.writes("Hello", from_handle=PHONE, other_handle=ID, policy=None, **whatsapp)
    person.writes("STOP", from_handle=ID, **whatsapp)
    assert Occasion.WELCOME not in person.occasions()
    person.writes("START", from_handle=ID, **whatsapp)
    assert Occasion.WELCOME in person.occasions()
