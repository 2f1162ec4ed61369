"""The factory opens what the mode allows: demo and rehearsal reach only this machine, people are never there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from campaigns.core.errors import GatewayRefusedError, SettingsError
from campaigns.core.settings import Mode, Settings, load_settings
from campaigns.gateways.base import Accepted, Gateway, SendError
from campaigns.gateways.callbacks import Callback, Verdict
from campaigns.gateways.factory import build_readers, open_gateway, open_templates
from campaigns.gateways.kinds import gateway_kinds, get_kind
from tests.gateways.adapters import REMOTE, Adapter
from tests.gateways.conftest import a_message, using
from tests.sandbox.process import SandboxProcess

LOOPBACK = "http://127.0.0.1:8081"
SECRET_KEY = "key"
#: A credential of each kind, as its provider writes them, and every channel it carries.
SECRETS = {
    "twilio": "AC" + "7e" * 16 + ":token",
    "telegram": "777:AAtoken",
    "africastalking": "someone:token",
}
KINDS = [kind for kind in gateway_kinds().values() if kind.reaches_people]
ROUTES = [(kind.name, channel) for kind in KINDS for channel in kind.channels]

every_route = pytest.mark.parametrize(("name", "channel"), ROUTES, ids=["-".join(route) for route in ROUTES])
NO_SANDBOX = [
    "",
    "https://api.twilio.com",
    "http://10.0.0.1",
    "http://127.0.0.1.example.org",
    "http://localhost.example.org",
    "http://127.0.0.1@example.org",
]


def settings_for(mode: Mode, *, origin: str = "", sandbox: str = LOOPBACK) -> Settings:
    variables = {f"FINGERPOST_SECRET_{name.upper()}": secret for name, secret in SECRETS.items()}
    variables["FINGERPOST_SECRET_KEY"] = SECRET_KEY
    if origin:
        variables |= {f"FINGERPOST_ORIGIN_{name.upper()}": origin for name in SECRETS}
    return replace(load_settings(variables), mode=mode, sandbox_url=sandbox)


def opened(settings: Settings, name: str = "twilio", **options: Any) -> Gateway:
    return open_gateway(name, settings=settings, **{"secret_name": name, "channel": "sms"} | options)


@every_route
@pytest.mark.parametrize("rehearsal", [False, True], ids=["demo", "rehearsal"])
@pytest.mark.parametrize("sandbox", NO_SANDBOX)
def test_sandbox_elsewhere_is_refused(name: str, channel: str, sandbox: str, rehearsal: bool) -> None:
    settings = settings_for(Mode.LIVE if rehearsal else Mode.DEMO, sandbox=sandbox)
    with pytest.raises(GatewayRefusedError):
        opened(settings, name, channel=channel, is_rehearsal=rehearsal)


@every_route
@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8081",
        "https://127.0.0.1",
        "http://localhost:1",
        "https://localhost",
        "http://[::1]:1",
        "https://127.9.9.9",
    ],
)
def test_people_are_not_on_this_machine(name: str, channel: str, origin: str) -> None:
    with pytest.raises(GatewayRefusedError):
        opened(settings_for(Mode.LIVE, origin=origin), name, channel=channel)


@every_route
@pytest.mark.parametrize("origin", ["http://sms.example.org", "ftp://sms.example.org", "sms.example.org"])
def test_people_are_reached_over_https_only(name: str, channel: str, origin: str) -> None:
    with pytest.raises(GatewayRefusedError):
        opened(settings_for(Mode.LIVE, origin=origin), name, channel=channel)


@every_route
@pytest.mark.parametrize(
    ("mode", "origin", "rehearsal"),
    [
        (Mode.DEMO, "", False),
        (Mode.DEMO, "https://sms.example.org", True),
        (Mode.LIVE, "", False),
        (Mode.LIVE, "https://sms.example.org", False),
        (Mode.LIVE, "https://sms.example.org", True),
    ],
)
def test_fitting_origin_is_opened(name: str, channel: str, mode: Mode, origin: str, rehearsal: bool) -> None:
    gateway = opened(settings_for(mode, origin=origin), name, channel=channel, is_rehearsal=rehearsal)
    assert gateway.name == name
    asyncio.run(gateway.close())


def test_own_sandbox_takes_every_rehearsal() -> None:
    settings = settings_for(Mode.LIVE, origin="https://sms.invalid")
    with SandboxProcess("--auth-token", settings.sandbox_token()) as own:
        settings = replace(settings, sandbox_url=own.url)
        for adapter in REMOTE:
            own.fixture(**adapter.fixture)
            assert using(opened_for(adapter, settings), partial(_send, adapter)).provider_id
        assert {message["to"] for message in own.truth()} == {adapter.address for adapter in REMOTE}


def opened_for(adapter: Adapter, settings: Settings) -> Gateway:
    """Return the gateway of an adapter, named `kind-channel` or `kind`, for a rehearsal."""
    name, _, channel = adapter.name.partition("-")
    channel = channel or get_kind(name).channels[0]
    return opened(settings, name, channel=channel, is_rehearsal=True)


async def _send(adapter: Adapter, gateway: Gateway) -> Accepted:
    return await gateway.send(adapter.message())


def test_rehearsals_need_no_credential_of_ours() -> None:
    gateway = opened(settings_for(Mode.LIVE), secret_name="never-set", is_rehearsal=True)
    asyncio.run(gateway.close())


def test_demo_sends_nothing_to_the_providers_origin(sandbox: SandboxProcess) -> None:
    settings = settings_for(Mode.DEMO, origin="https://sms.invalid", sandbox=sandbox.url)
    with pytest.raises(SendError, match="20003"):
        using(opened(settings), lambda gateway: gateway.send(a_message()))


def test_console_reaches_nobody() -> None:
    assert opened(settings_for(Mode.DEMO), "console").name == "console"
    assert opened(settings_for(Mode.LIVE), "console", is_rehearsal=True).name == "console"
    with pytest.raises(GatewayRefusedError):
        opened(settings_for(Mode.LIVE), "console")


def test_missing_credential_is_named() -> None:
    with pytest.raises(SettingsError, match="FINGERPOST_SECRET_OTHER"):
        opened(settings_for(Mode.LIVE), secret_name="other")


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError):
        opened(settings_for(Mode.LIVE), "pigeon")


def test_every_kind_is_of_its_module() -> None:
    assert {name: kind.name for name, kind in gateway_kinds().items()} == {
        name: name for name in ("africastalking", "console", "telegram", "twilio")
    }


def test_readers_know_who_calls_back() -> None:
    readers = build_readers(settings_for(Mode.LIVE))
    assert {name: reader.name for name, reader in readers.items()} == {name: name for name in SECRETS}


@pytest.mark.parametrize("name", SECRETS)
def test_unsigned_callback_is_forged(name: str) -> None:
    reader = build_readers(settings_for(Mode.LIVE))[name]
    for secret in ("", "0" * 32):
        assert reader.judge(Callback("https://reach.example.org/hooks", {}, b"", secret=secret)) is Verdict.FORGED


def test_only_whatsapp_asks_for_templates() -> None:
    settings = settings_for(Mode.LIVE)
    for name, channel in ROUTES:
        book = open_templates(name, settings=settings, secret_name=name, channel=channel)
        assert (book is not None) == (channel == "whatsapp")
        if book is not None:
            asyncio.run(book.close())


def test_templates_of_a_demo_stay_here() -> None:
    settings = settings_for(Mode.DEMO, sandbox="https://content.twilio.com")
    with pytest.raises(GatewayRefusedError):
        open_templates("twilio", settings=settings, secret_name="twilio")
