"""The forms of outgoing webhooks: a status callback, an inbound message."""

from datetime import UTC, datetime

from campaigns.sandbox.signing import Form
from campaigns.sandbox.state import Message

API_VERSION = "2010-04-01"

_EXPIRED = 30036
_REPORTED = {"sent": "Sent", "delivered": "Success", "undelivered": "Failed", "failed": "Rejected"}
_FAILURES = {30003: "UserIsInactive", 30005: "UserDoesNotExist", 30006: "NotNetworkSubscriber"}
#: The largest network of a country, by beginning of number.
_NETWORKS = {"+251": "63601", "+254": "63902", "+255": "64004", "+256": "64110", "+250": "63510"}


def notice_form(message: Message, status: str, code: int, *, account: str) -> Form:
    """Return the fields of a status callback; they are fixed now, however late it goes out."""
    form = [
        ("AccountSid", account),
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
    if status in ("delivered", "undelivered"):
        form.append(("RawDlrDoneDate", f"{datetime.fromtimestamp(message.updated_at, UTC):%y%m%d%H%M}"))
    return form


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


def inbound_form(message: Message, *, account: str, opt_out: str) -> Form:
    """Return the fields of an inbound message; `opt_out` is STOP, START, HELP or empty."""
    form = [
        ("AccountSid", account),
        ("ApiVersion", API_VERSION),
        ("Body", message.body),
        ("From", message.sender or ""),
        ("FromCountry", ""),
        ("MessageSid", message.sid),
        ("NumMedia", "0"),
        ("NumSegments", str(message.parts)),
        ("SmsMessageSid", message.sid),
        ("SmsSid", message.sid),
        ("SmsStatus", "received"),
        ("To", message.to),
        ("ToCountry", ""),
    ]
    if message.service:
        form.append(("MessagingServiceSid", message.service))
    if opt_out:
        form.append(("OptOutType", opt_out))
    return form
