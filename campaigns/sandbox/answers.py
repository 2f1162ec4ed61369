"""How the sandbox answers: JSON with Twilio's headers, its errors, and the ways not to answer."""

import os
from itertools import count

from aiohttp import web

from campaigns.sandbox.errors import error_body, http_status, words

_BOOT = os.urandom(8).hex()
_SERIAL = count(1)


def reply(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON and a Twilio-Request-Id."""
    response = web.Response(body=body, status=status, content_type="application/json")
    response.headers["Twilio-Request-Id"] = f"RQ{_BOOT}{next(_SERIAL):016x}"
    return response


def refuse(code: int, *, to: str = "", sender: str = "", retry_after: int = 0) -> web.Response:
    """Answer with an error of Twilio's."""
    response = reply(error_body(code, words(code, to=to, sender=sender)), http_status(code))
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def not_found(path: str) -> web.Response:
    """Answer 404 in Twilio's words."""
    return reply(error_body(20404, f"The requested resource {path} was not found"), 404)


def bad_gateway() -> web.Response:
    """Answer 502 in HTML, as a proxy in between does."""
    text = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    response = web.Response(text=text, status=502, content_type="text/html")
    response.headers["Twilio-Request-Id"] = f"RQ{_BOOT}{next(_SERIAL):016x}"
    return response


def half_reply() -> web.Response:
    """Answer with JSON that breaks off in the middle."""
    return web.Response(body=b'{"account_sid": "AC5b5b', status=200, content_type="application/json")


def hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer; the returned response goes nowhere."""
    if request.transport:
        request.transport.close()
    return web.Response(status=499)
