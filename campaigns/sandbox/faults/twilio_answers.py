"""The sandbox answers with JSON and Twilio's headers, with errors, or in one of the ways not to answer."""

import os
from itertools import count

from aiohttp import web

from campaigns.sandbox.faults.failing import fail
from campaigns.sandbox.world.sandbox_errors import error_body, http_status, problem_body, words

_BOOT = os.urandom(8).hex()
_SERIAL = count(1)
_UNAVAILABLE = 20503
#: What a call that was not processed would have said, for an answer that says only half of it.
_NOTHING_DONE = b'{"account_sid": "AC5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b", "status": "queued"}'


class PromptReply(web.StreamResponse):
    """What `reply` answers, written in one piece: what aiohttp does beside that costs a tenth of a create call."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__(status=status)
        self._json = body
        self._stays_open = True

    @property
    def keep_alive(self) -> bool:
        """Tell whether the connection stays open, as the caller asked."""
        return self._stays_open

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything, unless the caller is gone."""
        self._stays_open = request.keep_alive
        if request.transport is not None:
            headers = _headers() | {"Content-Length": str(len(self._json))}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"HTTP/1.1 {self.status} {self.reason}\r\n{lines}\r\n"
            request.transport.write(head.encode() + self._json)

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all is written."""


def reply(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON and a Twilio-Request-Id."""
    return web.Response(body=body, status=status, headers=_headers())


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "Twilio-Request-Id": f"RQ{_BOOT}{next(_SERIAL):016x}"}


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


async def spoil(
    request: web.Request, how: str, body: bytes = _NOTHING_DONE, status: int = 200
) -> web.StreamResponse:
    """End a call in one of the ways of `Ending`; `body` and `status` are the answer it does not get."""
    unavailable = error_body(_UNAVAILABLE, words(_UNAVAILABLE))
    return await fail(request, how, answer=body, unavailable=unavailable, status=status)
