"""Twilio's Messages resource: create, list, fetch, cancel, redact, delete."""

import asyncio
import json
from urllib.parse import parse_qsl

from aiohttp import web

from campaigns.sandbox.access import Access
from campaigns.sandbox.answers import bad_gateway, half_reply, hang_up, not_found, refuse, reply
from campaigns.sandbox.armed import ArmedFaults
from campaigns.sandbox.call import Call, read_call
from campaigns.sandbox.chance import dice
from campaigns.sandbox.checks import first_error, send_at
from campaigns.sandbox.errors import SandboxError, error_body
from campaigns.sandbox.faults import plan_call
from campaigns.sandbox.life import Life
from campaigns.sandbox.listing import list_body
from campaigns.sandbox.oracle import Oracle
from campaigns.sandbox.plan import Plan
from campaigns.sandbox.render import ROOT, message_body, rfc2822
from campaigns.sandbox.segments import count_segments
from campaigns.sandbox.state import Message, World


class MessagesSurface:
    """The handlers of `/2010-04-01/Accounts/{AC}/Messages…`."""

    def __init__(self, world: World, life: Life, *, oracle: Oracle, armed: ArmedFaults) -> None:
        self._world = world
        self._life = life
        self._oracle = oracle
        self._armed = armed
        self._access = Access(world.config)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        messages = f"{ROOT}/{{account}}/Messages"
        one = f"{messages}/{{sid}}"
        return [
            web.post(f"{messages}.json", self.create),
            web.get(f"{messages}.json", self.list, allow_head=False),
            web.get(f"{one}.json", self.fetch, allow_head=False),
            web.post(f"{one}.json", self.change),
            web.delete(f"{one}.json", self.delete),
            web.post(f"{one}/Feedback.json", self.feedback),
            web.get(f"{one}/Media.json", self.media, allow_head=False),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Accept a message or answer the first error, unless the plan of this call says otherwise."""
        kind = self._access.kind_of(request)
        if not kind:
            return refuse(20003)
        call = read_call(await request.read(), is_test=kind == "test")
        plan, luck = plan_call(self._world, self._armed, call)
        if plan.before:
            return _fail(request, plan.before)
        code = first_error(self._world, call, plan.error)
        if code:
            self._oracle.rejected(code)
            return refuse(code, to=call.to, sender=call.sender, retry_after=plan.retry_after)
        message = self._new_message(call)
        body = message_body(message, self._world.config.account_sid)
        if not call.is_test:
            self._world.remember(message)
            self._oracle.accepted(message)
            run = self._life.begin(message, plan, luck)
            await self._life.deliver_early(run)
        return await self._answer(request, plan, body)

    def _new_message(self, call: Call) -> Message:
        scheduled_at = send_at(call) if call.is_scheduled else None
        status = "accepted" if call.service else "queued"
        message = self._world.new_message(
            to=call.to,
            sender=call.sender or None,
            service=call.service or None,
            body=call.body,
            status="scheduled" if scheduled_at else status,
            direction="outbound-api",
        )
        message.intent, message.callback_url = call.intent, call.callback_url
        message.validity_s, message.send_at, message.num_media = call.validity_s, scheduled_at, call.media
        message.parts = 0 if call.service else count_segments(call.body)
        return message

    async def _answer(self, request: web.Request, plan: Plan, body: bytes) -> web.Response:
        """Answer an accepted call: with the message, late, with 503, or not at all."""
        if plan.latency_s:
            await asyncio.sleep(plan.latency_s)
        if plan.after == "late":
            await asyncio.sleep(self._world.fixture.late_s)
        elif plan.after:
            return _fail(request, plan.after)
        return reply(body, 201)

    async def list(self, request: web.Request) -> web.Response:
        """List messages, newest first."""
        if refusal := self._refuse_reading(request, "list", request.query.get("To", "")):
            return refusal
        try:
            return reply(list_body(self._world, request.query))
        except SandboxError as error:
            return reply(error_body(20001, str(error)), 400)

    async def fetch(self, request: web.Request) -> web.Response:
        """Return one message."""
        sid = request.match_info["sid"]
        if refusal := self._refuse_reading(request, "fetch", sid):
            return refusal
        message = self._find(sid)
        return self._show(message) if message else not_found(request.path)

    async def change(self, request: web.Request) -> web.Response:
        """Cancel a scheduled message (`Status=canceled`) or redact one (`Body=`)."""
        if refusal := self._refuse_reading(request, "change", request.match_info["sid"]):
            return refusal
        message = self._find(request.match_info["sid"])
        if message is None:
            return not_found(request.path)
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("Status") == "canceled":
            if message.status != "scheduled":
                return refuse(30409)
            self._life.cancel(message)
        if form.get("Body") == "":
            message.is_redacted = True
        return self._show(message)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a message from lists; the oracle keeps it."""
        if refusal := self._refuse_reading(request, "delete", request.match_info["sid"]):
            return refusal
        message = self._find(request.match_info["sid"])
        if message is None:
            return not_found(request.path)
        message.is_deleted = True
        return reply(b"", 204)

    async def feedback(self, request: web.Request) -> web.Response:
        """Take the outcome that the application reports and say it back."""
        if refusal := self._refuse_reading(request, "feedback", request.match_info["sid"]):
            return refusal
        message = self._find(request.match_info["sid"])
        if message is None:
            return not_found(request.path)
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace")))
        now = rfc2822(self._world.timeline.now())
        body = {
            "account_sid": self._world.config.account_sid,
            "message_sid": message.sid,
            "outcome": form.get("Outcome", "confirmed"),
            "date_created": now,
            "date_updated": now,
            "uri": request.path,
        }
        return reply(json.dumps(body).encode(), 201)

    async def media(self, request: web.Request) -> web.Response:
        """Return an empty media list: the sandbox stores none."""
        if refusal := self._refuse_reading(request, "media", request.match_info["sid"]):
            return refusal
        if self._find(request.match_info["sid"]) is None:
            return not_found(request.path)
        pages = {"first_page_uri": request.path, "next_page_uri": None, "previous_page_uri": None}
        numbers = {"page": 0, "page_size": 50, "start": 0, "end": 0}
        return reply(json.dumps({"media_list": [], "uri": request.path, **numbers, **pages}).encode())

    def _refuse_reading(self, request: web.Request, on: str, about: str) -> web.Response | None:
        """Return the refusal of any call but create: credentials first, then armed faults."""
        kind = self._access.kind_of(request)
        if kind != "live":
            return refuse(20008 if kind else 20003)
        nth = self._world.count_call(about, on)
        plan = self._armed.draw(on, about, "", dice(self._world.seed, about, on, nth))
        if plan is None:
            return None
        if plan.error:
            return refuse(plan.error, retry_after=plan.retry_after)
        failure = plan.before or plan.after
        return _fail(request, failure) if failure else None

    def _find(self, sid: str) -> Message | None:
        message = self._world.by_sid.get(sid)
        return message if message and not message.is_deleted else None

    def _show(self, message: Message) -> web.Response:
        return reply(message_body(message, self._world.config.account_sid))


def _fail(request: web.Request, how: str) -> web.Response:
    """End a call without its answer: close the connection, 502 in HTML, or 503."""
    if how == "close":
        return hang_up(request)
    if how == "empty":
        return web.Response(status=200)
    if how == "half":
        return half_reply()
    return bad_gateway() if how == "502" else refuse(20503)
