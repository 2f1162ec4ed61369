"""Twilio's Content API has templates, their approval for WhatsApp, and lists of both."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, reply
from campaigns.sandbox.twilio.access import Caller
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.pages import page_of
from campaigns.sandbox.twilio.template_shapes import approval_dict, content_dict, meets
from campaigns.sandbox.world.approval import CATEGORIES, NAME
from campaigns.sandbox.world.content_templates import Content
from campaigns.sandbox.world.sandbox_errors import error_body
from campaigns.sandbox.world.state import World

Answerer = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LISTS = ("/v1/Content", "/v2/Content")
_BOTH = ("/v1/ContentAndApprovals", "/v2/ContentAndApprovals")
_BAD_REQUEST = 20001
#: A template that waits for a decision, or has a good one, is not handed in again.
_SUBMITTABLE = ("unsubmitted", "rejected")


class TemplatesSurface:
    """The handlers of `/v1/Content…`, `/v1/ContentAndApprovals` and `/v2/Content…`."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        one = "/v1/Content/{sid}"
        return [
            web.post("/v1/Content", self._for("content_create", self.create)),
            *(web.get(path, self._for("content_list", self.list_all), allow_head=False) for path in _LISTS),
            *(web.get(path, self._for("content_list", self.list_both), allow_head=False) for path in _BOTH),
            web.get(one, self._for("content_fetch", self.fetch), allow_head=False),
            web.delete(one, self._for("content_delete", self.delete)),
            web.get(f"{one}/ApprovalRequests", self._for("approval_fetch", self.approval), allow_head=False),
            web.post(f"{one}/ApprovalRequests/whatsapp", self._for("approval_create", self.submit)),
        ]

    def _for(self, on: str, answer: Answerer) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            caller = await self._gate.admit(request, on, request.match_info.get("sid", ""))
            return await answer(request, caller) if isinstance(caller, Caller) else caller

        return handle

    async def create(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Make a content from `{"friendly_name", "language", "variables", "types"}`."""
        body = await _object(request)
        if wrong := _fault_of(body):
            return _bad(wrong)
        content = self._world.contents.add(caller.account, body, self._world.timeline.now())
        return reply(_json(content_dict(content, request)), 201)

    async def list_all(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """List contents, the newest first; v2 knows filters."""
        rows = [content_dict(one, request) for one in self._rows(request, caller)]
        return reply(page_of(request, "contents", rows))

    async def list_both(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """List contents with what became of their approvals."""
        now = self._world.timeline.now()
        rows = [
            {**content_dict(one, request, has_links=False), "approval_requests": approval_dict(one, now)}
            for one in self._rows(request, caller)
        ]
        return reply(page_of(request, "contents", rows))

    def _rows(self, request: web.Request, caller: Caller) -> list[Content]:
        rows = [content for content in self._world.contents.of(caller.account) if meets(content, request.query)]
        return rows if request.query.get("SortByDate") == "asc" else rows[::-1]

    async def fetch(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Return one content."""
        content = self._find(request, caller)
        return reply(_json(content_dict(content, request))) if content else not_found(request.path)

    async def delete(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Delete a content."""
        content = self._find(request, caller)
        if content is None:
            return not_found(request.path)
        self._world.contents.remove(content)
        return reply(b"", 204)

    async def approval(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Return how far the approval of a content has come."""
        content = self._find(request, caller)
        if content is None:
            return not_found(request.path)
        whatsapp = approval_dict(content, self._world.timeline.now())
        body = {"sid": content.sid, "account_sid": content.account, "url": str(request.url), "whatsapp": whatsapp}
        return reply(_json(body))

    async def submit(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Hand a content in for approval: `{"name", "category"}`."""
        content, now = self._find(request, caller), self._world.timeline.now()
        if content is None:
            return not_found(request.path)
        body = await _object(request)
        name, category = str(body.get("name", "")), str(body.get("category", ""))
        if not NAME.fullmatch(name):
            return _bad("The name may have small letters, digits and underscores only.")
        if category not in CATEGORIES:
            return _bad(f"The category must be one of {', '.join(CATEGORIES)}.")
        if content.status_at(now) not in _SUBMITTABLE:
            return _bad("The content was submitted already.")
        self._world.contents.submit(content, name=name, category=category, now=now)
        return reply(_json(approval_dict(content, now)), 201)

    def _find(self, request: web.Request, caller: Caller) -> Content | None:
        return self._world.contents.find(caller.account, request.match_info["sid"])


def _fault_of(body: Mapping[str, Any]) -> str:
    """Return what is wrong with a new content, empty when nothing is."""
    types, variables = body.get("types"), body.get("variables") or {}
    if not isinstance(body.get("language"), str) or not body["language"]:
        return "The language is missing."
    if not isinstance(types, dict) or not types or not all(isinstance(parts, dict) for parts in types.values()):
        return "The types are missing."
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        return "The variables must be an object of texts."
    return ""


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _bad(words: str) -> web.Response:
    return reply(error_body(_BAD_REQUEST, words), 400)


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
