"""The factory opens what the mode allows: demo and rehearsal reach only this machine, people are never there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from campaigns.core.errors import GatewayRefusedError, SettingsError
from campaigns.core.settings import Mode, Settings, load_settings
from campaigns.gateways.base import Gateway
from campaigns.gateways.factory import build_readers, open_gateway

LOOPBACK = "http://127.0.0.1:8081"


def settings_for(mode: Mode, *, origin: str = "", sandbox: str = LOOPBACK) -> Settings:
    variables = {"FINGERPOST_SECRET_TWILIO": "AC1:token", "FINGERPOST_SECRET_KEY": "key"}
    if origin:
        variables["FINGERPOST_ORIGIN_TWILIO"] = origin
    return replace(load_settings(variables), mode=mode, sandbox_url=sandbox)


def opened(settings: Settings, name: str = "twilio", **options: Any) -> Gateway:
    return open_gateway(name, settings=settings, **{"secret_name": "twilio", "channel": "sms"} | options)


@pytest.mark.parametrize("rehearsal", [False, True], ids=["demo", "rehearsal"])
@pytest.mark.parametrize(
    "sandbox",
    [
        "",
        "https://api.twilio.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
    ],
)
def test_sandbox_elsewhere_is_refused(sandbox: str, rehearsal: bool) -> None:
    settings = settings_for(Mode.LIVE if rehearsal else Mode.DEMO, sandbox=sandbox)
    with pytest.raises(GatewayRefusedError):
        opened(settings, is_rehearsal=rehearsal)


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8081", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"]
)
def test_people_are_not_on_this_machine(origin: str) -> None:
    with pytest.raises(GatewayRefusedError):
        opened(settings_for(Mode.LIVE, origin=origin))


@pytest.mark.parametrize(
    ("mode", "rehearsal"), [(Mode.DEMO, False), (Mode.DEMO, True), (Mode.LIVE, False), (Mode.LIVE, True)]
)
def test_fitting_origin_is_opened(mode: Mode, rehearsal: bool) -> None:
    gateway = opened(settings_for(mode), is_rehearsal=rehearsal)
    assert gateway.name == "twilio"
    asyncio.run(gateway.close())


def test_demo_ignores_the_providers_origin() -> None:
    gateway = opened(settings_for(Mode.DEMO, origin="https://api.twilio.com"))
    asyncio.run(gateway.close())


def test_console_reaches_nobody() -> None:
    assert opened(settings_for(Mode.DEMO), "console").name == "console"
    with pytest.raises(GatewayRefusedError):
        opened(settings_for(Mode.LIVE), "console")


def test_missing_credential_is_named() -> None:
    with pytest.raises(SettingsError, match="FINGERPOST_SECRET_OTHER"):
        opened(settings_for(Mode.LIVE), secret_name="other")


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError):
        opened(settings_for(Mode.LIVE), "pigeon")


def test_readers_know_who_calls_back() -> None:
    readers = build_readers(settings_for(Mode.LIVE))
    assert readers["twilio"].name == "twilio"
    assert "console" not in readers
