"""Messaging Services are listed, read and made at `/v1/Services`, as the messaging domain shows them."""

import json
import os
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, reply
from campaigns.sandbox.twilio.access import Caller
from campaigns.sandbox.twilio.account_resource import number_sid
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.pages import page_of
from campaigns.sandbox.world.fixture import MessagingService
from campaigns.sandbox.world.numbering_plans import country_of
from campaigns.sandbox.world.state import World

_SINCE = "2026-01-01T00:00:00Z"


class ServicesSurface:
    """The handlers of `/v1/Services…`."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        return [
            web.get("/v1/Services", self.list, allow_head=False),
            web.post("/v1/Services", self.create),
            web.get("/v1/Services/{sid}", self.fetch, allow_head=False),
            web.get("/v1/Services/{sid}/PhoneNumbers", self.list_numbers, allow_head=False),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return the account's Messaging Services."""
        caller = await self._gate.admit(request, "services")
        if not isinstance(caller, Caller):
            return caller
        services = [
            self._dict(request, caller.account, service)
            for service in self._world.services.values()
            if service.account in ("", caller.account)
        ]
        return reply(page_of(request, "services", services))

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Make a Messaging Service; senders come into its pool by the fixture alone."""
        caller = await self._gate.admit(request, "service_create")
        if not isinstance(caller, Caller):
            return caller
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace")))
        service = MessagingService(
            f"MG{os.urandom(16).hex()}",
            form.get("FriendlyName", ""),
            pool=(),
            inbound_url=form.get("InboundRequestUrl", ""),
            status_callback=form.get("StatusCallback", ""),
            account=caller.account,
        )
        self._world.add_service(service)
        return reply(json.dumps(self._dict(request, caller.account, service)).encode(), 201)

    async def list_numbers(self, request: web.Request) -> web.StreamResponse:
        """Return the numbers in the pool of a Messaging Service."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.StreamResponse):
            return admitted
        caller, service = admitted
        numbers = [
            {
                "sid": number_sid(address),
                "account_sid": caller.account,
                "service_sid": service.sid,
                "date_created": _SINCE,
                "date_updated": _SINCE,
                "phone_number": address,
                "country_code": country_of(address),
                "capabilities": ["SMS"],
                "url": f"{request.url.with_query(None)}/{number_sid(address)}",
            }
            for address in service.pool
            if address.startswith("+")
        ]
        return reply(page_of(request, "phone_numbers", numbers))

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Return one Messaging Service."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.StreamResponse):
            return admitted
        caller, service = admitted
        return reply(json.dumps(self._dict(request, caller.account, service)).encode())

    async def _admit(self, request: web.Request) -> tuple[Caller, MessagingService] | web.StreamResponse:
        """Return who calls and the service that the address names, if it is theirs, or the answer."""
        sid = request.match_info["sid"]
        caller = await self._gate.admit(request, "service", sid)
        if not isinstance(caller, Caller):
            return caller
        service = self._world.services.get(sid)
        if service is None or service.account not in ("", caller.account):
            return not_found(request.path)
        return caller, service

    def _dict(self, request: web.Request, account: str, service: MessagingService) -> dict[str, Any]:
        url = str(request.url.origin() / "v1" / "Services" / service.sid)
        return {
            "sid": service.sid,
            "account_sid": account,
            "friendly_name": service.name,
            "date_created": _SINCE,
            "date_updated": _SINCE,
            "inbound_request_url": service.inbound_url or self._world.fixture.inbound_url or None,
            "inbound_method": "POST",
            "fallback_url": None,
            "fallback_method": "POST",
            "status_callback": service.status_callback or None,
            "sticky_sender": True,
            "mms_converter": True,
            "smart_encoding": False,
            "validity_period": 36000,
            "usecase": "undeclared",
            "url": url,
            "links": {"phone_numbers": f"{url}/PhoneNumbers"},
        }
