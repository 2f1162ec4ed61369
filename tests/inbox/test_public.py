"""The inbound webhook obeys only what the provider signed, and answers with no word to the phone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from campaigns.audience.models import Address, AddressState
from campaigns.core.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.inbox.models import Reply
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, an_address
from tests.web.pages import Pages, make_pages

PUBLIC_URL, TOKEN, INBOUND = "https://fingerpost.example", "token", "/hooks/twilio/inbound"
FROM = "+380501234567"


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}") as pages:
        yield pages


@pytest.fixture
def waiting(pages: Pages, vault: Vault) -> int:
    """A queued delivery to the number; its id."""
    with pages.sessions.begin() as session:
        address = an_address(session, a_contact(session, pages.ours), vault, number=FROM)
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
        return a_delivery(session, run, contact_id=address.contact_id, address_id=address.id).id


def post(pages: Pages, body: str, *, token: str = TOKEN, **changes: str) -> TestResponse:
    form = {"MessageSid": "SM1", "From": FROM, "To": "+15005550006", "Body": body, "NumMedia": "0"} | changes
    signature = RequestValidator(token).compute_signature(PUBLIC_URL + INBOUND, MultiDict(form))
    return pages.client().post(
        INBOUND,
        data=urlencode(form),
        headers={"X-Twilio-Signature": signature},
        content_type="application/x-www-form-urlencoded",
    )


def test_signed_stop_is_in_force_when_answered(pages: Pages, waiting: int) -> None:
    answer = post(pages, "СТОП")
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.SUPPRESSED
        assert session.scalars(select(Address.state)).one() == AddressState.OPTED_OUT


def test_forged_stop_has_no_effect(pages: Pages, waiting: int) -> None:
    assert post(pages, "STOP", token="another").status_code == 403
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.QUEUED
        assert session.scalars(select(Reply)).all() == []


def test_odd_bytes_and_repetition_are_harmless(pages: Pages) -> None:
    for _ in range(2):
        assert post(pages, "a\0b\u202e", MessageSid="SM\0", To="\0").status_code == 200
    with pages.sessions() as session:
        assert len(session.scalars(select(Reply)).all()) == 1
