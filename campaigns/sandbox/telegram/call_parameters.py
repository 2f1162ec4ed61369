"""A Telegram call brings parameters by query, form, multipart or JSON; a bad one is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiohttp import web

_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class TelegramError(Exception):
    """A call that Telegram answers with `ok: false`; `detail` follows the status's own words."""

    def __init__(self, code: int, detail: str = "", **parameters: int) -> None:
        words = _WORDS.get(code, "Error")
        self.code = code
        self.description = f"{words}: {detail}" if detail else words
        self.parameters = parameters
        super().__init__(self.description)

    def as_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        return body


def too_fast(retry_after: int) -> TelegramError:
    """Return the refusal of a bot that must wait `retry_after` seconds."""
    return TelegramError(429, f"retry after {retry_after}", retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one call; forms bring text, JSON brings its own types."""

    values: Mapping[str, Any]
    #: Names of the parts that came as files.
    files: frozenset[str] = field(default_factory=frozenset)

    def text(self, name: str) -> str:
        """Return a parameter as text, empty when it is missing."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def whole(self, name: str, default: int) -> int:
        """Return a parameter as a whole number, `default` when it is missing or none."""
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def degrees(self, name: str, most: float) -> float:
        """Return a coordinate within ± `most` degrees; raise TelegramError on any other."""
        try:
            value = float(self.text(name))
        except ValueError:
            value = most + 1
        if not -most <= value <= most:
            raise TelegramError(400, f"{name} is invalid")
        return value

    def flag(self, name: str) -> bool:
        """Tell whether a parameter says yes."""
        return self.text(name).lower() in ("true", "1", "yes")

    def parsed(self, name: str, refusal: str) -> Any:
        """Return a parameter that is JSON inside a form, None when it is missing; a bad one gets `refusal`."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise TelegramError(400, refusal) from error


async def read_parameters(request: web.Request) -> Parameters:
    """Read the parameters of a call; those in the body win over those in the query."""
    values: dict[str, Any] = dict(request.query)
    files: set[str] = set()
    if request.content_type == "application/json":
        values.update(await _json_object(request))
    elif request.content_type.startswith("multipart/"):
        _take_parts(await request.read(), request.headers["Content-Type"], values, files)
    else:
        values.update(await request.post())
    return Parameters(values, frozenset(files))


def _take_parts(raw: bytes, content_type: str, values: dict[str, Any], files: set[str]) -> None:
    """Keep the text of each field, and of a file only that it came."""
    form = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    for part in form.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_filename():
            files.add(name)
        else:
            values[name] = content.decode("utf-8", "replace")


async def _json_object(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise TelegramError(400, "can't parse JSON object") from error
    if not isinstance(body, dict):
        raise TelegramError(400, "object expected as JSON body")
    return body
