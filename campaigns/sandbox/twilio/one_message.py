"""One message of Twilio's is fetched, cancelled, redacted and deleted here, with what hangs on it."""

import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import web

from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import refuse, reply
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.render import ROOT, message_body, rfc2822
from campaigns.sandbox.world.state import Message, World

Answerer = Callable[[web.Request, Message], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received"})
_RECEIPT_S = 3_600.0


class OneMessageSurface:
    """The handlers of `/2010-04-01/Accounts/{AC}/Messages/{SID}…`."""

    def __init__(self, world: World, life: Life, armed: ArmedFaults) -> None:
        self._world = world
        self._life = life
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        one = f"{ROOT}/{{account}}/Messages/{{sid}}"
        return [
            web.get(f"{one}.json", self._about("fetch", self.fetch), allow_head=False),
            web.post(f"{one}.json", self._about("change", self.change)),
            web.delete(f"{one}.json", self._about("delete", self.delete)),
            web.post(f"{one}/Feedback.json", self._about("feedback", self.feedback)),
        ]

    def _about(self, on: str, answer: Answerer) -> Handler:
        """Let an answerer speak only to the message's owner, about a message that is there."""

        async def handle(request: web.Request) -> web.StreamResponse:
            message = await self._gate.admit_to_message(request, on)
            return await answer(request, message) if isinstance(message, Message) else message

        return handle

    async def fetch(self, _request: web.Request, message: Message) -> web.StreamResponse:
        """Return one message."""
        return reply(message_body(message))

    async def change(self, request: web.Request, message: Message) -> web.StreamResponse:
        """Cancel a scheduled message (`Status=canceled`) or redact one (`Body=`)."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("Status") == "canceled":
            if message.status != "scheduled":
                return refuse(30409)
            self._life.cancel(message)
        if "Body" in form:
            if form["Body"]:
                return refuse(20001)
            if not self._is_final(message):
                return refuse(20009)
            message.is_redacted = True
        return reply(message_body(message))

    async def delete(self, _request: web.Request, message: Message) -> web.StreamResponse:
        """Delete a message from lists; the oracle keeps it."""
        if not self._is_final(message):
            return refuse(20009)
        message.is_deleted = True
        return reply(b"", 204)

    def _is_final(self, message: Message) -> bool:
        """Tell whether nothing more will become of a message; Twilio waits for a receipt for an hour."""
        if message.status == "sent":
            return self._world.timeline.now() - message.updated_at >= _RECEIPT_S
        return message.status in _FINAL

    async def feedback(self, request: web.Request, message: Message) -> web.StreamResponse:
        """Take the outcome that the application reports and say it back."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace")))
        now = rfc2822(self._world.timeline.now())
        body = {
            "account_sid": message.account,
            "message_sid": message.sid,
            "outcome": form.get("Outcome", "confirmed"),
            "date_created": now,
            "date_updated": now,
            "uri": request.path,
        }
        return reply(json.dumps(body).encode(), 201)
