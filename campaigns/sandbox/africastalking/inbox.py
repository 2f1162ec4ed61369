"""People write to a short code of Africa's Talking, and their words are posted to the application."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from campaigns.sandbox.callbacks.webhooks import PLAIN_FORM, Webhook, Webhooks
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.segments import count_segments
from campaigns.sandbox.world.state import Message, World


@dataclass(frozen=True, slots=True)
class ShortCodeWords:
    """What one person writes."""

    #: The person's number.
    sender: str = ""
    text: str = ""
    #: The short code written to; empty takes the one that last wrote to this person.
    to: str = ""
    #: What the person means by it, for the oracle.
    opt_out: bool = False
    opt_in: bool = False


class AfricasTalkingInbox:
    """Takes what people write to short codes."""

    def __init__(self, world: World, webhooks: Webhooks, oracle: Oracle) -> None:
        self._world = world
        self._webhooks = webhooks
        self._oracle = oracle

    async def receive(self, words: ShortCodeWords) -> dict[str, Any]:
        """Create an inbound message and post it to the fixture's inbound address; return what happened."""
        if not words.sender:
            raise SandboxError("inbound.from: whose number is missing.")
        message = self._new_message(words)
        url = self._world.fixture.africastalking_inbound_url
        result: dict[str, Any] = {
            "sid": message.sid,
            "to": message.to,
            "http_status": None,
            "cause": "",
            "replies": [],
        }
        if not url:
            return {**result, "cause": "no africastalking_inbound_url"}
        form = [
            ("id", message.sid),
            ("text", message.body),
            ("from", words.sender),
            ("to", message.to),
            ("date", f"{datetime.fromtimestamp(message.created_at, UTC):%Y-%m-%dT%H:%M:%SZ}"),
            ("linkId", uuid.uuid4().hex),
        ]
        answer = await self._webhooks.deliver(Webhook(url, form, message.sid, headers=PLAIN_FORM))
        if not answer.is_success:
            message.code = answer.alert_code
            self._world.alert(answer.alert_code, message.sid, f"{url}: {answer.status or answer.cause}")
        return {**result, "http_status": answer.status, "cause": answer.cause}

    def _new_message(self, words: ShortCodeWords) -> Message:
        message = self._world.new_message(
            to=words.to or self._last_sender(words.sender),
            sender=words.sender,
            service=None,
            body=words.text,
            status="received",
            direction="inbound",
        )
        message.sid, message.provider = uuid.uuid4().hex, "africastalking"
        message.sent_at, message.parts = message.created_at, count_segments(words.text)
        self._world.remember(message)
        if words.opt_out:
            self._oracle.said_stop(words.sender, message.created_at)
        if words.opt_in:
            self._oracle.said_start(words.sender)
        return message

    def _last_sender(self, person: str) -> str:
        for message in reversed(self._world.by_person.get(person, [])):
            if message.provider == "africastalking":
                return message.to if message.is_inbound else message.sender or ""
        return self._world.fixture.africastalking_sender
