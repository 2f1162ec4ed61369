"""Somebody who cannot answer ends their messages by the link in a text: one tap, and nothing before it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import restore
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind, SuppressedAddress
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import token_of
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.inbox.conversations.addressees import load_addressee
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.window import Obstacle, find_obstacle
from campaigns.leaving.service import LEAVE
from campaigns.staff.models import AuditEntry
from campaigns.web.people.layout import NOT_SHOWN_AGAIN
from tests.factories import a_campaign, a_contact, a_delivery, a_run, a_sender, an_address
from tests.inbox.builders import OURS, write
from tests.inbox.unnamed.test_whole_way import shown_fields
from tests.moments import standing_at
from tests.web.pages import Pages

NUMBER = "+380501234567"


@pytest.fixture
def address(pages: Pages, vault: Vault) -> Address:
    """The address of somebody to whom a message waits to be sent."""
    author = pages.member()
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        address = an_address(session, contact, vault, number=NUMBER)
        run = a_run(session, a_campaign(session, pages.ours, author))
        a_delivery(session, run, contact_id=contact.id, address_id=address.id)
        return address


def state_of(pages: Pages, address: Address) -> AddressState:
    with pages.sessions() as session:
        return AddressState(session.get_one(Address, address.id).state)


def obstacle_of(pages: Pages) -> Obstacle | None:
    """Why a member may not answer the only person who wrote."""
    with pages.sessions() as session:
        conversation = session.scalars(select(Conversation)).one()
        return find_obstacle(load_addressee(session, conversation).writer, now=clock.now())


def test_to_look_changes_nothing_and_one_tap_ends_it(pages: Pages, vault: Vault, address: Address) -> None:
    people, link = pages.client(), f"/en/e/{token_of(address.id, address.lookup, vault)}"
    for agent in ("Mozilla/5.0", "WhatsApp/2", "TelegramBot (like TwitterBot)"):
        shown = people.get(link, headers={"User-Agent": agent})
        assert (shown.status_code, shown.headers["Cache-Control"]) == (NOT_SHOWN_AGAIN, "no-store")
    assert state_of(pages, address) == AddressState.ACTIVE
    done = people.post(link, data=shown_fields(shown.text))
    assert (done.status_code, "We send nothing more" in done.text) == (200, True)
    assert "Set-Cookie" not in done.headers
    assert state_of(pages, address) == AddressState.OPTED_OUT
    with pages.sessions() as session:
        assert session.scalars(select(Delivery.send_state)).all() == [SendState.SUPPRESSED]
        assert {Channel(each) for each in session.scalars(select(SuppressedAddress.channel))} == {
            Channel.SMS,
            Channel.WHATSAPP,
        }
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == LEAVE)).one()
        # Nobody who left is named, not even by an id.
        assert (entry.subject_type, entry.member_id) == ("organisation", None)
        assert entry.detail == {"addresses": 1, "suppressed": 1}


def test_form_that_nobody_opened_ends_nothing(pages: Pages, vault: Vault, address: Address) -> None:
    answer = pages.client().post(f"/en/e/{token_of(address.id, address.lookup, vault)}", data={"stamp": "1.2.3"})
    assert (answer.status_code, 'name="stamp"' in answer.text) == (422, True)
    assert state_of(pages, address) == AddressState.ACTIVE


def test_link_that_is_not_whole_says_so(pages: Pages, vault: Vault, address: Address) -> None:
    people, token = pages.client(), token_of(address.id, address.lookup, vault)
    for wrong in (token[:-1], token[:-1] + "u", "nobody"):
        assert "not whole, or too old" in people.get(f"/en/e/{wrong}").text
        assert "We send nothing more" not in people.post(f"/en/e/{wrong}").text
    assert state_of(pages, address) == AddressState.ACTIVE


def test_link_of_somebody_erased_ends_the_messages_of_nobody_else(
    pages: Pages, vault: Vault, address: Address
) -> None:
    link = f"/en/e/{token_of(address.id, address.lookup, vault)}"
    with pages.sessions.begin() as session:
        session.execute(delete(Delivery))
        session.execute(delete(Address))
        # The id is free again, and somebody else is given it.
        other = an_address(session, a_contact(session, pages.ours), vault, number="+48501000001", id=address.id)
    people = pages.client()
    form = shown_fields(people.get(f"/en/e/{token_of(other.id, other.lookup, vault)}").text)
    assert "not whole, or too old" in people.get(link).text
    assert people.post(link, data=form).status_code == 422
    assert state_of(pages, address) == AddressState.ACTIVE


@pytest.mark.both_databases
def test_form_that_was_shown_before_they_agreed_again_ends_nothing(
    pages: Pages, vault: Vault, address: Address
) -> None:
    people, link = pages.client(), f"/en/e/{token_of(address.id, address.lookup, vault)}"
    form = shown_fields(people.get(link).text)
    assert people.post(link, data=form).status_code == 200
    later = clock.now() + timedelta(minutes=5)
    with standing_at(later), pages.sessions.begin() as session:
        restore(session, HashedHandle.of(address), Declaration("keyword", "START", later))
    with standing_at(later + timedelta(minutes=5)):
        again = people.post(link, data=form)
        assert (again.status_code, 'name="stamp"' in again.text) == (422, True)
        assert state_of(pages, address) == AddressState.ACTIVE
        assert people.post(link, data=shown_fields(again.text)).status_code == 200
    assert state_of(pages, address) == AddressState.OPTED_OUT


@pytest.mark.both_databases
def test_form_that_is_sent_on_and_on_is_noted_once(pages: Pages, vault: Vault, address: Address) -> None:
    people, link = pages.client(), f"/en/e/{token_of(address.id, address.lookup, vault)}"
    form = shown_fields(people.get(link).text)
    assert {people.post(link, data=form).status_code for _ in range(3)} == {200}
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).where(AuditEntry.action == LEAVE)) == 1
        assert session.scalar(select(func.count()).where(Consent.kind == ConsentKind.WITHDRAWN)) == 1


@pytest.mark.both_databases
def test_link_ends_the_answers_too_that_a_question_after_an_earlier_stop_allows(
    pages: Pages, vault: Vault, address: Address
) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
        ours = pages.ours.id
        for text in ("STOP", "Where can we sleep?"):
            assert write(session, vault, ours, text, options={}, from_handle=NUMBER) is not None
    assert obstacle_of(pages) is None
    people, link = pages.client(), f"/en/e/{token_of(address.id, address.lookup, vault)}"
    form = shown_fields(people.get(link).text)
    assert people.post(link, data=form).status_code == 200
    assert obstacle_of(pages) is Obstacle.OPTED_OUT
    assert people.post(link, data=form).status_code == 200
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).where(AuditEntry.action == LEAVE)) == 1


def test_asking_for_the_head_of_the_page_is_to_look(pages: Pages, vault: Vault, address: Address) -> None:
    link = f"/en/e/{token_of(address.id, address.lookup, vault)}"
    assert pages.client().head(link).status_code == NOT_SHOWN_AGAIN


def test_page_says_stop_over_senders_that_hear(pages: Pages, people: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        facts = {"organisation_id": pages.ours.id}
        a_sender(session, identity="+48500100200", countries=["PL"], **facts)
        a_sender(session, identity="+48500100200", channel=Channel.WHATSAPP, **facts)
        a_sender(session, identity="fingerpost_bot", channel=Channel.TELEGRAM, gateway="telegram", **facts)
        a_sender(session, identity="NGOINFO", two_way=False, **facts)
    page = people.get("/uk/pl/e").text
    links = ("sms:+48500100200?body=STOP", "https://wa.me/48500100200?text=STOP", "https://t.me/fingerpost_bot")
    assert [link for link in links if f'href="{link}"' not in page] == []
    assert "NGOINFO" not in page
    assert "СТОП" in page
