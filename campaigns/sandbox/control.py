"""The control API under `/_sandbox/` takes set-up, clock, faults and inbound messages, and tells the truth."""

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from itertools import islice
from typing import Any

from aiohttp import web

from campaigns.sandbox.callbacks.webhooks import Webhooks
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.phones.acts_by_provider import People
from campaigns.sandbox.world.oracle import Oracle, truth
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.setup_json import read_changes
from campaigns.sandbox.world.state import Message, World

Handler = Callable[[web.Request], Awaitable[web.Response]]

_CLOCKS = {"real": 1.0, "manual": 0.0}
_PAGE = 1_000


class ControlSurface:
    """The handlers of `/_sandbox/…`, all behind `X-Sandbox-Token`."""

    def __init__(
        self, world: World, webhooks: Webhooks, *, oracle: Oracle, armed: ArmedFaults, people: People
    ) -> None:
        self._world = world
        self._webhooks = webhooks
        self._oracle = oracle
        self._armed = armed
        self._people = people

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the control API."""
        return [
            web.post("/_sandbox/reset", self._guarded(self.reset)),
            web.post("/_sandbox/clock", self._guarded(self.clock)),
            web.get("/_sandbox/fixture", self._guarded(self.show_fixture)),
            web.post("/_sandbox/fixture", self._guarded(self.change_fixture)),
            web.get("/_sandbox/faults", self._guarded(self.show_faults)),
            web.post("/_sandbox/faults", self._guarded(self.arm)),
            web.delete("/_sandbox/faults", self._guarded(self.disarm)),
            web.post("/_sandbox/inbound", self._guarded(self.inbound)),
            web.get("/_sandbox/messages", self._guarded(self.messages)),
            web.get("/_sandbox/requests", self._guarded(self.requests)),
            web.get("/_sandbox/callbacks", self._guarded(self.callbacks)),
            web.get("/_sandbox/alerts", self._guarded(self.alerts)),
            web.get("/_sandbox/invariants", self._guarded(self.invariants)),
            web.post("/_sandbox/invariants", self._guarded(self.invariants)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        """Let a handler answer only who knows the control token, and put its errors into words."""

        async def guarded(request: web.Request) -> web.Response:
            given = request.headers.get("X-Sandbox-Token", "")
            if not hmac.compare_digest(given.encode(), self._world.config.control_token.encode()):
                return _say({"error": "X-Sandbox-Token is missing or wrong."}, 401)
            try:
                return await handler(request)
            except SandboxError as error:
                return _say({"error": str(error)}, 400)

        return guarded

    async def reset(self, request: web.Request) -> web.Response:
        """Forget everything: `{"seed": "…"}`, by default the configured seed."""
        seed = str((await _object(request)).get("seed", self._world.config.seed))
        self._world.reset(seed)
        self._webhooks.forget()
        self._oracle.forget()
        self._armed.disarm()
        return _say({"seed": seed})

    async def clock(self, request: web.Request) -> web.Response:
        """Set or move the clock: `{"mode": "real" | "manual" | "x60"}` and/or `{"advance_s": 60}`."""
        body = await _object(request)
        timeline = self._world.timeline
        if "mode" in body:
            timeline.set_factor(_factor(body["mode"]))
        advance = body.get("advance_s", 0)
        if not isinstance(advance, (int, float)) or advance < 0:
            raise SandboxError("advance_s must be a number of seconds, 0 or more.")
        if advance:
            await timeline.advance(float(advance))
        return _say({"now": timeline.now(), "factor": timeline.factor})

    async def show_fixture(self, _request: web.Request) -> web.Response:
        """Return the fixture."""
        return _say(asdict(self._world.fixture))

    async def change_fixture(self, request: web.Request) -> web.Response:
        """Replace the given fields of the fixture and return it."""
        body = await _object(request)
        self._world.set_fixture(read_changes(self._world.fixture, body, "fixture"))
        return _say(asdict(self._world.fixture))

    async def show_faults(self, _request: web.Request) -> web.Response:
        """Return the armed faults with how often each fired."""
        return _say({"faults": [fault.as_dict() for fault in self._armed]})

    async def arm(self, request: web.Request) -> web.Response:
        """Arm a fault: `{"match": {…}, "action": {…}}`."""
        return _say(self._armed.arm(await _object(request)).as_dict(), 201)

    async def disarm(self, _request: web.Request) -> web.Response:
        """Remove every armed fault."""
        self._armed.disarm()
        return _say({"faults": []})

    async def inbound(self, request: web.Request) -> web.Response:
        """Let a person act: `{"from": "+380…", "text": "STOP", "opt_out": true}`; with `"provider": "telegram"`

        also `start` (a payload), `location`, `button_payload`, `block` and `unblock`.
        """
        return _say(await self._people.act(await _object(request)), 201)

    async def messages(self, request: web.Request) -> web.Response:
        """Return the truth about messages, oldest first: `intent`, `to`, `after` (a seq), `limit`."""
        query = request.query
        after, limit = _whole(query.get("after"), 0), _whole(query.get("limit"), _PAGE)
        intent, to = query.get("intent"), query.get("to")

        def wanted(message: Message) -> bool:
            return message.seq > after and intent in (None, message.intent) and to in (None, message.to)

        log = self._world.by_person.get(to, []) if to else self._world.log
        found = [truth(message) for message in islice(filter(wanted, log), limit)]
        return _say({"messages": found, "next_after": found[-1]["seq"] if len(found) == limit else None})

    async def requests(self, _request: web.Request) -> web.Response:
        """Return the raw requests kept (see the fixture's `keep_requests`)."""
        return _say({"requests": [asdict(raw) for raw in self._world.requests]})

    async def callbacks(self, request: web.Request) -> web.Response:
        """Return the latest attempts to call the application: `sid` selects one message's."""
        sid = request.query.get("sid")
        attempts = [asdict(attempt) for attempt in self._webhooks.attempts if sid in (None, attempt.sid)]
        return _say({"attempts": attempts, "counts": dict(self._webhooks.counts)})

    async def alerts(self, _request: web.Request) -> web.Response:
        """Return the debugger log."""
        return _say({"alerts": [asdict(alert) for alert in self._world.alerts]})

    async def invariants(self, request: web.Request) -> web.Response:
        """Return what must hold; `POST {"intents": […]}` also tells which of them were never accepted."""
        intents = (await _object(request)).get("intents", [])
        if not isinstance(intents, list):
            raise SandboxError("intents must be a list of the application's ids.")
        counts = self._webhooks.counts
        body = self._oracle.invariants(intents)
        body["callbacks"] = dict(counts)
        body["callbacks_undelivered"] = counts["undelivered"]
        body["pending"] = {"stages": len(self._world.timeline), "callbacks": self._webhooks.pending}
        return _say(body)


def _factor(mode: object) -> float:
    if mode in _CLOCKS:
        return _CLOCKS[str(mode)]
    text = str(mode)
    if text[:1] == "x" and text[1:].isdigit() and 1 <= int(text[1:]) <= 100_000:
        return float(text[1:])
    raise SandboxError(f"No clock {mode!r}: there are real, manual and x1 to x100000.")


async def _object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body, empty when there is none."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise SandboxError(f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise SandboxError("The body must be a JSON object.")
    return body


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default


def _say(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
