"""Telegram is a kind of gateway; the bot itself is loaded only where something is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaigns.core.errors import SettingsError
from campaigns.core.words import N_
from campaigns.gateways.kinds import Credential, Opening
from campaigns.gateways.telegram.callbacks import TelegramUpdates

if TYPE_CHECKING:
    from campaigns.gateways.telegram.bot import TelegramBot

#: A bot's whole token is "<bot id>:<letters>", so the part before the colon is the account.
BOT_ID = re.compile(r"[0-9]{1,20}")
TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class TelegramKind:
    """Telegram as a kind of gateway: one account is one bot."""

    name = TelegramUpdates.name
    title = "Telegram"
    channels = ("telegram",)
    reaches_people = True
    sandbox_account = "5550100"
    has_status_url = False
    hook_fragment = ""
    is_told_by_us = True

    def open(self, opening: Opening) -> TelegramBot:
        """Return the gateway to one bot. Raises SettingsError for a credential that is no bot's token."""
        # Its library takes two seconds and 130 MB to load, which processes that only listen must not pay.
        from campaigns.gateways.telegram.bot import TelegramBot

        credential = opening.credential
        if not BOT_ID.fullmatch(credential.account) or not TOKEN.fullmatch(credential.token):
            raise SettingsError(N_("The provider key of a Telegram sender is the whole token of its bot."))
        return TelegramBot(
            credential.account, credential.token, base_url=opening.origin, connections=opening.connections
        )

    def reader(self, credentials: Sequence[Credential]) -> TelegramUpdates | None:
        """Return the reader of the bots among `credentials`."""
        bots = [each for each in credentials if BOT_ID.fullmatch(each.account)]
        return TelegramUpdates(bots) if bots else None

    def templates(self, opening: Opening) -> None:
        """Return None: a bot sends any text."""


KIND = TelegramKind()
