"""Twilio sends SMS, and is a kind of gateway."""

from __future__ import annotations

import re
from collections.abc import Sequence

from campaigns.gateways.base import Outgoing
from campaigns.gateways.kinds import Credential, Opening
from campaigns.gateways.template_book import TemplateBook
from campaigns.gateways.twilio.callbacks import TwilioCallbacks
from campaigns.gateways.twilio.messages import CALL_AGAIN, TwilioMessages
from campaigns.gateways.twilio.twilio_client import TwilioAccount
from campaigns.gateways.twilio.twilio_content import TwilioContent
from campaigns.gateways.twilio.whatsapp import TwilioWhatsApp

#: Shape of an account's id.
ACCOUNT = re.compile(r"AC\w+")


class TwilioSms(TwilioMessages):
    """SMS on one Twilio account."""


class RehearsedWhatsApp(TwilioWhatsApp):
    """WhatsApp in a rehearsal: texts go as they are, since the real account's templates are unknown here."""

    def _content_of(self, outgoing: Outgoing) -> dict[str, str]:
        return {"Body": outgoing.body}


class TwilioKind:
    """Twilio as a kind of gateway."""

    name = TwilioCallbacks.name
    title = "Twilio"
    channels = ("sms", "whatsapp")
    reaches_people = True
    sandbox_account = "AC" + "5b" * 16
    has_status_url = True
    hook_fragment = CALL_AGAIN
    is_told_by_us = False

    def open(self, opening: Opening) -> TwilioMessages:
        """Return the gateway to one account on the channel."""
        credential = opening.credential
        gateway = TwilioSms if opening.channel == "sms" else TwilioWhatsApp
        if opening.channel == "whatsapp" and credential.is_rehearsal:
            gateway = RehearsedWhatsApp
        return gateway(
            credential.account, credential.token, base_url=opening.origin, connections=opening.connections
        )

    def reader(self, credentials: Sequence[Credential]) -> TwilioCallbacks | None:
        """Return the reader of the accounts among `credentials` that are Twilio's."""
        accounts = [each for each in credentials if ACCOUNT.fullmatch(each.account)]
        return TwilioCallbacks(accounts) if accounts else None

    def templates(self, opening: Opening) -> TemplateBook | None:
        """Return the account's Content resources, which WhatsApp approves; SMS asks for no approval."""
        if opening.channel != "whatsapp":
            return None
        credential = opening.credential
        return TwilioContent(TwilioAccount(credential.account, credential.token, base_url=opening.origin))


KIND = TwilioKind()
