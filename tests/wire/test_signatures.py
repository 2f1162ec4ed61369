"""What the sandbox signs, Twilio's own validator and our verifier accept; what is forged, both refuse."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from urllib.parse import parse_qsl, quote

from multidict import MultiDict
from twilio.request_validator import RequestValidator

from campaigns.gateways.callbacks import Callback, Verdict
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio.callbacks import TwilioCallbacks
from campaigns.sandbox.callbacks.webhooks import Webhook, encoded, signed_headers

CASES = 2_000
SIGNATURE = "x-twilio-signature"
TOKEN = "sandbox-auth-token"
VALIDATOR = RequestValidator(TOKEN)
READER = TwilioCallbacks([Credential("AC1", TOKEN)])

ALPHABETS = (
    "abcXYZ019",
    "ҐєЇщю",
    "مرحبا",
    "ሰላም",
    "👋🏽🇺🇦",
    " \t\r\n",
    "+&=%#?/;,",
    "\u200f\u202e\u0301",
    "\x00\x7f",
    "'\"<>\\",
)
NAMES = ("Body", "From", "To", "ErrorCode", "Latitude", "MediaUrl0", "Тіло", "")
BASES = (
    "http://127.0.0.1:5000",
    "https://reach.example.org",
    "http://localhost",
    "https://reach.example.org:8443",
)
PATHS = ("/hooks/twilio/status", "/", "/a//b/../c", "/%D0%9F/status", "/hooks/tw%20ilio")
QUERIES = (
    "",
    "?m=a1",
    "?m=a1&x=",
    "?x=a+b&m=%2B",
    "?next=https%3A%2F%2Fe.org%2Fa%3Fb%3D1",
    "?%D0%9F=%D1%80",
    "?m=1&m=1",
)


def any_text(luck: Random) -> str:
    """Return up to a dozen letters of any scripts, often none."""
    letters = "".join(luck.sample(ALPHABETS, 3))
    return "".join(luck.choices(letters, k=luck.choice((0, 0, 1, 5, 12))))


def any_webhook(luck: Random) -> Webhook:
    """Return a webhook with names and values repeated, empty and awkward, to an awkward address."""
    url = luck.choice(BASES) + luck.choice(PATHS) + luck.choice((*QUERIES, f"?q={quote(any_text(luck))}"))
    form = [(luck.choice(NAMES) or any_text(luck), any_text(luck)) for _ in range(luck.randint(0, 8))]
    form += luck.choices(form, k=luck.randint(0, 2)) if form else []
    return Webhook(url, form, "SM1")


def signed(webhook: Webhook) -> Callback:
    """Return a webhook as an application gets it."""
    headers = {name.lower(): value for name, value in signed_headers(webhook, webhook.url, TOKEN).items()}
    return Callback(webhook.url, headers, encoded(webhook), "a1")


def forged(callback: Callback, luck: Random) -> Callback:
    """Return a callback with one thing changed after it was signed."""
    signature = callback.headers[SIGNATURE]
    changes: tuple[dict[str, object], ...] = (
        {"body": callback.body + b"&Body=more"},
        {"url": callback.url.replace("e", "x", 1) if "e" in callback.url else f"{callback.url}x"},
        {"headers": {}},
        {"headers": {SIGNATURE: signature.swapcase()}},
        {"headers": {SIGNATURE: signature[:-2]}},
    )
    return replace(callback, **luck.choice(changes))  # type: ignore[arg-type]


def twilio_says(callback: Callback) -> bool:
    """Ask the validator of Twilio's package."""
    form = MultiDict(parse_qsl(callback.body.decode(), keep_blank_values=True))
    verdict: bool = VALIDATOR.validate(callback.url, form, callback.headers.get(SIGNATURE, ""))
    return verdict


def test_every_signature_is_accepted_by_both() -> None:
    luck = Random(1)
    for _ in range(CASES):
        callback = signed(any_webhook(luck))
        assert twilio_says(callback), callback
        assert READER.judge(callback) is Verdict.GENUINE, callback


def test_both_agree_where_the_port_is_signed_or_left_out() -> None:
    luck = Random(3)
    genuine = 0
    for _ in range(CASES):
        callback = signed(any_webhook(luck))
        other = luck.choice((":443", ":80", ":8443", ""))
        scheme, _, rest = callback.url.partition("://")
        host, slash, path = rest.partition("/")
        called = replace(callback, url=f"{scheme}://{host.partition(':')[0]}{other}{slash}{path}")
        is_genuine = twilio_says(called)
        genuine += is_genuine
        assert (READER.judge(called) is Verdict.GENUINE) is is_genuine, called
    assert CASES * 0.2 < genuine < CASES


def test_both_agree_on_every_forgery() -> None:
    luck = Random(2)
    refused = 0
    for _ in range(CASES):
        false = forged(signed(any_webhook(luck)), luck)
        is_genuine = twilio_says(false)
        refused += not is_genuine
        assert (READER.judge(false) is not Verdict.FORGED) is is_genuine, false
    assert refused >= CASES * 0.99
