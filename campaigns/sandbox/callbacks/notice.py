"""Outgoing webhooks have these forms: a status callback, a delivery report, an inbound message."""

from datetime import UTC, datetime

from campaigns.sandbox.callbacks.signing import Form
from campaigns.sandbox.world.numbering_plans import country_of
from campaigns.sandbox.world.sandbox_errors import words
from campaigns.sandbox.world.state import Message

API_VERSION = "2010-04-01"
_INSTALLED_CHANNEL = "XE" + "5b" * 16
_EXPIRED = 30036
_REPORTED = {
    "sent": "Sent",
    "delivered": "Success",
    "undelivered": "Not sent or not delivered",
    "failed": "Rejected",
}
_FAILURES = {30003: "UserIsInactive", 30005: "UserDoesNotExist", 30006: "NotNetworkSubscriber"}
#: The largest network of a country, by beginning of number.
_NETWORKS = {"+251": "63601", "+254": "63902", "+255": "64004", "+256": "64110", "+250": "63510"}
_PLACES = ("City", "Status", "Zip", "Country")


def notice_form(message: Message, status: str, code: int) -> Form:
    """Return the fields of a status callback; they are fixed now, however late it goes out."""
    form = [
        ("AccountSid", message.account),
        ("ApiVersion", API_VERSION),
        ("From", message.sender or ""),
        ("MessageSid", message.sid),
        ("MessageStatus", status),
        ("SmsSid", message.sid),
        ("SmsStatus", status),
        ("To", message.to),
    ]
    if message.service:
        form.append(("MessagingServiceSid", message.service))
    if code:
        form.append(("ErrorCode", str(code)))
    if ":" in message.to:
        form.extend(_channel_fields(message, status, code))
    elif status in ("delivered", "undelivered"):
        form.append(("RawDlrDoneDate", f"{datetime.fromtimestamp(message.updated_at, UTC):%y%m%d%H%M}"))
    return form


def _channel_fields(message: Message, status: str, code: int) -> Form:
    """Return what a channel other than SMS adds to a status callback; the address is masked, as Twilio does."""
    channel, _, handle = message.to.partition(":")
    fields = [
        ("ChannelPrefix", channel),
        ("ChannelInstallSid", _INSTALLED_CHANNEL),
        ("ChannelToAddress", f"{handle[:-4]}XXXX"),
    ]
    if code:
        fields.append(("ChannelStatusMessage", words(code, to=message.to, sender=message.sender or "")))
    if status == "read":
        fields.append(("EventType", "READ"))
    return fields


def report_form(message: Message, status: str, code: int) -> Form:
    """Return the fields of a delivery report of Africa's Talking."""
    form = [
        ("id", message.sid),
        ("status", "Expired" if code == _EXPIRED else _REPORTED.get(status, status)),
        ("phoneNumber", message.to),
        ("networkCode", _NETWORKS.get(message.to[:4], "99999")),
        ("retryCount", "0"),
    ]
    if code:
        form.append(("failureReason", _FAILURES.get(code, "DeliveryFailure")))
    return form


def inbound_form(message: Message, *, opt_out: str) -> Form:
    """Return the fields of an inbound message; `opt_out` is STOP, START, HELP or empty."""
    form = [
        ("AccountSid", message.account),
        ("ApiVersion", API_VERSION),
        ("Body", message.body),
        ("From", message.sender or ""),
        ("MessageSid", message.sid),
        ("NumMedia", str(message.num_media)),
        ("NumSegments", str(message.parts)),
        ("SmsMessageSid", message.sid),
        ("SmsSid", message.sid),
        ("SmsStatus", "received"),
        ("To", message.to),
    ]
    if message.channel == "sms":
        for side, number in (("From", message.sender or ""), ("To", message.to)):
            known = {"Country": country_of(number)}
            form.extend((f"{side}{place}", known.get(place, "")) for place in _PLACES)
    form.extend((message.details or {}).items())
    if message.service:
        form.append(("MessagingServiceSid", message.service))
    if opt_out:
        form.append(("OptOutType", opt_out))
    return form
