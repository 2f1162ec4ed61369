"""Outgoing webhooks are signed by X-Twilio-Signature: HMAC-SHA1 over the called URL and the sorted form."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

Form = list[tuple[str, str]]


def sign(token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    """Return the signature of a POST of `form` to `url`, which has no fragment (Twilio: webhooks security)."""
    values: dict[str, set[str]] = {}
    for name, value in form:
        values.setdefault(name, set()).add(value)
    signed = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
