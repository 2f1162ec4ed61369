"""Twilio's prices by country come from the fixture: `/v1/Messaging/Countries`."""

import json
from typing import Any

import phonenumbers
from aiohttp import web
from babel import Locale

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, reply
from campaigns.sandbox.twilio.access import Caller
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.pages import page_of
from campaigns.sandbox.world.fixture import longest_match
from campaigns.sandbox.world.state import World

_NAMES = Locale("en").territories
#: USD for an inbound message; an order of magnitude.
_INBOUND = "0.0075"


class PricingSurface:
    """The handlers of `/v1/Messaging/Countries…`."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        return [
            web.get("/v1/Messaging/Countries", self.list, allow_head=False),
            web.get("/v1/Messaging/Countries/{country}", self.fetch, allow_head=False),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """List the countries that have telephones."""
        caller = await self._gate.admit(request, "pricing")
        if not isinstance(caller, Caller):
            return caller
        rows = [_named(request, country) for country in sorted(phonenumbers.SUPPORTED_REGIONS)]
        return reply(page_of(request, "countries", rows))

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Return the prices of one country: those that the sandbox counts with."""
        country = request.match_info["country"].upper()
        caller = await self._gate.admit(request, "pricing", country)
        if not isinstance(caller, Caller):
            return caller
        prefix = phonenumbers.country_code_for_region(country)
        if not prefix:
            return not_found(request.path)
        price = longest_match(self._world.fixture.prices, f"+{prefix}") or 0.0
        outbound = {"carrier": "All networks", "mcc": "", "mnc": "", "prices": [_price("mobile", f"{price:.4f}")]}
        body = {
            **_named(request, country),
            "price_unit": "USD",
            "outbound_sms_prices": [outbound],
            "inbound_sms_prices": [_price("mobile", _INBOUND)],
        }
        return reply(json.dumps(body).encode())


def _named(request: web.Request, country: str) -> dict[str, Any]:
    url = request.url.origin() / "v1" / "Messaging" / "Countries" / country
    return {"country": _NAMES.get(country, country), "iso_country": country, "url": str(url)}


def _price(number_type: str, price: str) -> dict[str, str]:
    return {"number_type": number_type, "base_price": price, "current_price": price}
