"""The page of phones shows what people received and lets them answer, safely."""

from typing import Any

import pytest
import requests
from twilio.rest import Client

from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.sandbox.receiver import Receiver

TO = "+380671234567"
CHAT = "telegram:77"
KEYBOARD = {"inline_keyboard": [[{"text": "نعم", "callback_data": "yes"}]]}


def answer(sandbox: SandboxProcess, person: str, **fields: str) -> requests.Response:
    """Send the form of the page as that person."""
    return sandbox.request("POST", f"/phones/{person}/answer", data=fields, headers={"Origin": sandbox.url})


def send(sandbox: SandboxProcess, **parameters: Any) -> dict[str, Any]:
    """Send as the bot."""
    path = f"/bot{DEFAULTS.telegram_token}/sendMessage"
    body: dict[str, Any] = sandbox.request("POST", path, json={"chat_id": 77, **parameters}).json()
    return body


def updates(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Return the updates that wait for the bot."""
    found = sandbox.request("GET", f"/bot{DEFAULTS.telegram_token}/getUpdates").json()
    result: list[dict[str, Any]] = found["result"]
    return result


def test_page_shows_the_conversation_escaped(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="<b>Привіт</b>")
    client.messages.create(to="+380670030003", from_=SENDER, body="مرحبا")
    sandbox.settle()
    page = sandbox.request("GET", "/").text
    assert "&lt;b&gt;Привіт&lt;/b&gt;" in page
    assert '<p class="text" dir="auto" lang="ar">مرحبا</p>' in page
    assert "not delivered (30003)" in page
    assert "2 phones, 2 messages" in page


def test_page_runs_no_script_and_asks_nobody(sandbox: SandboxProcess) -> None:
    page = sandbox.request("GET", "/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "http" not in page.text


def test_one_phone_is_found_with_or_without_plus(client: Client, sandbox: SandboxProcess) -> None:
    for to in (TO, "+48601234567"):
        client.messages.create(to=to, from_=SENDER, body=f"for {to}")
    for query in ("%2B380671234567", "+380671234567", "380671234567"):
        page = sandbox.request("GET", f"/?to={query}").text
        assert f"for {TO}" in page
        assert "for +48601234567" not in page


def test_part_of_a_number_finds_its_phones(client: Client, sandbox: SandboxProcess) -> None:
    for to in (TO, "+380671234999", "+48601234567"):
        client.messages.create(to=to, from_=SENDER, body=f"for {to}")
    page = sandbox.request("GET", "/?to=067123").text
    assert (page.count('class="phone"'), "for +48601234567" in page) == (2, False)
    assert "No phone has “42” in its number" in sandbox.request("GET", "/?to=42").text


def test_phone_nobody_wrote_to_can_be_opened(sandbox: SandboxProcess) -> None:
    assert "Answer as +254711234567" in sandbox.request("GET", "/?to=254711234567").text
    assert "has not pressed Start" in sandbox.request("GET", "/?to=telegram:4711").text


def test_channels_of_one_number_share_a_phone(sandbox: SandboxProcess) -> None:
    for sender, text in ((TO, "sms words"), (f"whatsapp:{TO}", "whatsapp words")):
        sandbox.call("POST", "inbound", {"from": sender, "text": text})
    page = sandbox.request("GET", "/").text
    assert page.count('class="phone"') == 1
    assert page.index("sms words") < page.index("whatsapp words")
    answer(sandbox, TO, text="by sms", via=TO)
    answer(sandbox, TO, text="by whatsapp", via=f"whatsapp:{TO}")
    assert [one["channel"] for one in sandbox.truth()[-2:]] == ["sms", "whatsapp"]


def test_anybody_with_a_number_may_take_up_whatsapp(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="Welcome")
    answer(sandbox, TO, do="place", place="1", via=f"whatsapp:{TO}")
    assert [one["channel"] for one in sandbox.truth()] == ["sms", "whatsapp"]


def test_conversation_runs_as_its_last_words(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="Welcome")
    assert '<ol class="talk" dir="ltr">' in sandbox.request("GET", "/").text
    client.messages.create(to=TO, from_=SENDER, body="+961 مرحبا")
    assert '<ol class="talk" dir="rtl">' in sandbox.request("GET", "/").text


def test_page_may_load_itself_again_on_request(sandbox: SandboxProcess) -> None:
    assert "Refresh" not in sandbox.request("GET", "/").headers
    assert sandbox.request("GET", "/?follow=1").headers["Refresh"] == "5"


def test_answer_reaches_the_application(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    client.messages.create(to=TO, from_="+447700900101", body="x")
    page = answer(sandbox, TO, text="Допоможіть")
    assert page.history[0].status_code == 303
    assert "Допоможіть" in page.text
    (webhook,) = receiver.received
    assert (webhook.form["Body"], webhook.form["To"]) == ("Допоможіть", "+447700900101")


def test_start_block_and_return_on_telegram(sandbox: SandboxProcess) -> None:
    assert "has pressed Start" in answer(sandbox, CHAT, do="start", start="qr-lviv").text
    blocked = answer(sandbox, CHAT, do="block").text
    assert "has blocked the bot" in blocked
    assert 'name="text"' not in blocked
    assert 'name="text"' in answer(sandbox, CHAT, do="unblock").text
    assert [next(reversed(one)) for one in updates(sandbox)] == ["message", "my_chat_member", "my_chat_member"]


def test_places_are_shared(sandbox: SandboxProcess) -> None:
    assert "Shehyni–Medyka" in answer(sandbox, CHAT, do="place", place="1").text
    assert "49.8400, 24.0300" in answer(sandbox, CHAT, do="spot", latitude="49,84", longitude="24.03").text
    places = [one["message"]["location"] for one in updates(sandbox)]
    assert places == [{"latitude": 49.8, "longitude": 22.9437}, {"latitude": 49.84, "longitude": 24.03}]


def test_buttons_are_pressed(sandbox: SandboxProcess) -> None:
    answer(sandbox, CHAT, do="start")
    message_id = send(sandbox, text="هل وصلت بخير؟", reply_markup=KEYBOARD)["result"]["message_id"]
    page = answer(sandbox, CHAT, do="button", sid=f"5550100:{message_id}", press="0").text
    assert '<p class="text" dir="auto" lang="ar">نعم</p>' in page
    assert updates(sandbox)[-1]["callback_query"]["data"] == "yes"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"do": "place", "place": "99"}, "Choose one of the places."),
        ({"do": "spot", "latitude": "91", "longitude": "0"}, "Latitude is between"),
        ({"do": "button", "sid": "5550100:1", "press": "0"}, "This button is not there any more."),
        ({"do": "dance"}, "This page knows no such act."),
        ({"text": "x"}, "This person has blocked the bot"),
    ],
)
def test_impossible_act_is_told_on_the_page(sandbox: SandboxProcess, fields: dict[str, str], words: str) -> None:
    sandbox.fixture(telegram_chats={"77": "blocked"})
    page = answer(sandbox, CHAT, **fields)
    assert page.status_code == 409
    assert words in page.text
    assert sandbox.truth() == []


def test_stop_button_tells_the_oracle(client: Client, sandbox: SandboxProcess) -> None:
    answer(sandbox, TO, say="STOP")
    client.messages.create(to=TO, from_=SENDER, body="x")
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 1


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://example.org"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_foreign_page_cannot_answer(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    refused = sandbox.request("POST", f"/phones/{TO}/answer", data={"text": "x"}, headers=headers)
    assert refused.status_code == 403
    assert sandbox.truth() == []


def test_foreign_name_for_loopback_is_refused(sandbox: SandboxProcess) -> None:
    assert sandbox.request("GET", "/", headers={"Host": "evil.example:80"}).status_code == 403


@pytest.mark.parametrize("person", [TO, CHAT])
def test_person_sends_a_picture(sandbox: SandboxProcess, receiver: Receiver, person: str) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in", telegram_limits=False)
    if person == CHAT:
        answer(sandbox, CHAT, do="start", start="")
    picture = {"file": ("photo.jpg", b"\xff\xd8picture", "image/jpeg")}
    path, headers = f"/phones/{person}/answer", {"Origin": sandbox.url}
    via = person if person == CHAT else f"whatsapp:{person}"
    form = {"do": "file", "via": via}
    page = sandbox.request("POST", path, data=form, files=picture, headers=headers)
    assert page.status_code == 200
    assert "[file]" in page.text
    if person == CHAT:
        assert updates(sandbox)[-1]["message"]["photo"][1]["file_size"] == 9
    else:
        assert receiver.received[0].form["NumMedia"] == "1"
    missing = sandbox.request("POST", path, data=form, headers=headers)
    assert (missing.status_code, "Choose a file first." in missing.text) == (409, True)
