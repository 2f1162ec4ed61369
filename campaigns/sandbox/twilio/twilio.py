"""Twilio's Messages resource creates and lists messages."""

import asyncio
from dataclasses import replace

from aiohttp import web

from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.create_call import Call, read_call
from campaigns.sandbox.faults.create_checks import first_error, read_variables, send_at
from campaigns.sandbox.faults.faults import outcome_of, plan_call
from campaigns.sandbox.faults.twilio_answers import PromptReply, refuse, reply, spoil
from campaigns.sandbox.twilio.access import Access, Caller
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.listing import list_body
from campaigns.sandbox.twilio.render import ROOT, message_body
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.sandbox_errors import SandboxError, error_body
from campaigns.sandbox.world.state import Button, Message, World

#: A template that lacks a value for one of its variables.
_VARIABLES_MISSING = 63028


class MessagesSurface:
    """The handlers of `/2010-04-01/Accounts/{AC}/Messages.json`."""

    def __init__(self, world: World, life: Life, *, oracle: Oracle, armed: ArmedFaults) -> None:
        self._world = world
        self._life = life
        self._oracle = oracle
        self._armed = armed
        self._access = Access(world.config)
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        messages = f"{ROOT}/{{account}}/Messages.json"
        return [web.post(messages, self.create), web.get(messages, self.list, allow_head=False)]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Accept a message or answer the first error, unless the plan of this call says otherwise."""
        caller = self._access.caller_of(request)
        if not caller.kind:
            return refuse(20003)
        call = read_call(await request.read(), account=caller.account, is_test=caller.kind == "test")
        plan, luck = plan_call(self._world, self._armed, call)
        if plan.before:
            return await spoil(request, plan.before)
        code = first_error(self._world, call, plan.error)
        if code:
            return self._refuse(call, code, plan)
        message = self._new_message(call)
        if call.content_sid and self._fill(message, call):
            plan = replace(plan, outcome=outcome_of(_VARIABLES_MISSING))
        body = message_body(message)
        if not call.is_test:
            self._world.remember(message)
            self._oracle.accepted(message)
            run = self._life.begin(message, plan, luck)
            await self._life.deliver_early(run)
        return await self._answer(request, plan, body)

    def _refuse(self, call: Call, code: int, plan: Plan) -> web.Response:
        self._oracle.rejected(code)
        return refuse(
            code, to=call.to, sender=call.sender, retry_after=plan.retry_after, is_problem=plan.is_problem
        )

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
        message.account = call.account
        message.intent, message.callback_url = call.intent, call.callback_url
        message.validity_s, message.send_at = call.validity_s, scheduled_at
        if call.media:
            message.sid, message.num_media = f"MM{message.sid[2:]}", call.media
        if not call.service:
            message.parts = message.billed_parts
        elif not call.callback_url:
            message.callback_url = self._world.services[call.service].status_callback
        return message

    def _fill(self, message: Message, call: Call) -> list[str]:
        """Write the words of a message's template into it; return the variables without a value."""
        content = self._world.contents.find(call.account, call.content_sid)
        if content is None:
            return []
        message.content_sid = content.sid
        message.body, missing = content.render(read_variables(call) or {})
        message.buttons = tuple(Button(label, payload) for label, payload in content.choices())
        return missing

    async def _answer(self, request: web.Request, plan: Plan, body: bytes) -> web.StreamResponse:
        """Answer an accepted call: with the message, late, or in one of the ways not to answer."""
        if plan.latency_s:
            await asyncio.sleep(plan.latency_s)
        if plan.after == "late":
            await asyncio.sleep(self._world.fixture.late_s)
        elif plan.after:
            return await spoil(request, plan.after, body, 201)
        return PromptReply(body, 201)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """List messages, newest first."""
        caller = await self._gate.admit(request, "list", request.query.get("To", ""))
        if not isinstance(caller, Caller):
            return caller
        try:
            return reply(list_body(self._world, caller.account, request.query))
        except SandboxError as error:
            return reply(error_body(20001, str(error)), 400)
