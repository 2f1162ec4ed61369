"""How the sandbox answers: JSON with Twilio's headers, its errors, and the ways not to answer."""

import os
from itertools import count

from aiohttp import web

from campaigns.sandbox.errors import error_body, http_status, problem_body, words

_BOOT = os.urandom(8).hex()
_SERIAL = count(1)


def reply(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON and a Twilio-Request-Id."""
    response = web.Response(body=body, status=status, content_type="application/json")
    response.headers["Twilio-Request-Id"] = f"RQ{_BOOT}{next(_SERIAL):016x}"
    return response


def refuse(
    code: int, *, to: str = "", sender: str = "", retry_after: int = 0, is_problem: bool = False
) -> web.Response:
    """Answer with an error of Twilio's."""
    text = words(code, to=to, sender=sender)
    if is_problem:
        response = reply(problem_body(code, text), http_status(code))
        response.content_type = "application/problem+json"
    else:
        response = reply(error_body(code, text), http_status(code))
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


def hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer; the returned response goes nowhere."""
    if request.transport:
        request.transport.close()
    return web.Response(status=499)


#: What a call that was not processed would have said, for an answer that says only half of it.
_NOTHING_DONE = b'{"account_sid": "AC5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b", "status": "queued"}'


async def spoil(
    request: web.Request, how: str, body: bytes = _NOTHING_DONE, status: int = 200
) -> web.StreamResponse:
    """End a call in one of the ways of `Ending`; `body` and `status` are the answer it does not get."""
    if how == "close":
        return hang_up(request)
    if how == "cut":
        return await _cut(request, body, status)
    if how == "html":
        text = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>"
        return web.Response(text=text, content_type="text/html")
    if how == "empty":
        return web.Response(status=status)
    if how == "half":
        return reply(body[: len(body) // 2], status)
    if how == "type":
        return web.Response(body=body, status=status, content_type="text/plain")
    return bad_gateway() if how == "502" else refuse(20503)


async def _cut(request: web.Request, body: bytes, status: int) -> web.StreamResponse:
    """Close the connection in the middle of an answer."""
    response = web.StreamResponse(status=status)
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    hang_up(request)
    return response
