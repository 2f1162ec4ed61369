"""A stranger's wrong guesses keep no member out of a device from which that member signed in before.

A cookie that only the sign-in pages get holds a random number and, by keyed hashes, the accounts that signed in
with it. It opens nothing: it lets guesses be counted for this device, not for everybody who names the account.
"""

from __future__ import annotations

import secrets

from flask import Response, after_this_request, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from campaigns.web.current import settings

COOKIE = "device"
#: Where the cookie is sent.
PATH = "/sign-in"
#: Seconds for which a device is known after a sign-in, and accounts of one device.
KNOWN_FOR, MOST_ACCOUNTS = 180 * 24 * 3600, 8


def known_device(account: str) -> str | None:
    """Return the number of this request's device when `account` (its key) has signed in from it, else None."""
    number, accounts = _read()
    return number if account in accounts else None


def remember_device(account: str) -> None:
    """Let the answer to this request make its device one from which `account` signed in."""
    number, accounts = _read()
    kept = [account, *(each for each in accounts if each != account)][:MOST_ACCOUNTS]
    value = _serializer().dumps([number or secrets.token_hex(16), kept])

    @after_this_request
    def remember(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            str(value),
            max_age=KNOWN_FOR,
            path=PATH,
            secure=settings().public_url.startswith("https://"),
            httponly=True,
            samesite="Strict",
        )
        return response


def _read() -> tuple[str, list[str]]:
    try:
        number, accounts = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=KNOWN_FOR)
    except BadSignature:
        return "", []
    return number, accounts


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="device")
