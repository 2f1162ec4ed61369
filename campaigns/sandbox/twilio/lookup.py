"""Twilio's Lookup (`/v2/PhoneNumbers/{number}`) says whether a number is valid, and its kind of line."""

import json
from typing import Any

import phonenumbers
from aiohttp import web
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.faults import suffix_plan
from campaigns.sandbox.faults.twilio_answers import reply
from campaigns.sandbox.twilio.access import Caller
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.world.fixture import longest_match
from campaigns.sandbox.world.numbering_plans import line_type_of, parse
from campaigns.sandbox.world.state import World

_ERRORS = {
    ValidationResult.IS_POSSIBLE: "INVALID_BUT_POSSIBLE",
    ValidationResult.INVALID_COUNTRY_CODE: "INVALID_COUNTRY_CODE",
    ValidationResult.TOO_SHORT: "TOO_SHORT",
    ValidationResult.TOO_LONG: "TOO_LONG",
    ValidationResult.INVALID_LENGTH: "INVALID_LENGTH",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "TOO_SHORT",
}
#: Codes with which a number that ends so refuses messages because it is a landline.
_LANDLINE_CODES = (21614, 21635, 30006)
#: What else can be asked for; the sandbox knows nothing of it.
_UNKNOWN = (
    *("caller_name", "sim_swap", "call_forwarding", "line_status", "identity_match"),
    *("reassigned_number", "sms_pumping_risk", "phone_number_quality_score", "pre_fill"),
)


class LookupSurface:
    """The handler of `/v2/PhoneNumbers/{number}`."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        return [web.get("/v2/PhoneNumbers/{number}", self.fetch, allow_head=False)]

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Return a number, also a national one with its `CountryCode`; one that is none is not valid.

        `Fields=line_type_intelligence` adds the kind of line.
        """
        text = request.match_info["number"]
        caller = await self._gate.admit(request, "lookup", text)
        if not isinstance(caller, Caller):
            return caller
        number = parse(text, request.query.get("CountryCode") or None)
        is_asked = number is not None and "line_type_intelligence" in request.query.get("Fields", "").split(",")
        body = {
            **(_no_number(text) if number is None else _number_dict(number)),
            **dict.fromkeys(_UNKNOWN),
            "line_type_intelligence": self._line(_e164(number), number) if is_asked and number else None,
            "url": str(request.url.with_query(None)),
        }
        return reply(json.dumps(body).encode())

    def _line(self, text: str, number: PhoneNumber) -> dict[str, Any]:
        """Return the kind of line: from the fixture, by suffix, or as the numbering plan has it."""
        fixture = self._world.fixture
        kind = longest_match(fixture.line_types, text)
        if kind is None and (text.startswith(fixture.landlines) or self._is_landline_suffix(text)):
            kind = "landline"
        return {
            "error_code": None,
            "mobile_country_code": None,
            "mobile_network_code": None,
            "carrier_name": None,
            "type": kind or line_type_of(number),
        }

    def _is_landline_suffix(self, text: str) -> bool:
        plan = suffix_plan(text, 1) if self._world.fixture.suffixes else None
        return plan is not None and (plan.error or (plan.outcome or ("", 0))[1]) in _LANDLINE_CODES


def _e164(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _no_number(text: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("calling_country_code", "country_code", "national_format"))
    return {**unknown, "phone_number": text, "valid": False, "validation_errors": ["NOT_A_NUMBER"]}


def _number_dict(number: PhoneNumber) -> dict[str, Any]:
    is_valid = phonenumbers.is_valid_number(number)
    reason = _ERRORS[phonenumbers.is_possible_number_with_reason(number)]
    return {
        "calling_country_code": str(number.country_code),
        "country_code": phonenumbers.region_code_for_number(number),
        "phone_number": _e164(number),
        "national_format": phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        "valid": is_valid,
        "validation_errors": [] if is_valid else [reason],
    }
