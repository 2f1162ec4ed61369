"""In these ways a provider fails to answer, whatever it would have said."""

from aiohttp import web

_PROXY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_PAGE = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>"


async def fail(
    request: web.Request, how: str, *, answer: bytes, unavailable: bytes, status: int = 200
) -> web.StreamResponse:
    """End a call as a plan's `before` or `after` says.

    `answer` and `status` are the reply it does not get, or not whole; `unavailable` is the provider's own JSON for
    a 503.
    """
    if how == "close":
        return _hang_up(request)
    if how == "cut":
        return await _cut(request, answer, status)
    if how == "502":
        return web.Response(text=_PROXY, status=502, content_type="text/html")
    if how == "html":
        return web.Response(text=_PAGE, content_type="text/html")
    if how == "empty":
        return web.Response(status=status)
    if how == "half":
        return web.Response(body=answer[: len(answer) // 2], status=status, content_type="application/json")
    if how == "type":
        return web.Response(body=answer, status=status, content_type="text/plain")
    return web.Response(body=unavailable, status=503, content_type="application/json")


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer; the returned response goes nowhere."""
    if request.transport:
        request.transport.close()
    return web.Response(status=499)


async def _cut(request: web.Request, answer: bytes, status: int) -> web.StreamResponse:
    """Close the connection in the middle of an answer."""
    response = web.StreamResponse(status=status)
    response.content_type = "application/json"
    response.content_length = len(answer)
    await response.prepare(request)
    await response.write(answer[: len(answer) // 2])
    _hang_up(request)
    return response
