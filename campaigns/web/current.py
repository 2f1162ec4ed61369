"""What a view needs from its instance: settings, the vault, and the reader of providers' callbacks."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from campaigns.core.crypto import Vault
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.gateways.base import CallbackReader

_KEY = "fingerpost"


def init_current(app: Flask, settings: Settings, callbacks: CallbackReader | None) -> None:
    """Remember on `app` what the functions below return."""
    app.extensions[_KEY] = (settings, callbacks)


def settings() -> Settings:
    """Return the settings of this instance."""
    return cast(Settings, current_app.extensions[_KEY][0])


def vault() -> Vault:
    """Return the vault that seals addresses and replies."""
    return settings().vault()


def callbacks() -> CallbackReader:
    """Return the reader of callbacks. Raises UnavailableError when no credential is configured for it."""
    reader = cast("CallbackReader | None", current_app.extensions[_KEY][1])
    if reader is None:
        raise UnavailableError("No credential is set for callbacks, so none can be read.")
    return reader
