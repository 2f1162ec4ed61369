"""Africa's Talking answers on loopback: `POST /version1/messaging` gives each recipient a status."""

import asyncio
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.failing import fail
from campaigns.sandbox.faults.faults import plan_elsewhere
from campaigns.sandbox.world.fixture import longest_match
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.segments import count_segments
from campaigns.sandbox.world.state import World

_STATUSES = {
    100: "Processed",
    101: "Success",
    102: "Queued",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
_SENT = 101
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
#: A number that ends so is refused with the three digits as its statusCode.
_SUFFIX = re.compile(r"0090(\d{3})")
#: An order of magnitude: prices of the fixture are USD, this provider's costs KES.
_KES_PER_USD = 129.0
_BALANCE = "KES 1785.5000"
_TOO_FAST = (429, 20429)
_UNAVAILABLE = b'{"SMSMessageData":{"Message":"Service Unavailable","Recipients":[]}}'


class AfricasTalkingSurface:
    """The handlers of `/version1/messaging` and `/version1/user`."""

    def __init__(self, world: World, life: Life, *, oracle: Oracle, armed: ArmedFaults) -> None:
        self._world = world
        self._life = life
        self._oracle = oracle
        self._armed = armed

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        return [
            web.post("/version1/messaging", self.send),
            web.get("/version1/user", self.tell_balance, allow_head=False),
        ]

    async def tell_balance(self, request: web.Request) -> web.StreamResponse:
        """Tell the account's balance, to whoever has its key."""
        if not self._is_known(request, request.query):
            return web.Response(text="The supplied authentication is invalid", status=401)
        return web.json_response({"UserData": {"balance": _BALANCE}})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send one text to all of `to`, separated by commas; whole calls fail by the first recipient's plan."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        if not self._is_known(request, form):
            self._oracle.rejected(401)
            return web.Response(text="The supplied authentication is invalid", status=401)
        for name in ("to", "message"):
            if not form.get(name, "").strip():
                return web.Response(text=f"Request is missing required form field '{name}'", status=400)
        sender = form.get("from") or self._world.fixture.africastalking_sender
        numbers = [number.strip() for number in form["to"].split(",")]
        plans = [self._plan(number, sender) for number in numbers]
        first = plans[0][0]
        if first.before:
            return await fail(request, first.before, answer=_UNAVAILABLE, unavailable=_UNAVAILABLE)
        if first.error in _TOO_FAST:
            return web.Response(text="Too Many Requests", status=429)
        recipients = [
            self._send_one(number, sender, text=form["message"], plan=plan, luck=luck)
            for number, (plan, luck) in zip(numbers, plans, strict=True)
        ]
        return await self._answer(request, first, _body(recipients))

    def _is_known(self, request: web.Request, form: Mapping[str, str]) -> bool:
        config = self._world.config
        key = request.headers.get("apiKey", "")
        is_right = hmac.compare_digest(key.encode(), config.auth_token.encode())
        return is_right and form.get("username") == config.africastalking_username

    def _plan(self, number: str, sender: str) -> tuple[Plan, Random]:
        return plan_elsewhere(self._world, self._armed, provider="africastalking", to=number, sender=sender)

    def _send_one(self, number: str, sender: str, *, text: str, plan: Plan, luck: Random) -> dict[str, Any]:
        """Accept or refuse one recipient and return the entry of the answer."""
        code = self._first_error(number, sender, plan)
        if code:
            self._oracle.rejected(code)
            status = _STATUSES.get(code, "InternalServerError")
            return {"statusCode": code, "number": number, "status": status, "cost": "0", "messageId": "None"}
        message = self._world.new_message(
            to=number, sender=sender, service=None, body=text, status="queued", direction="outbound-api"
        )
        message.sid, message.provider = f"ATPid_{uuid.uuid4().hex}", "africastalking"
        message.callback_url = self._world.fixture.africastalking_delivery_url
        message.parts = count_segments(text)
        self._world.remember(message)
        self._oracle.accepted(message)
        self._life.begin(message, plan, luck)
        cost = self._world.price_for(number, message.parts) * _KES_PER_USD
        return {
            "statusCode": _SENT,
            "number": number,
            "status": _STATUSES[_SENT],
            "cost": f"KES {cost:.4f}",
            "messageId": message.sid,
        }

    def _first_error(self, number: str, sender: str, plan: Plan) -> int:
        """Return the statusCode that refuses a recipient, 0 when none does."""
        fixture = self._world.fixture
        if fixture.africastalking_senders and sender not in fixture.africastalking_senders:
            return 402
        if not _NUMBER.fullmatch(number):
            return 403
        if number.startswith(fixture.landlines):
            return 404
        suffix = _SUFFIX.search(number, max(len(number) - 7, 0)) if fixture.suffixes else None
        given = int(suffix[1]) if suffix else longest_match(fixture.africastalking_refused, number)
        if given in _STATUSES or plan.error in _STATUSES:
            return given if given in _STATUSES else plan.error
        return 406 if self._world.is_blocked(number, sender) else 0

    async def _answer(self, request: web.Request, plan: Plan, body: bytes) -> web.StreamResponse:
        if plan.latency_s:
            await asyncio.sleep(plan.latency_s)
        if plan.after == "late":
            await asyncio.sleep(self._world.fixture.late_s)
        elif plan.after:
            return await fail(request, plan.after, answer=body, unavailable=_UNAVAILABLE)
        return web.Response(body=body, status=201, content_type="application/json")


def _body(recipients: list[dict[str, Any]]) -> bytes:
    """Return the answer: a sentence for people and the recipients one by one; a bad sender has none."""
    sent = [one for one in recipients if one["statusCode"] < 400]
    total = sum(float(one["cost"].removeprefix("KES ")) for one in sent)
    words = f"Sent to {len(sent)}/{len(recipients)} Total Cost: KES {total:.4f}"
    if all(one["statusCode"] == 402 for one in recipients):
        words, recipients = "InvalidSenderId", []
    return json.dumps({"SMSMessageData": {"Message": words, "Recipients": recipients}}).encode()
