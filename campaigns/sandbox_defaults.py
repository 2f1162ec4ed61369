"""The sandbox of an instance is set up to take that instance's rehearsals and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from campaigns.core.settings import CONTROL_DOOR, PHONES_DOOR, Settings
from campaigns.sandbox.world.config import CallbackSettings, SandboxConfig
from campaigns.sandbox.world.fixture import Fixture


def sandbox_defaults(settings: Settings) -> SandboxConfig:
    """Return the settings of an instance's sandbox; without an instance (no keys) it is anybody's."""
    anybodys = SandboxConfig()
    if not settings.secret_key:
        return anybodys
    return replace(
        anybodys,
        port=urlsplit(settings.sandbox_url).port or anybodys.port,
        auth_token=settings.sandbox_token(),
        control_token=settings.sandbox_token(CONTROL_DOOR),
        phones_key=settings.sandbox_token(PHONES_DOOR),
        callbacks=CallbackSettings(allowed_hosts=(urlsplit(settings.hooks_address).hostname or "",)),
        # Whom a rehearsal writes to is made up, so nobody has pressed Start.
        fixture=Fixture(telegram_all_known=True, rehearsal=True),
    )
