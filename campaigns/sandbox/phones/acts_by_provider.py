"""Leads what a person does to the provider over which it reaches the application."""

from collections.abc import Mapping
from typing import Any

from campaigns.sandbox.africastalking.inbox import AfricasTalkingInbox, ShortCodeWords
from campaigns.sandbox.telegram.bot_objects import PREFIX
from campaigns.sandbox.telegram.chat_acts import TelegramAct, TelegramPeople
from campaigns.sandbox.twilio.inbound import Inbox
from campaigns.sandbox.twilio.inbound_words import Words
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.setup_json import read_changes
from campaigns.sandbox.world.state import Provider, World


class People:
    """Everybody who can be written to, whichever the channel."""

    def __init__(
        self, world: World, *, inbox: Inbox, telegram: TelegramPeople, africastalking: AfricasTalkingInbox
    ) -> None:
        self._world = world
        self._inbox = inbox
        self._telegram = telegram
        self._africastalking = africastalking

    async def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Let a person act as the JSON of a control call says; return what happened.

        `provider` may be left out: an address `telegram:…` is Telegram's, any other Twilio's.
        Raises SandboxError when the act makes no sense.
        """
        fields = {("sender" if name == "from" else name): value for name, value in body.items()}
        given = fields.pop("provider", "")
        provider = given or ("telegram" if str(fields.get("sender", "")).startswith(PREFIX) else "twilio")
        if provider == "telegram":
            return await self._telegram.act(read_changes(TelegramAct(), fields, "inbound"))
        if provider == "africastalking":
            return await self._africastalking.receive(read_changes(ShortCodeWords(), fields, "inbound"))
        if provider != "twilio":
            raise SandboxError(f"inbound.provider: there are twilio, telegram and africastalking, not {given!r}.")
        return await self._inbox.receive(read_changes(Words(), fields, "inbound"))

    def provider_of(self, person: str) -> Provider:
        """Return the provider over which a person was last written to, or would be."""
        for message in reversed(self._world.by_person.get(person, [])):
            return message.provider
        return "telegram" if person.startswith(PREFIX) else "twilio"
