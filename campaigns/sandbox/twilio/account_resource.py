"""Of Twilio's Account resource the account is read, its balance and its numbers: who can, knows its credential."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import refuse, reply
from campaigns.sandbox.twilio.access import Caller
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.render import ROOT, rfc2822
from campaigns.sandbox.world.state import World

_NAME = "Sandbox"
#: By the name in `subresource_uris`, the last part of the address.
_SUBRESOURCES = {
    "addresses": "Addresses",
    "applications": "Applications",
    "authorized_connect_apps": "AuthorizedConnectApps",
    "available_phone_numbers": "AvailablePhoneNumbers",
    "balance": "Balance",
    "calls": "Calls",
    "conferences": "Conferences",
    "connect_apps": "ConnectApps",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "keys": "Keys",
    "messages": "Messages",
    "notifications": "Notifications",
    "outgoing_caller_ids": "OutgoingCallerIds",
    "queues": "Queues",
    "recordings": "Recordings",
    "short_codes": "SMS/ShortCodes",
    "signing_keys": "SigningKeys",
    "sip": "SIP",
    "transcriptions": "Transcriptions",
    "usage": "Usage",
}


_DOLLARS = 1_000.0


def number_sid(address: str) -> str:
    """Return the sid of a number: always the same, so that nothing has to be remembered."""
    return f"PN{hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()}"


def _page(request: web.Request, name: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    pages = {"first_page_uri": request.path, "next_page_uri": None, "previous_page_uri": None}
    numbers = {"page": 0, "page_size": 50, "start": 0, "end": max(len(rows) - 1, 0)}
    return json.dumps({name: rows, "uri": request.path, **numbers, **pages}).encode()


class AccountSurface:
    """The handlers of `/2010-04-01/Accounts.json` and of what is read of one account."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world, self._config = world, world.config
        self._gate = Gate(world, armed)
        self._since = rfc2822(world.timeline.now())

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        one = f"{ROOT}/{{account}}"
        return [
            web.get(f"{ROOT}.json", self.list, allow_head=False),
            web.get(f"{one}.json", self.fetch, allow_head=False),
            web.get(f"{one}/Balance.json", self.balance, allow_head=False),
            web.get(f"{one}/IncomingPhoneNumbers.json", self.numbers, allow_head=False),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return the accounts that a credential opens: its own."""
        caller = await self._gate.admit(request, "account")
        if not isinstance(caller, Caller):
            return caller
        if caller.is_key:
            return refuse(20003)
        return reply(_page(request, "accounts", [self._body(caller.account)]))

    async def balance(self, request: web.Request) -> web.StreamResponse:
        """Return what is left of an imaginary 1,000 dollars."""
        caller = await self._gate.admit(request, "balance")
        if not isinstance(caller, Caller):
            return caller
        left = {"balance": f"{_DOLLARS - self._world.cost:.2f}", "currency": "USD"}
        return reply(json.dumps({"account_sid": caller.account, **left}).encode())

    async def numbers(self, request: web.Request) -> web.StreamResponse:
        """Return the numbers that an account sends from."""
        caller = await self._gate.admit(request, "numbers")
        if not isinstance(caller, Caller):
            return caller
        uri, addresses = f"{ROOT}/{caller.account}/IncomingPhoneNumbers", list[str]()
        for address, queue in self._world.senders.items():
            if address.startswith("+") and queue.sender.account in ("", caller.account):
                addresses.append(address)
        numbers = [
            {
                "sid": number_sid(address),
                "account_sid": caller.account,
                "phone_number": address,
                "friendly_name": address,
                "capabilities": {"voice": False, "sms": True, "mms": True, "fax": False},
                "sms_url": self._world.fixture.inbound_url or None,
                "uri": f"{uri}/{number_sid(address)}.json",
            }
            for address in addresses
        ]
        return reply(_page(request, "incoming_phone_numbers", numbers))

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Return the account; its keys do not open it, as at Twilio."""
        caller = await self._gate.admit(request, "account")
        if not isinstance(caller, Caller):
            return caller
        if caller.is_key:
            return refuse(20003)
        return reply(json.dumps(self._body(caller.account)).encode())

    def _body(self, account: str) -> dict[str, Any]:
        tokens = {self._config.account_sid: self._config.auth_token, **self._config.accounts}
        uri = f"{ROOT}/{account}"
        return {
            "sid": account,
            "friendly_name": _NAME,
            "status": "active",
            "auth_token": tokens[account],
            "date_created": self._since,
            "date_updated": self._since,
            "type": "Full",
            "owner_account_sid": account,
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{path}.json" for name, path in _SUBRESOURCES.items()},
        }
