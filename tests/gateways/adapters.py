"""The gateways that the contract suite runs against; a new one is a row here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.gateways.africastalking.kind import AfricasTalking
from campaigns.gateways.base import Action, Gateway, Outgoing
from campaigns.gateways.console import ConsoleGateway
from campaigns.gateways.kinds import Credential
from campaigns.gateways.telegram.bot import TelegramBot
from campaigns.gateways.transport.http import ProviderHttp
from campaigns.gateways.twilio.kind import TwilioSms
from campaigns.gateways.twilio.whatsapp import TwilioWhatsApp
from tests.sandbox.process import DEFAULTS, SENDER


@dataclass(frozen=True, slots=True)
class Adapter:
    """One gateway, and what the sandbox must be like for it."""

    name: str
    #: Opens it at an origin; takes `token` (the right one by default), `connect_seconds` and `total_seconds`.
    open: Callable[..., Gateway]
    #: A handle that the provider takes, and the address by which the sandbox knows that person.
    person: str
    address: str
    sender: str
    #: JSON by which the provider accepts a message, and by which it refuses one because of the rate.
    good: str = "{}"
    too_fast: str = "{}"
    #: Handles that the provider refuses for good, with what that asks for.
    refused: Mapping[str, Action] = field(default_factory=dict)
    #: What of the sandbox's fixture that needs.
    fixture: Mapping[str, Any] = field(default_factory=dict)
    #: What a refused credential asks for; None for a gateway without one.
    bad_token: Action | None = Action.PAUSE_RUN
    #: Whether there is a provider that can be away, or answer nonsense.
    is_remote: bool = True

    def message(self, to: str = "", **changes: Any) -> Outgoing:
        """Return a message to a person, by default to the one that the provider takes."""
        values: dict[str, Any] = {
            "reference": "ref1",
            "body": "Паспорт тримайте при собі 👋 +&=<b>",
            "sender": self.sender,
            "callback_url": None,
            "valid_for_seconds": 3600,
        }
        return Outgoing(to=to or self.person, **values | changes)


def _console(_url: str, **_options: Any) -> Gateway:
    return ConsoleGateway(sys.stdout)


def _twilio(gateway: Callable[..., Gateway]) -> Callable[..., Gateway]:
    def open_at(url: str, *, token: str = DEFAULTS.auth_token, **options: Any) -> Gateway:
        return gateway(DEFAULTS.account_sid, token, base_url=url, **options)

    return open_at


def _telegram(url: str, *, token: str = DEFAULTS.auth_token, **options: Any) -> Gateway:
    return TelegramBot(str(DEFAULTS.telegram_bot_id), token, base_url=url, **options)


def _africastalking(url: str, *, token: str = DEFAULTS.auth_token, **options: Any) -> Gateway:
    credential = Credential(DEFAULTS.africastalking_username, token)
    return AfricasTalking(credential, origin=url, http=ProviderHttp(**options))


#: Twilio's answers on every channel.
TWILIO: dict[str, Any] = {
    "good": '{"sid": "SM1", "status": "queued", "to": "+380671234567", "body": "x"}',
    "too_fast": '{"code": 20429, "message": "Too Many Requests", "status": 429}',
}

ADAPTERS = (
    Adapter("console", _console, "+380671234567", "+380671234567", SENDER, bad_token=None, is_remote=False),
    Adapter(
        "twilio-sms",
        _twilio(TwilioSms),
        "+380671234567",
        "+380671234567",
        SENDER,
        refused={"+380670021614": Action.INVALIDATE_ADDRESS, "+380670021610": Action.OPT_OUT},
        **TWILIO,
    ),
    Adapter(
        "twilio-whatsapp",
        _twilio(TwilioWhatsApp),
        "UA.8f2c",
        "whatsapp:UA.8f2c",
        "+447700900100",
        refused={"not a person": Action.INVALIDATE_ADDRESS, "+380670021610": Action.OPT_OUT},
        **TWILIO,
    ),
    Adapter(
        "telegram",
        _telegram,
        "77",
        "telegram:77",
        DEFAULTS.telegram_bot_username,
        good='{"ok": true, "result": {"message_id": 3, "date": 1764000000, "chat": {"id": 7, "type": "private"}}}',
        too_fast='{"ok": false, "error_code": 429, "description": "Slow", "parameters": {"retry_after": 7}}',
        refused={
            "78": Action.OPT_OUT,
            "79": Action.INVALIDATE_ADDRESS,
            "80": Action.OTHER_CHANNEL,
            "no chat": Action.OTHER_CHANNEL,
        },
        fixture={
            "telegram_chats": {"77": "ok", "78": "blocked", "79": "deactivated", "80": "not_found"},
            "telegram_limits": False,
        },
        bad_token=Action.PAUSE_SENDER,
    ),
    Adapter(
        "africastalking",
        _africastalking,
        "+254711234567",
        "+254711234567",
        "22384",
        good='{"SMSMessageData": {"Recipients": [{"statusCode": 101, "messageId": "ATPid_1"}]}}',
        refused={
            "0711": Action.INVALIDATE_ADDRESS,
            "+254710090406": Action.OPT_OUT,
            "+254710090407": Action.OTHER_CHANNEL,
            "+254710090405": Action.PAUSE_SENDER,
        },
        bad_token=Action.PAUSE_SENDER,
    ),
)
REMOTE = tuple(adapter for adapter in ADAPTERS if adapter.is_remote)
