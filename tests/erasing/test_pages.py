"""A data manager erases a person, with the password typed anew and a reason; nobody else does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.audience.models import Address
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, an_address, an_organisation
from tests.inbox.builders import THEM
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


@pytest.fixture
def contact_id(pages: Pages, vault: Vault) -> int:
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        an_address(session, contact, vault, number=THEM)
        return contact.id


def test_person_is_erased_from_their_page(pages: Pages, client_for: Clients, contact_id: int) -> None:
    client, here = client_for(Role.STEWARD), f"/audience/contacts/{contact_id}"
    assert f"{here}/erase" in client.get(here).text
    page = client.get(f"{here}/erase").text
    assert "Backups" in page
    assert "Twilio" in page
    assert client.post(f"{here}/erase", data={"words": "no reason"}).status_code == 422
    answer = client.post(f"{here}/erase", data={"why": "asked", "words": "at the desk"}, follow_redirects=True)
    assert "Their data is erased." in answer.text
    assert "Only the number of this contact is left" in answer.text
    assert f"{here}/erase" not in answer.text
    assert client.get(f"{here}/erase").location == here
    assert f'href="{here}"' not in client.get("/audience/contacts").text
    with pages.sessions() as session:
        assert session.scalar(select(func.count(Address.id))) == 0
        acts = select(AuditEntry.detail).where(AuditEntry.action == "contact.erase")
        assert session.scalars(acts).all() == [{"reason": "asked"}]


def test_page_says_that_a_message_is_waited_for(pages: Pages, client_for: Clients, contact_id: int) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
        address_id = session.scalars(select(Address.id)).one()
        row = a_delivery(session, run, contact_id=contact_id, address_id=address_id)
        row.send_state = SendState.SENDING
    client, here = client_for(Role.STEWARD), f"/audience/contacts/{contact_id}/erase"
    answer = client.post(here, data={"why": "other"}, follow_redirects=True)
    assert "Their data is erased within minutes" in answer.text
    assert "Their data is erased within minutes" in client.get(here).text
    with pages.sessions() as session:
        assert session.scalars(select(Delivery.send_state)).one() == SendState.SENDING


def test_responder_is_shown_no_way_to_erase(client_for: Clients, contact_id: int) -> None:
    client, here = client_for(Role.RESPONDER), f"/audience/contacts/{contact_id}"
    assert "/erase" not in client.get(here).text
    assert client.post(f"{here}/erase", data={"why": "asked"}).status_code == 403


def test_nobody_erases_somebody_elses_contact(pages: Pages, client_for: Clients, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        theirs = a_contact(session, an_organisation(session)).id
    assert client_for(Role.STEWARD).post(f"/audience/contacts/{theirs}/erase").status_code == 404
