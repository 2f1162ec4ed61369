"""The ways in which a provider fails to answer, whatever it would have said."""

from aiohttp import web

from campaigns.sandbox.answers import hang_up

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def fail(request: web.Request, how: str, *, answer: bytes, unavailable: bytes) -> web.Response:
    """End a call as a plan's `before` or `after` says.

    `answer` is what a half reply breaks off; `unavailable` is the provider's own JSON for a 503.
    """
    if how == "close":
        return hang_up(request)
    if how == "502":
        return web.Response(text=_PAGE, status=502, content_type="text/html")
    if how == "empty":
        return web.Response(status=200)
    if how == "half":
        return web.Response(body=answer[: len(answer) // 2], status=200, content_type="application/json")
    return web.Response(body=unavailable, status=503, content_type="application/json")
