"""The page of phones shows what people received and lets them answer, safely."""

import pytest
from twilio.rest import Client

from tests.sandbox.process import SENDER, SandboxProcess
from tests.sandbox.receiver import Receiver

TO = "+380671234567"


def test_page_shows_the_conversation_escaped(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="<b>Привіт</b>")
    client.messages.create(to="+380670030003", from_=SENDER, body="مرحبا")
    sandbox.settle()
    page = sandbox.request("GET", "/").text
    assert "&lt;b&gt;Привіт&lt;/b&gt;" in page
    assert '<p class="text" dir="auto">مرحبا</p>' in page
    assert "not delivered (30003)" in page
    assert "2 phones, 2 messages" in page


def test_page_runs_no_script_and_asks_nobody(sandbox: SandboxProcess) -> None:
    answer = sandbox.request("GET", "/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert "http" not in answer.text.replace("http-equiv", "")


def test_one_phone_is_found_with_or_without_plus(client: Client, sandbox: SandboxProcess) -> None:
    for to in (TO, "+48601234567"):
        client.messages.create(to=to, from_=SENDER, body=f"for {to}")
    for query in ("%2B380671234567", "+380671234567", "380671234567"):
        page = sandbox.request("GET", f"/?to={query}").text
        assert f"for {TO}" in page
        assert "for +48601234567" not in page


def test_answer_reaches_the_application(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    client.messages.create(to=TO, from_="+447700900101", body="x")
    answer = sandbox.request(
        "POST", f"/phones/{TO}/answer", data={"text": "Допоможіть"}, headers={"Origin": sandbox.url}
    )
    assert answer.history[0].status_code == 303
    assert "Допоможіть" in answer.text
    (webhook,) = receiver.received
    assert (webhook.form["Body"], webhook.form["To"]) == ("Допоможіть", "+447700900101")


def test_stop_button_tells_the_oracle(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.request("POST", f"/phones/{TO}/answer", data={"say": "STOP"}, headers={"Origin": sandbox.url})
    client.messages.create(to=TO, from_=SENDER, body="x")
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 1


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://example.org"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_foreign_page_cannot_answer(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    answer = sandbox.request("POST", f"/phones/{TO}/answer", data={"text": "x"}, headers=headers)
    assert answer.status_code == 403
    assert sandbox.truth() == []


def test_foreign_name_for_loopback_is_refused(sandbox: SandboxProcess) -> None:
    assert sandbox.request("GET", "/", headers={"Host": "evil.example:80"}).status_code == 403
