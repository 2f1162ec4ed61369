"""The factory builds what the mode allows: demo reaches only this machine, live never does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from campaigns.core.errors import GatewayRefusedError, SettingsError
from campaigns.core.settings import Mode, Settings, load_settings
from campaigns.gateways.factory import build_callback_reader, build_gateway


def settings_for(mode: Mode, base_url: str) -> Settings:
    return replace(load_settings({"FINGERPOST_SECRET_TWILIO": "AC1:token"}), mode=mode, twilio_base_url=base_url)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "https://api.twilio.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
    ],
)
def test_demo_refuses_other_machines(origin: str) -> None:
    with pytest.raises(GatewayRefusedError):
        build_gateway("twilio", settings=settings_for(Mode.DEMO, origin), secret_name="twilio")


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8081", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"]
)
def test_live_refuses_this_machine(origin: str) -> None:
    with pytest.raises(GatewayRefusedError):
        build_gateway("twilio", settings=settings_for(Mode.LIVE, origin), secret_name="twilio")


@pytest.mark.parametrize(("mode", "origin"), [(Mode.DEMO, "http://127.0.0.1:8081"), (Mode.LIVE, "")])
def test_fitting_origin_is_built(mode: Mode, origin: str) -> None:
    gateway = build_gateway("twilio", settings=settings_for(mode, origin), secret_name="twilio")
    assert gateway.name == "twilio"
    asyncio.run(gateway.close())


def test_console_is_for_demo_only() -> None:
    assert build_gateway("console", settings=settings_for(Mode.DEMO, ""), secret_name="").name == "console"
    with pytest.raises(GatewayRefusedError):
        build_gateway("console", settings=settings_for(Mode.LIVE, ""), secret_name="")


def test_missing_credential_is_named() -> None:
    with pytest.raises(SettingsError, match="FINGERPOST_SECRET_OTHER"):
        build_gateway("twilio", settings=settings_for(Mode.LIVE, ""), secret_name="other")


@pytest.mark.parametrize("build", [build_gateway, build_callback_reader])
def test_unknown_kind_is_refused(build: object) -> None:
    with pytest.raises(SettingsError):
        build("pigeon", settings=settings_for(Mode.LIVE, ""), secret_name="twilio")  # type: ignore[operator]


def test_reader_uses_the_accounts_token() -> None:
    reader = build_callback_reader("twilio", settings=settings_for(Mode.LIVE, ""), secret_name="twilio")
    assert reader.name == "twilio"
