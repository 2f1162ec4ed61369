"""A view gets from its instance here: settings, the vault, and the readers of providers' callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Flask, current_app

from campaigns.core.errors import NotFoundError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.gateways.callbacks import CallbackReader
from campaigns.gateways.kinds import gateway_kinds

_KEY = "fingerpost"


def init_current(app: Flask, settings: Settings, readers: Mapping[str, CallbackReader]) -> None:
    """Remember on `app` what the functions below return."""
    app.extensions[_KEY] = (settings, readers)


def settings() -> Settings:
    """Return the settings of this instance."""
    return cast(Settings, current_app.extensions[_KEY][0])


def vault() -> Vault:
    """Return the vault that seals addresses and replies."""
    return settings().vault()


def callbacks(gateway: str) -> CallbackReader:
    """Return the reader of a gateway's callbacks; raises as `pick_reader` does."""
    return pick_reader(current_app.extensions[_KEY][1], gateway)


def pick_reader(readers: Mapping[str, CallbackReader], gateway: str) -> CallbackReader:
    """Return the reader of a gateway's callbacks.

    Raises NotFoundError for a gateway that calls nobody back or does not exist, UnavailableError when no
    credential is set for it.
    """
    reader = readers.get(gateway)
    if reader is not None:
        return reader
    kind = gateway_kinds().get(gateway)
    if kind is None or not kind.reaches_people:
        raise NotFoundError(N_("There is no connection of this name."))
    raise UnavailableError("No credential is set for callbacks, so none can be read.")
