"""The form of a create call is read once, as it came in, into plain fields."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

_BETWEEN = str.maketrans("", "", " ().-")


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of `POST Messages.json` that the sandbox acts on; unknown fields are ignored."""

    to: str
    sender: str
    service: str
    body: str
    media: int
    content_sid: str
    content_variables: str
    callback_url: str
    #: The `m` of the StatusCallback.
    intent: str
    validity_s: float
    is_scheduled: bool
    send_at: str
    #: Whose credentials it carries.
    account: str
    #: They are test credentials.
    is_test: bool


def read_call(raw: bytes, *, account: str, is_test: bool) -> Call:
    """Read a form-urlencoded create call."""
    # Of a field that comes twice the last counts, which `get` on yarl's own mapping would not give.
    form = dict(URL.build(query_string=raw.decode("utf-8", "replace"), encoded=True).query.items())
    get = form.get
    callback_url = get("StatusCallback", "")
    return Call(
        to=_plain(get("To", "")),
        sender=get("From", ""),
        service=get("MessagingServiceSid", ""),
        body=get("Body", ""),
        media=raw.count(b"MediaUrl=") if "MediaUrl" in form else 0,
        content_sid=get("ContentSid", ""),
        content_variables=get("ContentVariables", ""),
        callback_url=callback_url,
        intent=intent_of(callback_url),
        validity_s=_seconds(get("ValidityPeriod", "")),
        is_scheduled=get("ScheduleType") == "fixed",
        send_at=get("SendAt", ""),
        account=account,
        is_test=is_test,
    )


def intent_of(callback_url: str) -> str:
    """Return the `m` query parameter of a callback URL, or an empty string."""
    if "m=" not in callback_url:
        return ""
    try:
        query = urlsplit(callback_url).query
    except ValueError:
        return ""
    return next((value for name, value in parse_qsl(query) if name == "m"), "")


def _plain(to: str) -> str:
    """Return a number without what people write between its digits, as Twilio reads it."""
    return to if to[1:].isdigit() or not to.startswith("+") else to.translate(_BETWEEN)


def _seconds(text: str) -> float:
    """Return a ValidityPeriod in seconds, 36000 where none is given, and 0 for one that Twilio does not take."""
    if not text:
        return 36_000.0
    is_whole = text.isascii() and text.isdigit()
    return float(text) if is_whole and 1 <= int(text) <= 36_000 else 0.0
