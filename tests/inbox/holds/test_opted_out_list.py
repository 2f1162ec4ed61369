"""A list of numbers opts out contacts and strangers alike, and a second time nobody more."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.models import Address, AddressState, Channel, Consent, Contact, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_campaign, a_contact, a_delivery, a_run, an_address
from tests.web.pages import Pages

LIST = "/audience/contacts/opted-out"
OURS, THEIRS, STRANGER = "+380501234567", "+380507654321", "+380509999999"


def hand_in(client: FlaskClient, text: str, **fields: str) -> TestResponse:
    data = {"source": "list of the old system", **fields, "file": (io.BytesIO(text.encode()), "stops.csv")}
    return client.post(LIST, data=data, content_type="multipart/form-data")


def tiles(answer: TestResponse) -> list[str]:
    """Return rows, different numbers, and own contacts who opted out by it."""
    return re.findall(r'figure-number">([\d,]+)<', answer.text)


@pytest.mark.both_databases
def test_contacts_and_strangers_opt_out_once(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    member = pages.member()
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        sms = an_address(session, contact, vault, number=OURS)
        an_address(session, contact, vault, number=OURS, channel=Channel.WHATSAPP, rank=1)
        an_address(session, a_contact(session, pages.theirs), vault, number=THEIRS)
        run = a_run(session, a_campaign(session, pages.ours, member))
        delivery_id = a_delivery(session, run, contact_id=contact.id, address_id=sms.id).id
    client, text = client_for(Role.STEWARD), f"Phone\n{OURS}\n{THEIRS}\n\n{STRANGER}\n{OURS}\n"
    first = hand_in(client, text)
    assert (first.status_code, tiles(first)) == (200, ["4", "3", "1"])
    with pages.sessions() as session:
        assert {state for (state,) in session.execute(select(Address.state))} == {AddressState.OPTED_OUT}
        lines = session.scalars(select(Consent).order_by(Consent.id)).all()
        marks = session.scalar(
            select(func.count()).select_from(SuppressedAddress).where(~SuppressedAddress.is_hold)
        )
        entry = session.scalars(select(AuditEntry)).one()
        assert session.get_one(Delivery, delivery_id).send_state == SendState.SUPPRESSED
    assert marks == 6
    assert sorted((line.kind, line.method) for line in lines) == [("withdrawn", "list")] * 3
    assert {open_evidence(line, vault) for line in lines if line.sealed_evidence} == {"list of the old system"}
    assert entry.detail == {"numbers": 3, "addresses": 3, "suppressed": 1}
    assert tiles(hand_in(client, text)) == ["4", "3", "0"]
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 3
    for number in (OURS, THEIRS, STRANGER):
        assert number[-7:] not in first.text


def test_number_of_the_list_is_not_imported_afterwards(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    hand_in(client, f"{STRANGER}\n")
    person = {"number": STRANGER, "channels": ["sms"], "language": "uk", "consent_on": "2026-02-27"}
    client.post("/audience/contacts/new", data=person | {"consent_how": "form"})
    with pages.sessions() as session:
        assert session.scalars(select(Contact)).all() == []


def test_rows_that_are_no_number_are_told_and_hold_up_nobody(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    answer = hand_in(
        client_for(Role.STEWARD), f"number;note\n{STRANGER};asked by phone\n3.80671E+11;\n0501112233;\n"
    )
    assert tiles(answer) == ["3", "1", "0"]
    assert "2 rows are no numbers" in answer.text
    assert "Line 3, number" in answer.text
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(SuppressedAddress)) == 2


def test_local_numbers_are_read_with_the_country_of_the_file(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    assert tiles(hand_in(client_for(Role.STEWARD), "050 999 99 99\n", country="UA")) == ["1", "1", "0"]


def test_list_says_where_it_comes_from(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    assert hand_in(client_for(Role.STEWARD), f"{STRANGER}\n", source="").status_code == 422
    assert hand_in(client_for(Role.AUTHOR), f"{STRANGER}\n").status_code == 403
    with pages.sessions() as session:
        assert session.scalars(select(SuppressedAddress)).all() == []
