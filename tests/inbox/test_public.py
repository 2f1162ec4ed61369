"""The inbound addresses obey only what is proved to be the provider's, and answer with no word to the phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, select, text
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from campaigns.audience.consent.ledger import hold_withdrawals
from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.continuity.journal import Said, journal_of, read_journal
from campaigns.core import clock, database
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts.request import LARGEST_BODY, refusals
from campaigns.delivery.states import SendState
from campaigns.front.steps import Piece
from campaigns.gateways.callbacks import hook_secret
from campaigns.gateways.kinds import get_kind
from campaigns.inbox.models import LONGEST_TEXT, Reply
from campaigns.inbox.queries import open_text
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, a_sender, an_address
from tests.web.pages import Pages, make_pages, page_settings

pytestmark = pytest.mark.one_database


BOT, CHAT = "5550100", 77001
PUBLIC_URL, TOKEN, INBOUND = "https://fingerpost.example", "token", "/hooks/twilio/inbound"
FROM = "+380501234567"


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    secrets = {"secret_twilio": f"AC0:{TOKEN}", "secret_bot": f"{BOT}:{TOKEN}", "secret_africa": f"ngo:{TOKEN}"}
    with make_pages(engine, public_url=PUBLIC_URL, **secrets) as pages:
        yield pages


@pytest.fixture
def waiting(pages: Pages, vault: Vault) -> int:
    """A queued delivery to the number; its id."""
    with pages.sessions.begin() as session:
        address = an_address(session, a_contact(session, pages.ours), vault, number=FROM)
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
        return a_delivery(session, run, contact_id=address.contact_id, address_id=address.id).id


def post(
    pages: Pages, body: str, *, token: str = TOKEN, address: str = PUBLIC_URL, **changes: str
) -> TestResponse:
    form = {"MessageSid": "SM1", "From": FROM, "To": "+15005550006", "Body": body, "NumMedia": "0"} | changes
    signature = RequestValidator(token).compute_signature(address + INBOUND, MultiDict(form))
    return pages.client().post(
        INBOUND,
        data=urlencode(form),
        headers={"X-Twilio-Signature": signature},
        content_type="application/x-www-form-urlencoded",
    )


@pytest.mark.parametrize("signed", ["https://hooks.example/in", PUBLIC_URL, "https://evil.example"])
def test_stop_over_either_address_of_ours_is_obeyed(sqlite_engine: Engine, vault: Vault, signed: str) -> None:
    """The provider's own settings name the address of before, until somebody changes them there."""
    hooks = "https://hooks.example/in/"
    with make_pages(sqlite_engine, public_url=PUBLIC_URL, hooks_url=hooks, secret_twilio=f"AC0:{TOKEN}") as pages:
        with pages.sessions.begin() as session:
            address_id = an_address(session, a_contact(session, pages.ours), vault, number=FROM).id
        is_ours = signed != "https://evil.example"
        assert post(pages, "STOP", address=signed).status_code == (200 if is_ours else 403)
        with pages.sessions() as session:
            found = session.get_one(Address, address_id).state
        assert found == (AddressState.OPTED_OUT if is_ours else AddressState.ACTIVE)


def test_stop_waits_as_long_as_an_import_ends(
    engine: Engine, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page gives up after some seconds; a stop that did would be lost where no provider calls again."""
    monkeypatch.setattr(database, "WEB_LOCK_SECONDS", 1)
    with make_pages(engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}") as pages:
        with pages.sessions.begin() as session:
            address_id = an_address(session, a_contact(session, pages.ours), vault, number=FROM).id
        importing = pages.sessions()
        hold_withdrawals(importing)
        end = threading.Timer(2, importing.close)
        end.start()
        assert post(pages, "STOP").status_code == 200
        end.join()
        with pages.sessions() as session:
            assert session.get_one(Address, address_id).state == AddressState.OPTED_OUT


def test_signed_stop_is_in_force_when_answered(pages: Pages, waiting: int) -> None:
    answer = post(pages, "СТОП")
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.SUPPRESSED
        assert session.scalars(select(Address.state)).one() == AddressState.OPTED_OUT


def test_stop_is_in_the_journal_when_answered(engine: Engine, tmp_path: Path) -> None:
    """A backup that is restored later has forgotten it, and its provider never says it again."""
    with make_pages(
        engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}", state_folder=str(tmp_path)
    ) as pages:
        journal = journal_of(engine.url, tmp_path)
        assert journal is not None
        before = [entry for path in journal.files() for entry in read_journal(path)]
        assert post(pages, "STOP").status_code == 200
        entries = [entry for path in journal.files() for entry in read_journal(path)]
    assert [entry.said for entry in entries[len(before) :] if entry] == [Said.STOP]


def test_stop_under_a_wrong_key_is_a_failure_of_ours(
    sqlite_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """A provider repeats what failed with us; a form error would tell it that the stop is done with."""
    short = "1:a2tra2tra2tra2tra2tra2s="
    with make_pages(
        sqlite_engine, public_url=PUBLIC_URL, secret_twilio=f"AC0:{TOKEN}", encryption_keys=short
    ) as pages:
        answer = post(pages, "STOP")
        with pages.sessions() as session:
            assert session.scalars(select(Reply)).all() == []
    assert answer.status_code == 500
    assert [(record.levelname, "32 bytes" in record.getMessage()) for record in caplog.records] == [
        ("ERROR", True)
    ]


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


def update(number: int = 1, *, text: str = "/start", **changes: Any) -> dict[str, Any]:
    """A message to the bot in a private chat, as Telegram posts it."""
    chat = {"id": CHAT, "type": "private"}
    person = {"id": CHAT, "is_bot": False, "first_name": "A", "language_code": "uk"}
    message = {"message_id": number, "date": int(clock.now().timestamp()), "chat": chat, "from": person}
    return {"update_id": number, "message": message | ({"text": text} if text else {}) | changes}


def to_bot(pages: Pages, posted: dict[str, Any], *, token: str = TOKEN) -> TestResponse:
    secret = hook_secret(token)
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    return pages.client().post(f"/hooks/telegram/{secret}", json=posted, headers=headers)


def kinds(pages: Pages) -> list[str]:
    with pages.sessions() as session:
        return [str(kind) for kind in session.scalars(select(Reply.kind).order_by(Reply.id))]


def test_start_joins_the_owner_of_the_bot(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        bot = {"channel": Channel.TELEGRAM, "gateway": "telegram", "secret_name": "bot"}
        a_sender(session, organisation_id=pages.ours.id, identity="help_bot", **bot)
    answer = to_bot(pages, update())
    assert (answer.status_code, answer.data) == (204, b"")
    with pages.sessions() as session:
        address = session.scalars(select(Address)).one()
        assert (address.organisation_id, address.state) == (pages.ours.id, AddressState.ACTIVE)
        assert address.contact.language == "uk"


def test_code_stop_and_start_by_a_bot(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        create_entry_point(session, pages.theirs.id, name="Gate", code="GATE-7", by=None)
    # In the order in which they are said: each has the second of its making.
    posted = [update(1, text="/start gate-7"), update(2, text="Дякую"), blocked := update(3)]
    blocked["my_chat_member"] = blocked.pop("message") | {"new_chat_member": {"status": "kicked"}}
    for one in (*posted, posted[0], posted[2]):
        assert to_bot(pages, one).status_code == 204
    assert kinds(pages) == ["join", "text", "stop"]
    with pages.sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.OPTED_OUT


def test_half_a_letter_holds_up_no_other_update(pages: Pages) -> None:
    """A bot posts an update again until it is taken, and no later one before."""
    assert to_bot(pages, update(1, text="\ud83d where can we sleep?")).status_code == 204
    assert to_bot(pages, update(2, text="STOP")).status_code == 204
    assert kinds(pages) == ["text", "stop"]


@pytest.mark.parametrize("posted", [{}, {"update_id": 1, "poll": {}}, update(1, text="", chat={"id": "x"})])
def test_updates_that_say_nothing_leave_nothing(pages: Pages, posted: dict[str, Any]) -> None:
    assert to_bot(pages, posted).status_code in (204, 403)
    assert kinds(pages) == []


def test_bot_without_its_secret_is_refused(pages: Pages) -> None:
    before = refusals.by_reason().get("signature", 0)
    assert to_bot(pages, update(), token="guessed").status_code == 403
    assert pages.client().post(f"/hooks/telegram/{hook_secret(TOKEN)}", json=update()).status_code == 403
    assert (refusals.by_reason()["signature"], kinds(pages)) == (before + 2, [])


def test_unsigned_texts_come_to_a_secret_address(pages: Pages) -> None:
    message = {"id": "AT1", "from": "+254711222333", "to": "7711", "text": "STOP"}
    for _ in range(2):
        answer = pages.client().post(f"/hooks/africastalking/{hook_secret(TOKEN)}/inbound", data=message)
        assert (answer.status_code, answer.data) == (204, b"")
    assert pages.client().post("/hooks/africastalking/inbound", data=message).status_code == 403
    assert kinds(pages) == ["stop"]


@pytest.mark.both_databases
@pytest.mark.parametrize("asks_first", [True, False])
def test_stop_that_is_posted_to_the_address_for_reports_is_obeyed(
    pages: Pages, waiting: int, asks_first: bool
) -> None:
    """Our two addresses are entered by hand, and may change places."""
    message = {
        "id": "in1",
        "text": "STOP",
        "from": FROM,
        "to": "22384",
        "date": f"{clock.now():%Y-%m-%d %H:%M:%S}",
    }
    door: Any = pages.app.wsgi_app
    for secret, expected in (("strange", "403"), (hook_secret(TOKEN), "204")):
        path = f"/hooks/africastalking/{secret}/status"
        environ, answers = EnvironBuilder(path=path, method="POST", data=message).get_environ(), list[Piece]()
        if not asks_first or not door.begin(environ, answers.append):
            _, status, _ = run_wsgi_app(door, environ)
            assert status.startswith(expected)
        assert [each.status[:3] for each in answers] == (["403"] if asks_first and expected == "403" else [])
    assert kinds(pages) == ["stop"]
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.SUPPRESSED


@pytest.mark.parametrize("asks_first", [True, False])
def test_signed_stop_that_is_posted_to_the_address_for_reports_is_obeyed(
    pages: Pages, waiting: int, asks_first: bool
) -> None:
    """What Twilio signs is the address that it called, wherever the message belongs."""
    message = {"MessageSid": "SM1", "From": FROM, "To": "+15005550006", "Body": "STOP", "SmsStatus": "received"}
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}/hooks/twilio/status", MultiDict(message))
    door: Any = pages.app.wsgi_app
    for signed, expected in (("Zm9yZ2Vk", "403"), (signature, "200")):
        headers = [("X-Twilio-Signature", signed)]
        builder = EnvironBuilder(path="/hooks/twilio/status", method="POST", data=message, headers=headers)
        environ, answers = builder.get_environ(), list[Piece]()
        if not asks_first or not door.begin(environ, answers.append):
            _, status, _ = run_wsgi_app(door, environ)
            assert status.startswith(expected)
        assert [each.status[:3] for each in answers] == (["403"] if asks_first and expected == "403" else [])
    assert kinds(pages) == ["stop"]
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.SUPPRESSED
        assert session.scalars(select(Receipt)).all() == []


@pytest.mark.both_databases
def test_reports_that_are_posted_to_the_address_for_messages_are_kept_and_are_nobodys_words(pages: Pages) -> None:
    report = {"id": "AT1", "status": "Success", "phoneNumber": FROM}
    path = f"/hooks/africastalking/{hook_secret(TOKEN)}/inbound"
    assert pages.client().post(path, data=report).status_code == 204
    assert pages.client().post("/hooks/africastalking/strange/inbound", data=report).status_code == 403
    told = {"MessageSid": "SM2", "MessageStatus": "delivered", "From": "+15005550006", "To": FROM}
    assert post(pages, "", **told).status_code == 200
    assert post(pages, "", **told, token="forged").status_code == 403
    assert kinds(pages) == []
    with pages.sessions() as session:
        kept = session.execute(select(Receipt.gateway, Receipt.provider_id, Receipt.status).order_by(Receipt.id))
        assert [tuple(row) for row in kept] == [
            ("africastalking", "AT1", "delivered"),
            ("twilio", "SM2", "delivered"),
        ]


@pytest.mark.parametrize("path", ["/hooks/nobody/inbound", "/hooks/nobody/secret", "/hooks/console/inbound"])
def test_unknown_gateway_is_not_found(pages: Pages, path: str) -> None:
    assert pages.client().post(path, data={"Body": "STOP"}).status_code == 404


def test_oversize_is_refused(pages: Pages) -> None:
    assert post(pages, "x" * LARGEST_BODY).status_code == 413
    assert kinds(pages) == []


def test_longest_text_is_kept_however_its_provider_spells_it(pages: Pages) -> None:
    assert post(pages, "እ" * LONGEST_TEXT).status_code == 200
    said, link = "д" * 4096, "https://jobs.example/" + "x" * 200
    links = [{"type": "text_link", "offset": place, "length": 1, "url": link} for place in range(100)]
    answered = {"message_id": 1, "date": 1, "chat": {"id": CHAT, "type": "private"}, "text": said}
    long = update(2, text=said, entities=links, reply_to_message=answered)
    assert to_bot(pages, long).status_code == 204
    assert kinds(pages) == ["text", "text"]


def test_nul_is_taken_out_and_what_looks_like_it_is_not(pages: Pages, vault: Vault) -> None:
    for number, said in enumerate(("they \\u0000 hold us, 100%00 sure", "help\0us"), start=1):
        assert to_bot(pages, update(number, text=said)).status_code == 204
    with pages.sessions() as session:
        replies = session.scalars(select(Reply).order_by(Reply.id)).all()
        assert [open_text(reply, vault) for reply in replies] == [
            "they \\u0000 hold us, 100%00 sure",
            "help\ufffdus",
        ]


def test_people_of_a_rehearsal_are_nobody(engine: Engine, vault: Vault) -> None:
    with make_pages(engine, public_url=PUBLIC_URL, mode="live") as pages:
        with pages.sessions.begin() as session:
            address = an_address(session, a_contact(session, pages.ours), vault, number=FROM)
        token = page_settings(engine, mode="live").sandbox_token()
        account = get_kind("twilio").sandbox_account
        answer = post(pages, "STOP", token=token, AccountSid=account)
        assert (answer.status_code, answer.text.endswith("<Response/>")) == (200, True)
        assert to_bot(pages, update(), token=token).status_code == 204
        assert kinds(pages) == []
        with pages.sessions() as session:
            assert session.get_one(Address, address.id).state == AddressState.ACTIVE


def test_shared_place_is_kept_as_a_cell(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        create_entry_point(session, pages.ours.id, name="Gate", code="GATE-7", by=None)
    to_bot(pages, update(1, text="/start GATE-7"))
    place = {"latitude": 49.78123, "longitude": 22.78123, "horizontal_accuracy": 12.0}
    assert to_bot(pages, update(2, text="", location=place)).status_code == 204
    assert kinds(pages) == ["join", "location"]
    with pages.sessions() as session:
        contact = session.scalars(select(Contact)).one()
        assert (contact.position_source, contact.time_zone) == ("shared", "Europe/Warsaw")


@pytest.mark.both_databases
def test_retry_after_an_outage_loses_nothing(pages: Pages, engine: Engine, waiting: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entry RENAME TO away"))
    try:
        assert post(pages, "STOP").status_code >= 500
        assert kinds(pages) == []
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO audit_entry"))
    assert post(pages, "STOP").status_code == 200
    assert kinds(pages) == ["stop"]
    with pages.sessions() as session:
        assert session.get_one(Delivery, waiting).send_state == SendState.SUPPRESSED
