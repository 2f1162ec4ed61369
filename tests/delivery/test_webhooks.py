"""A status callback is verified raw, on disk before it is answered, and never refused for its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from campaigns.app import create_app
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import UnavailableError
from campaigns.delivery.callbacks import LARGEST_BODY, refusals
from campaigns.delivery.intake import ReceiptIntake
from campaigns.delivery.models import Receipt
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio_callbacks import TwilioCallbacks
from campaigns.web.session import database
from tests.web.pages import page_settings

PUBLIC_URL = "https://fingerpost.example"
TOKEN = "token"
STATUS = "/hooks/twilio/status"
Form = list[tuple[str, str]]
DELIVERED: Form = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("From", "+15005550006")]


@pytest.fixture
def client(engine: Engine) -> Iterator[FlaskClient]:
    settings = page_settings(engine, public_url=PUBLIC_URL)
    app: Flask = create_app(settings, readers={"twilio": TwilioCallbacks([Credential("AC1", TOKEN)])})
    yield app.test_client()
    with app.app_context():
        database.engine.dispose()


@pytest.fixture
def stored(sessions: sessionmaker[Session]) -> Callable[[], list[Receipt]]:
    def read() -> list[Receipt]:
        with sessions() as session:
            return list(session.scalars(select(Receipt).order_by(Receipt.id)))

    return read


def post(client: FlaskClient, query: str, form: Form, *, signature: str | None = None) -> TestResponse:
    if signature is None:
        url = PUBLIC_URL + STATUS + query
        signature = RequestValidator(TOKEN).compute_signature(url, MultiDict(form))
    headers = {"X-Twilio-Signature": signature} if signature else {}
    body = urlencode(form)
    return client.post(
        STATUS + query, data=body, headers=headers, content_type="application/x-www-form-urlencoded"
    )


def test_genuine_callback_is_on_disk(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    answer = post(client, "?m=abc", DELIVERED)
    assert (answer.status_code, answer.data) == (204, b"")
    (receipt,) = stored()
    assert (receipt.reference, receipt.provider_id, receipt.status) == ("abc", "SM1", "delivered")
    assert "+15005550006" not in str(receipt.raw)


@pytest.mark.parametrize("signature", ["", "Zm9yZ2Vk", "é"], ids=["unsigned", "forged", "odd"])
def test_not_genuine_has_no_effect(
    client: FlaskClient, stored: Callable[[], list[Receipt]], signature: str
) -> None:
    before = refusals.by_reason().get("signature", 0)
    assert post(client, "?m=abc", DELIVERED, signature=signature).status_code == 403
    assert refusals.by_reason()["signature"] == before + 1
    assert stored() == []


@pytest.mark.parametrize(
    "form",
    [
        [("MessageStatus", "sent"), ("Empty", ""), ("Name", "Łódź – Київ ومرحبا")],
        [("MessageStatus", "sent"), ("Twice", "b"), ("Twice", "a"), ("Twice", "b")],
        [("MessageStatus", "sent"), ("Plus", "a+b c&d=e%20"), ("Emoji", "👩‍👩‍👧")],
    ],
    ids=["unicode", "repeated", "escapes"],
)
@pytest.mark.parametrize("query", ["?m=abc", "?m=abc&x=%D1%88%3A%2F%2F", ""])
def test_awkward_values_verify(client: FlaskClient, query: str, form: Form) -> None:
    assert post(client, query, form).status_code == 204


def test_unknown_words_and_fields_are_kept(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    assert post(client, "", [("MessageStatus", "beamed"), ("Future", "field")]).status_code == 204
    (receipt,) = stored()
    assert (receipt.status, receipt.reference, receipt.raw["Future"]) == ("beamed", "", "field")


def test_oversize_is_refused_and_counted(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    before = refusals.by_reason().get("oversize", 0)
    assert post(client, "", [("Body", "x" * LARGEST_BODY)]).status_code == 413
    assert post(client, "", [(f"F{number}", "") for number in range(500)]).status_code == 413
    assert refusals.by_reason()["oversize"] == before + 2
    assert stored() == []


def test_many_callbacks_share_few_commits(engine: Engine, sessions: sessionmaker[Session]) -> None:
    commits: list[object] = []
    count = commits.append
    event.listen(engine, "commit", count)
    intake = ReceiptIntake(sessions, gateway="twilio")
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(intake.keep, [StatusUpdate(str(n), "SM", "sent", None) for n in range(400)]))
    event.remove(engine, "commit", count)
    with sessions() as session:
        assert len(session.scalars(select(Receipt.id)).all()) == 400
    assert len(commits) < 200


def test_failing_database_answers_unavailable_then_recovers(engine: Engine) -> None:
    broken = make_engine("sqlite:////nowhere/at/all.db")
    intake = ReceiptIntake(make_sessions(broken), gateway="twilio")
    update = StatusUpdate("abc", "SM1", "sent", None)
    with pytest.raises(UnavailableError, match="could not be stored"):
        intake.keep(update)
    intake._sessions = make_sessions(engine)
    intake.keep(update)
    broken.dispose()
