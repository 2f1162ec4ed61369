"""The sandbox has errors of its own, and answers callers with codes in Twilio's words."""

import csv
import json
from functools import cache
from importlib.resources import files


class SandboxError(Exception):
    """A request to the sandbox itself (set-up, control call) that makes no sense, in words for its operator."""


_HTTP_STATUS = {
    20003: 401,
    20004: 405,
    20009: 409,
    20008: 403,
    20404: 404,
    20429: 429,
    21611: 429,
    20500: 500,
    20503: 503,
}

_WORDS = {
    20003: "Authenticate",
    20008: "Resource not accessible with Test Account Credentials",
    20001: "Body must be empty, which removes the text of a message",
    20004: "Method not allowed",
    20009: "Cannot delete this resource before it is complete",
    20429: "Too Many Requests",
    20503: "Service Unavailable",
    21211: "Invalid 'To' Phone Number: {to}",
    21212: "Invalid 'From' Phone Number: {sender}",
    21266: "'To' and 'From' number cannot be the same: {to}",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "'From' {sender} is not a Twilio phone number or Short Code country mismatch",
    21609: "The StatusCallback URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "SMS queue is full.",
    21612: "Message cannot be sent with the current combination of 'To' ({to}) and 'From' ({sender}) parameters",
    21614: "To number: {to}, is not a mobile number",
    21623: "Number of media files exceeds the maximum of 10",
    21624: "Invalid validity period value",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21655: "The ContentSid is Invalid",
    21656: "The ContentVariables Parameter is invalid",
    21701: "The Messaging Service does not exist",
    21703: "The Messaging Service does not have a phone number available to send a message",
    21704: "The Messaging Service contains no phone numbers",
    21910: "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel",
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
    30409: "The message cannot be canceled: it is not scheduled",
    35114: "SendAt is not a valid time",
    35115: "SendAt must be between 300 seconds and 35 days in the future",
    35118: "MessagingServiceSid is required to schedule a message",
    63003: "Channel could not find To address",
    63015: "Channel Sandbox can only send messages to phone numbers that have joined the Sandbox",
    63016: "Failed to send freeform message because you are outside the allowed window. "
    "If you are using WhatsApp, please use a Message Template.",
    63018: "Rate limit exceeded for Channel",
    63024: "Invalid message recipient",
    63031: "Channels message cannot have same 'From' and 'To'",
    63007: "Twilio could not find a Channel with the specified From address",
}


@cache
def known_codes() -> dict[int, str]:
    """Load the published error codes with a note on each, from the table beside this module."""
    text = files(__package__).joinpath("data/twilio_errors.csv").read_text(encoding="utf-8")
    return {int(row["code"]): row["note"] for row in csv.DictReader(text.splitlines())}


def http_status(code: int) -> int:
    """Return the HTTP status that goes with an error code of the create call."""
    return _HTTP_STATUS.get(code, 400)


def words(code: int, *, to: str = "", sender: str = "") -> str:
    """Return the `message` that goes with an error code."""
    if code in _WORDS:
        return _WORDS[code].format(to=to, sender=sender)
    return known_codes().get(code, "Unknown error")


def error_body(code: int, message: str, *, status: int = 0) -> bytes:
    """Render Twilio's JSON error body; `status` defaults to the code's own HTTP status."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status or http_status(code)}
    return json.dumps(body).encode()


def problem_body(code: int, message: str) -> bytes:
    """Render an error as RFC 9457 has it, which Twilio's newer resources answer with."""
    kind = f"https://www.twilio.com/docs/errors/{code}"
    body = {"type": kind, "title": message, "status": http_status(code), "code": code, "detail": message}
    return json.dumps(body).encode()
