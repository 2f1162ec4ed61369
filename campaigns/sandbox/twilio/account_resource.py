"""Of Twilio's Account resource only the account itself is fetched: who asks that, knows its credential."""

import json
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


class AccountSurface:
    """The handler of `/2010-04-01/Accounts/{AC}.json`."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._config = world.config
        self._gate = Gate(world, armed)
        self._since = rfc2822(world.timeline.now())

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the resource."""
        return [web.get(f"{ROOT}/{{account}}.json", self.fetch, allow_head=False)]

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
