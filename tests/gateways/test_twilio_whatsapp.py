"""WhatsApp over Twilio against the sandbox process: templates, people without a number, lists of one channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from campaigns.gateways.base import Action, Gateway, Outgoing, RejectedError, Template
from campaigns.gateways.twilio_whatsapp import TwilioWhatsApp
from tests.gateways.conftest import a_message, twilio_at, using
from tests.sandbox.process import DEFAULTS, SERVICE, SandboxProcess

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
SID = "HX" + "5b" * 16
TEMPLATE = {"name": "help_line", "language": "uk", "body": "Лінія допомоги: {{1}}, цілодобово.", "sid": SID}
RENDERED = "Лінія допомоги: 0 800 500 335, цілодобово."


def whatsapp_at(url: str) -> Gateway:
    return TwilioWhatsApp(DEFAULTS.account_sid, DEFAULTS.auth_token, base_url=url, total_seconds=3.0)


def a_text(to: str = "+380671234567", **changes: Any) -> Outgoing:
    return a_message(to, **{"sender": "+447700900100"} | changes)


def a_template_message(**changes: Any) -> Outgoing:
    return a_text(body=RENDERED, template=Template(SID, {"1": "0 800 500 335"}), **changes)


def sent_form(sandbox: SandboxProcess) -> dict[str, list[str]]:
    return parse_qs(sandbox.call("GET", "requests")["requests"][0]["body"])


def test_free_text_names_its_channel(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10)
    using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_text()))
    form = sent_form(sandbox)
    assert (form["To"], form["From"]) == (["whatsapp:+380671234567"], ["whatsapp:+447700900100"])
    assert form["Body"] == [a_text().body]


def test_template_replaces_the_text(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10, templates=[TEMPLATE])
    using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_template_message(to="UA.8f2c")))
    form = sent_form(sandbox)
    assert form["To"] == ["whatsapp:UA.8f2c"]
    assert (form["ContentSid"], form["ContentVariables"]) == ([SID], ['{"1": "0 800 500 335"}'])
    assert "Body" not in form


def test_template_is_listed_as_it_reads(sandbox: SandboxProcess) -> None:
    sandbox.fixture(templates=[TEMPLATE])

    async def work(gateway: Gateway) -> None:
        accepted = await gateway.send(a_template_message())
        (listed,) = await gateway.list_to("+380671234567", AN_HOUR_AGO)
        assert (listed.provider_id, listed.body, listed.sender) == (
            accepted.provider_id,
            RENDERED,
            "+447700900100",
        )

    using(whatsapp_at(sandbox.url), work)


def test_service_sends_without_a_number(sandbox: SandboxProcess) -> None:
    async def work(gateway: Gateway) -> str:
        await gateway.send(a_text(sender=SERVICE))
        (listed,) = await gateway.list_to("+380671234567", AN_HOUR_AGO)
        return listed.sender

    assert using(whatsapp_at(sandbox.url), work) == SERVICE


def test_each_channel_lists_its_own(sandbox: SandboxProcess) -> None:
    async def ids(gateway: Gateway) -> list[str]:
        return [message.provider_id async for page in gateway.list_since(AN_HOUR_AGO) for message in page]

    sms = using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message()))
    whatsapp = using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_text()))
    assert using(twilio_at(sandbox.url), ids) == [sms.provider_id]
    assert using(whatsapp_at(sandbox.url), ids) == [whatsapp.provider_id]


@pytest.mark.parametrize(
    ("message", "code", "action"),
    [
        (a_template_message(), "21655", Action.PAUSE_RUN),
        (a_text(sender="+15550000000"), "63007", Action.PAUSE_SENDER),
    ],
    ids=["template", "sender"],
)
def test_refusal_blames_no_person(sandbox: SandboxProcess, message: Outgoing, code: str, action: Action) -> None:
    with pytest.raises(RejectedError) as caught:
        using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(message))
    assert (caught.value.code, caught.value.action) == (code, action)
