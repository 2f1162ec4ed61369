"""A run is counted by sender, and a provider without a list is compared with our rows word by word."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.demo.tallies import SenderTally, compare_unlisted, tally_senders
from campaigns.planning.models import Run
from campaigns.staff.models import Organisation
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    add,
    an_address,
    an_organisation,
)


@pytest.fixture
def run(session: Session) -> Run:
    """A run over WhatsApp, Telegram and SMS, in this order."""
    organisation = an_organisation(session)
    senders = [
        a_sender(session, name="WhatsApp", channel=Channel.WHATSAPP),
        a_sender(session, name="Bot", channel=Channel.TELEGRAM, gateway="telegram", identity="our_bot"),
        a_sender(session, name="SMS"),
    ]
    campaign = a_campaign(session, organisation, a_member(session, organisation), senders=senders)
    return a_run(session, campaign)


def a_chat(session: Session, run: Run, vault: Vault, chat: str, **changes: Any) -> None:
    contact = a_contact(session, session.get_one(Organisation, run.organisation_id))
    lookup = vault.lookup_hash(Channel.TELEGRAM, chat)
    address = an_address(session, contact, vault, number=chat, channel=Channel.TELEGRAM, lookup=lookup)
    ids = {"contact_id": contact.id, "address_id": address.id, "sender_id": run.ranked_senders[1].sender_id}
    a_delivery(session, run, channel=Channel.TELEGRAM, **ids, **changes)


def test_who_fell_back_counts_where_they_were_planned(session: Session, run: Run) -> None:
    whatsapp, _, sms = (each.sender_id for each in run.ranked_senders)
    accepted = {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.DELIVERED}
    a_delivery(session, run, sender_id=whatsapp, **accepted | {"receipt_state": ReceiptState.READ})
    moved = a_delivery(session, run, sender_id=sms, **accepted)
    a_delivery(session, run, sender_id=sms, send_state=SendState.FAILED)
    add(session, Attempt(delivery_id=moved.id, number=1, at=NOON, outcome="fell_back", sender_id=whatsapp))
    assert tally_senders(session, run.id) == [
        SenderTally("WhatsApp", Channel.WHATSAPP, planned=2, accepted=1, delivered=1, fell_back=1),
        SenderTally("Bot", Channel.TELEGRAM, planned=0, accepted=0, delivered=None, fell_back=0),
        SenderTally("SMS", Channel.SMS, planned=1, accepted=1, delivered=1, fell_back=0),
    ]


def test_lost_answers_are_no_difference(session: Session, run: Run, vault: Vault) -> None:
    a_chat(session, run, vault, "71", send_state=SendState.ACCEPTED, provider_id="5:1")
    a_chat(session, run, vault, "72", send_state=SendState.UNCONFIRMED)
    logged = [{"sid": "5:1", "to": "telegram:71"}, {"sid": "5:2", "to": "telegram:72"}]
    found = compare_unlisted(session, vault, run.id, logged=logged)
    assert (found.accepted, found.logged, found.unsettled, found.differences) == (1, 2, 1, 0)


def test_either_side_alone_is_a_difference(session: Session, run: Run, vault: Vault) -> None:
    a_chat(session, run, vault, "71", send_state=SendState.ACCEPTED, provider_id="5:1")
    a_chat(session, run, vault, "72", send_state=SendState.FAILED)
    found = compare_unlisted(session, vault, run.id, logged=[{"sid": "5:2", "to": "telegram:72"}])
    assert found.differences == 2
