"""Inbound messages: a person writes, the application is called, its TwiML answer goes back."""

from dataclasses import replace
from typing import Any

from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.callbacks.notice import inbound_form
from campaigns.sandbox.callbacks.webhooks import Answer, Webhook, Webhooks
from campaigns.sandbox.twilio.inbound_words import Words, body_of, details_of
from campaigns.sandbox.twilio.render import ROOT
from campaigns.sandbox.twilio.twiml import TwimlError, read_messages
from campaigns.sandbox.world.chance import dice
from campaigns.sandbox.world.file_store import GivenFile, read_base64
from campaigns.sandbox.world.fixture import channel_of
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.segments import count_segments
from campaigns.sandbox.world.state import Message, World

#: Twilio's default words; whole message, any case.
_TYPES = {
    **dict.fromkeys(("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"), "STOP"),
    **dict.fromkeys(("START", "UNSTOP", "YES"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
_OWN_ANSWERS = {
    "STOP": "You will receive no more messages from this number. Reply START to receive them again.",
    "START": "You will receive messages from this number again. Reply STOP to end them.",
    "HELP": "Reply STOP to receive no more messages.",
}


class Inbox:
    """Takes what people write to the sandbox's senders."""

    def __init__(self, world: World, life: Life, *, webhooks: Webhooks, oracle: Oracle) -> None:
        self._world = world
        self._life = life
        self._webhooks = webhooks
        self._oracle = oracle

    async def receive(self, words: Words) -> dict[str, Any]:
        """Create an inbound message, tell the application and send its answer; return what happened."""
        if not words.sender:
            raise SandboxError("inbound.from: whose number is missing.")
        message = self._new_message(words)
        if refused := self._admit_to_whatsapp(message):
            return refused
        kind = self._own_opt_out(message) if self._world.fixture.advanced_opt_out else ""
        answer = await self._call_application(message, kind)
        replies = self._read_answer(message, answer) if answer else []
        for text in replies:
            self._reply(message, text)
        if answer is None:
            return _outcome(message, kind=kind, cause="no inbound_url", replies=replies)
        return _outcome(message, kind=kind, http_status=answer.status, cause=answer.cause, replies=replies)

    def _new_message(self, words: Words) -> Message:
        to = words.to or self._last_sender(words.sender)
        service = next((sid for sid, one in self._world.services.items() if to in one.pool), None)
        message = self._world.new_message(
            to=to,
            sender=words.sender,
            service=service,
            body=body_of(words),
            status="received",
            direction="inbound",
        )
        message.account = self._account_of(words.sender, to)
        message.sent_at = message.created_at
        message.parts = count_segments(message.body) if message.channel == "sms" else 1
        message.location, message.num_media = words.location, len(words.media)
        if words.media:
            message.sid = f"MM{message.sid[2:]}"
        message.details = details_of(replace(words, to=to, media=self._keep_files(message, words)))
        self._world.remember(message)
        if words.opt_out:
            self._oracle.said_stop(words.sender, message.created_at)
        if words.opt_in:
            self._oracle.said_start(words.sender)
        return message

    def _keep_files(self, message: Message, words: Words) -> tuple[GivenFile, ...]:
        """Keep the files that came with their content, each at an address of ours from then on."""
        kept: list[GivenFile] = []
        for number, given in enumerate(words.media):
            if not given.content:
                kept.append(given)
                continue
            content = read_base64(given.content, f"inbound.media[{number}].content")
            file = self._world.files.keep(message.sid, given.content_type, content, at=message.created_at)
            there = f"{self._world.origin}{ROOT}/{message.account}/Messages/{message.sid}/Media/{file.sid}"
            kept.append(replace(given, url=there))
        return tuple(kept)

    def _account_of(self, person: str, to: str) -> str:
        """Return the account that a message to a sender belongs to; for a shared one, who wrote from it last."""
        queue = self._world.senders.get(to)
        if queue and queue.sender.account:
            return queue.sender.account
        for message in reversed(self._world.by_person.get(person, [])):
            if message.account and message.sender == to:
                return message.account
        return self._world.config.account_sid

    def _admit_to_whatsapp(self, message: Message) -> dict[str, Any] | None:
        """Open the window of a WhatsApp person; a test number answers itself until the person has joined."""
        if message.channel != "whatsapp":
            return None
        world, now = self._world, message.created_at
        person = message.person
        if world.whatsapp.joins(person, message.body, now):
            answer = "You are all set. You can now send and receive messages from this number."
        elif world.whatsapp.has_joined(person, now):
            world.whatsapp.wrote(person, message.to, now)
            return None
        else:
            answer = "Your number is not connected. Send join and the word that you were given."
        world.whatsapp.wrote(person, message.to, now)
        self._reply(message, answer)
        return _outcome(message, cause="join", replies=[answer])

    def _last_sender(self, person: str) -> str:
        """Return the number that last wrote to a person, or the first that can be answered at all."""
        channel = channel_of(person)
        senders = {
            address: queue
            for address, queue in self._world.senders.items()
            if queue.sender.channel == channel and queue.sender.is_two_way
        }
        for message in reversed(self._world.by_person.get(person, [])):
            sender = message.to if message.is_inbound else message.sender
            if sender in senders:
                return sender
        for address in senders:
            return address
        if channel == "sms":
            raise SandboxError("No sender can be answered: every one is a name.")
        raise SandboxError(f"No sender is on {channel}.")

    def _own_opt_out(self, message: Message) -> str:
        """Apply Twilio's own words before the application hears of them; return their type."""
        kind = _TYPES.get(message.body.strip().upper(), "")
        key = (message.person, message.service or message.to)
        if kind == "HELP" and key in self._world.blocked:
            return kind
        if kind == "STOP":
            self._world.blocked.add(key)
        elif kind == "START":
            self._world.blocked.discard(key)
        if kind:
            self._reply(message, _OWN_ANSWERS[kind])
        return kind

    async def _call_application(self, message: Message, kind: str) -> Answer | None:
        """POST the message to the inbound URL; None when there is none."""
        service = self._world.services.get(message.service or "")
        url = (service.inbound_url if service else "") or self._world.fixture.inbound_url
        if not url:
            return None
        form = inbound_form(message, opt_out=kind)
        answer = await self._webhooks.deliver(Webhook(url, form, message.sid, account=message.account))
        if not answer.is_success:
            self._complain(message, answer.alert_code, f"{url}: {answer.status or answer.cause}")
        return answer

    def _read_answer(self, message: Message, answer: Answer) -> list[str]:
        """Return the texts of a TwiML answer; an unreadable one is an alert."""
        if not answer.is_success or not answer.body.strip():
            return []
        if answer.content_type == "text/plain":
            return [answer.body.strip()]
        if answer.content_type not in ("text/xml", "application/xml"):
            self._complain(message, 12300, f"Invalid content type {answer.content_type}")
            return []
        try:
            return read_messages(answer.body)
        except TwimlError as error:
            self._complain(message, 12100, str(error))
            return []

    def _complain(self, message: Message, code: int, detail: str) -> None:
        self._world.alert(code, message.sid, detail)
        message.code = code

    def _reply(self, message: Message, text: str) -> None:
        """Send a text back to the person from the number they wrote to."""
        answer = self._world.new_message(
            to=message.person,
            sender=message.to,
            service=None,
            body=text,
            status="queued",
            direction="outbound-reply",
        )
        answer.account = message.account
        answer.parts = answer.billed_parts
        self._world.remember(answer)
        self._life.begin(answer, Plan(is_exact=True), dice(self._world.seed, answer.to, message.sid, 1))


def _outcome(
    message: Message, *, kind: str = "", http_status: int | None = None, cause: str, replies: list[str]
) -> dict[str, Any]:
    """Return what became of an inbound message."""
    return {
        "sid": message.sid,
        "to": message.to,
        "opt_out_type": kind or None,
        "http_status": http_status,
        "cause": cause,
        "replies": replies,
    }
