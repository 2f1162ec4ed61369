"""A status callback is verified raw, on disk before it is answered, and never refused for its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from campaigns.app import create_app
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts.merge import apply_receipts
from campaigns.delivery.receipts.receipt_writer import ReceiptIntake
from campaigns.delivery.receipts.request import LARGEST_BODY, refusals
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.gateways.africastalking.callbacks import AfricasTalkingCallbacks
from campaigns.gateways.callbacks import CallbackReader, hook_secret
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio.callbacks import TwilioCallbacks
from tests.factories import a_campaign, a_delivery, a_member, a_run, an_organisation
from tests.web.pages import let_go, page_settings

pytestmark = pytest.mark.one_database

PUBLIC_URL = "https://fingerpost.example"
TOKEN, REHEARSAL_TOKEN = "token", "another"
STATUS = "/hooks/twilio/status"
Form = list[tuple[str, str]]
DELIVERED: Form = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("From", "+15005550006")]


@pytest.fixture
def client(engine: Engine) -> Iterator[FlaskClient]:
    settings = page_settings(engine, public_url=PUBLIC_URL)
    readers: dict[str, CallbackReader] = {
        "twilio": TwilioCallbacks(
            [Credential("AC1", TOKEN), Credential("AC2", REHEARSAL_TOKEN, is_rehearsal=True)]
        ),
        "africastalking": AfricasTalkingCallbacks(
            [Credential("ngo", TOKEN), Credential("sandbox", REHEARSAL_TOKEN, is_rehearsal=True)]
        ),
    }
    app: Flask = create_app(settings, readers=readers)
    yield app.test_client()
    let_go(app)


@pytest.fixture
def stored(sessions: sessionmaker[Session]) -> Callable[[], list[Receipt]]:
    def read() -> list[Receipt]:
        with sessions() as session:
            return list(session.scalars(select(Receipt).order_by(Receipt.id)))

    return read


def post(
    client: FlaskClient, query: str, form: Form, *, signature: str | None = None, token: str = TOKEN
) -> TestResponse:
    if signature is None:
        url = PUBLIC_URL + STATUS + query
        signature = RequestValidator(token).compute_signature(url, MultiDict(form))
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


def test_what_is_stored_may_hold_anything(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    form = [("MessageStatus", "sent\0" * 20), ("Nul", "a\0b"), ("Lone", "\\ud800"), ("Quote", "'\"\\ %s :x")]
    assert post(client, "?m=" + "9" * 200, form).status_code == 204
    (receipt,) = stored()
    assert (len(receipt.reference), len(receipt.status), receipt.raw["Nul"]) == (64, 30, "a\ufffdb")
    assert (receipt.raw["Lone"], receipt.raw["Quote"]) == ("\\ud800", "'\"\\ %s :x")


@pytest.mark.parametrize("place", [STATUS, "/hooks/twilio/inbound"])
def test_json_is_believed_by_the_hash_in_its_address(
    client: FlaskClient, stored: Callable[[], list[Receipt]], place: str
) -> None:
    body = '{"MessageSid": "SM1", "MessageStatus": "delivered"}'
    path = f"{place}?bodySHA256={sha256(body.encode()).hexdigest()}"
    headers = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, {})}
    type_ = "application/json; charset=utf-8"
    assert client.post(path, data=body, headers=headers, content_type=type_).status_code in (200, 204)
    assert client.post(path, data=body + " ", headers=headers, content_type=type_).status_code == 403
    assert stored() == []


@pytest.mark.parametrize("given", [{}, {"wsgi.input_terminated": True}], ids=["no length", "chunks"])
def test_body_without_length(client: FlaskClient, given: dict[str, bool]) -> None:
    body = BytesIO(urlencode(DELIVERED).encode())
    url = PUBLIC_URL + STATUS
    signature = RequestValidator(TOKEN).compute_signature(url, MultiDict(DELIVERED))
    builder = EnvironBuilder(path=STATUS, method="POST", headers=[("X-Twilio-Signature", signature)])
    environ = builder.get_environ() | {"wsgi.input": body, "CONTENT_LENGTH": ""} | given
    _, status, _ = run_wsgi_app(client.application, environ)
    assert status == ("204 No Content" if given else "403 Forbidden")


def test_other_requests_pass_the_door(client: FlaskClient) -> None:
    assert client.get(STATUS).status_code in (404, 405)
    assert client.get("/health").get_json()["status"] == "ok"
    for path in ("/hooks//status", "/hooks/a/b/c/status", "/hooks/status"):
        assert client.post(path).status_code in (403, 404, 405, 308)


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


@pytest.fixture
def delivery(sessions: sessionmaker[Session]) -> Delivery:
    """A delivery on its way whose reference is "abc"."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
        return a_delivery(
            session,
            run,
            reference="abc",
            send_state=SendState.SENDING,
            intent_at=clock.now(),
            token="t",
            attempts=1,
        )


def report(client: FlaskClient, *words: str) -> None:
    """Post a status callback of each word about "abc"."""
    for word in words:
        assert post(client, "?m=abc", [("MessageSid", "SM1"), ("MessageStatus", word)]).status_code == 204


@pytest.mark.parametrize(
    "words",
    [
        ("sent", "delivered"),
        ("delivered", "sent", "queued"),
        ("sent", "sent", "delivered", "delivered", "sent"),
        ("undelivered", "delivered"),
        ("delivered", "beamed"),
    ],
    ids=["ordered", "reordered", "doubled", "corrected", "unknown"],
)
def test_any_order_ends_the_same(
    client: FlaskClient, sessions: sessionmaker[Session], delivery: Delivery, words: tuple[str, ...]
) -> None:
    report(client, *words)
    with sessions.begin() as session:
        apply_receipts(session)
    with sessions() as session:
        known = session.get_one(Delivery, delivery.id)
        assert (known.receipt_state, known.provider_id) == (ReceiptState.DELIVERED, "SM1")


def test_early_callback_waits_for_its_delivery(client: FlaskClient, sessions: sessionmaker[Session]) -> None:
    report(client, "delivered")
    with sessions.begin() as session:
        assert apply_receipts(session) == 0
        organisation = an_organisation(session)
        run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
        made = a_delivery(session, run, reference="abc", send_state=SendState.SENDING)
        assert apply_receipts(session) == 1
        session.refresh(made)
        assert made.receipt_state == ReceiptState.DELIVERED


def test_late_callback_comes_after_the_end(
    client: FlaskClient, sessions: sessionmaker[Session], delivery: Delivery
) -> None:
    for word in ("delivered", "sent"):
        report(client, word)
        with sessions.begin() as session:
            assert apply_receipts(session) == 1
    with sessions() as session:
        assert session.get_one(Delivery, delivery.id).receipt_state == ReceiptState.DELIVERED


@pytest.mark.parametrize("path", ["/hooks/nobody/status", "/hooks/console/status", "/hooks/nobody/x/status"])
def test_unknown_gateway_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data={"MessageStatus": "sent"})
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")


def test_gateway_without_credential_is_unavailable(client: FlaskClient) -> None:
    assert client.post("/hooks/telegram/anything", json={"update_id": 1}).status_code == 503


AFRICAN = {"id": "ATX1", "status": "Success", "phoneNumber": "+254711222333"}


def test_secret_address_stands_for_a_signature(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    assert client.post(f"/hooks/africastalking/{hook_secret(TOKEN)}/status", data=AFRICAN).status_code == 204
    (receipt,) = stored()
    assert (receipt.gateway, receipt.reference, receipt.status) == ("africastalking", "ATX1", "delivered")
    assert "254711222333" not in str(receipt.raw)


@pytest.mark.parametrize("secret", ["", "wrong/", f"{hook_secret('guessed')}/", "é/"])
def test_wrong_secret_has_no_effect(client: FlaskClient, stored: Callable[[], list[Receipt]], secret: str) -> None:
    assert client.post(f"/hooks/africastalking/{secret}status", data=AFRICAN).status_code == 403
    assert stored() == []


@pytest.mark.both_databases
def test_stale_callback_is_refused_and_counted(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    before = refusals.by_reason().get("stale", 0)
    path = f"/hooks/africastalking/{hook_secret(TOKEN)}/status"
    assert client.post(path, data={**AFRICAN, "date": "2020-01-01T00:00:00"}).status_code == 403
    assert (refusals.by_reason()["stale"], stored()) == (before + 1, [])


def test_sandbox_speaks_of_rehearsals_only(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    before = refusals.by_reason().get("rehearsal", 0)
    for query in ("?m=abc", "", "?m=R-abc"):
        assert post(client, query, DELIVERED, token=REHEARSAL_TOKEN).status_code == 403
    assert (refusals.by_reason()["rehearsal"], stored()) == (before + 3, [])
    assert post(client, "?m=r-abc", DELIVERED, token=REHEARSAL_TOKEN).status_code == 204
    path = f"/hooks/africastalking/{hook_secret(REHEARSAL_TOKEN)}/status"
    assert client.post(path, data=AFRICAN).status_code == 204
    assert [receipt.reference for receipt in stored()] == ["r-abc", "r-ATX1"]


def test_provider_may_speak_of_rehearsals(client: FlaskClient, stored: Callable[[], list[Receipt]]) -> None:
    assert post(client, "?m=r-abc", DELIVERED).status_code == 204
    assert len(stored()) == 1


def test_retry_after_an_outage_loses_nothing(
    client: FlaskClient, engine: Engine, stored: Callable[[], list[Receipt]]
) -> None:
    broken = make_engine("sqlite:////nowhere/at/all.db")
    intake = ReceiptIntake(broken)
    client.application.wsgi_app.intake = intake  # type: ignore[attr-defined]
    assert post(client, "?m=abc", DELIVERED).status_code == 503
    intake._engine = engine
    report(client, "delivered")
    assert [receipt.reference for receipt in stored()] == ["abc"]
    broken.dispose()
