"""Builds gateways and callback readers, and refuses those that the instance's mode forbids."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from campaigns.core.errors import GatewayRefusedError, SettingsError
from campaigns.core.settings import Mode, Settings
from campaigns.gateways.base import CallbackReader, Gateway
from campaigns.gateways.console import ConsoleGateway
from campaigns.gateways.twilio import TwilioCallbacks, TwilioSms


def build_gateway(kind: str, *, settings: Settings, secret_name: str) -> Gateway:
    """Return the gateway `kind` ("twilio" or "console") with the credential `secret_name`.

    Raises GatewayRefusedError for a real provider in demo mode and for one that reaches nobody (loopback or
    console) in live mode, SettingsError for an unknown kind or a missing credential.
    """
    if kind == ConsoleGateway.name:
        if settings.mode is Mode.LIVE:
            raise GatewayRefusedError("The console gateway reaches nobody, so a live instance must not use it.")
        return ConsoleGateway()
    if kind == TwilioSms.name:
        refuse_wrong_origin(settings.twilio_base_url, settings.mode)
        account, token = settings.secret(secret_name)
        return TwilioSms(account, token, base_url=settings.twilio_base_url, connections=settings.send_window)
    raise SettingsError(f"There is no gateway “{kind}”.")


def build_callback_reader(kind: str, *, settings: Settings, secret_name: str) -> CallbackReader:
    """Return the reader of the callbacks of `kind`. Raises SettingsError when there is none or no credential."""
    if kind == TwilioCallbacks.name:
        return TwilioCallbacks(settings.secret(secret_name)[1])
    raise SettingsError(f"The gateway “{kind}” posts no callbacks.")


def refuse_wrong_origin(base_url: str, mode: Mode) -> None:
    """Raise GatewayRefusedError when a provider's origin ('' is the real one) does not fit the mode."""
    loopback = is_loopback(base_url)
    if mode is Mode.DEMO and not loopback:
        raise GatewayRefusedError("A demo instance may only reach the sandbox on this machine.")
    if mode is Mode.LIVE and loopback:
        raise GatewayRefusedError("A live instance must not send to this machine: unset twilio_base_url.")


def is_loopback(url: str) -> bool:
    """Say whether an address (http://host:port) names this machine itself; an empty one does not."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
