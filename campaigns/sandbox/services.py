"""Messaging Services, read only: `/v1/Services` as the messaging domain shows it."""

import json
from typing import Any

from aiohttp import web

from campaigns.sandbox.access import Access
from campaigns.sandbox.answers import not_found, refuse, reply
from campaigns.sandbox.fixture import MessagingService
from campaigns.sandbox.state import World

_SINCE = "2026-01-01T00:00:00Z"


class ServicesSurface:
    """The handlers of `/v1/Services…`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._access = Access(world.config)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        return [
            web.get("/v1/Services", self.list, allow_head=False),
            web.get("/v1/Services/{sid}", self.fetch, allow_head=False),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Return every Messaging Service on one page; v1 pages by absolute addresses of this origin."""
        kind = self._access.kind_of(request)
        if kind != "live":
            return refuse(20008 if kind else 20003)
        url = str(request.url.with_query(None))
        meta = {
            "page": 0,
            "page_size": 50,
            "first_page_url": f"{url}?PageSize=50&Page=0",
            "previous_page_url": None,
            "url": f"{url}?PageSize=50&Page=0",
            "next_page_url": None,
            "key": "services",
        }
        services = [self._dict(request, service) for service in self._world.services.values()]
        return reply(json.dumps({"services": services, "meta": meta}).encode())

    async def fetch(self, request: web.Request) -> web.Response:
        """Return one Messaging Service."""
        kind = self._access.kind_of(request)
        if kind != "live":
            return refuse(20008 if kind else 20003)
        service = self._world.services.get(request.match_info["sid"])
        if service is None:
            return not_found(request.path)
        return reply(json.dumps(self._dict(request, service)).encode())

    def _dict(self, request: web.Request, service: MessagingService) -> dict[str, Any]:
        url = str(request.url.origin() / "v1" / "Services" / service.sid)
        return {
            "sid": service.sid,
            "account_sid": self._world.config.account_sid,
            "friendly_name": service.name,
            "date_created": _SINCE,
            "date_updated": _SINCE,
            "inbound_request_url": service.inbound_url or self._world.fixture.inbound_url or None,
            "inbound_method": "POST",
            "fallback_url": None,
            "fallback_method": "POST",
            "status_callback": None,
            "sticky_sender": True,
            "mms_converter": True,
            "smart_encoding": False,
            "validity_period": 36000,
            "usecase": "undeclared",
            "url": url,
            "links": {"phone_numbers": f"{url}/PhoneNumbers"},
        }
