"""Pure functions write what stands before the body of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from campaigns.front.steps import Piece

#: Asks for the body that a client holds back until somebody wants it.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: Seconds after which somebody for whom there was no room may ask again.
RETRY_AFTER = "5"
#: Answers without a body, beside those to HEAD.
_BODILESS = ("1", "204", "304")
#: Headers that are about the connection, by lower-case name.
_OURS = frozenset({"connection", "transfer-encoding", "date"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer has to know of its request."""

    version: str
    is_head: bool
    #: Whether the client wants another answer on this connection.
    keeps_alive: bool


def asked_by(environ: Mapping[str, Any], *, keeps_alive: bool) -> Asked:
    """Return what an answer has to know of the request with this environment."""
    version = environ["SERVER_PROTOCOL"].removeprefix("HTTP/")
    return Asked(version, environ["REQUEST_METHOD"] == "HEAD", keeps_alive)


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of an answer."""

    head: bytes
    #: Whether pieces of the body follow one by one, each with its length.
    in_chunks: bool
    has_body: bool
    #: Bytes that the head promises; None where it promises none.
    length: int | None
    keeps_alive: bool


def open_answer(piece: Piece, asked: Asked, *, date: str) -> Opening:
    """Return what comes before the body that begins with `piece`."""
    has_body = not (asked.is_head or piece.status.startswith(_BODILESS))
    lines = [f"HTTP/1.1 {piece.status}", f"Date: {date}"]
    length = _add_headers(lines, piece)
    in_chunks, keeps_alive = False, asked.keeps_alive
    if length is None and piece.is_last and (has_body or asked.is_head):
        length = len(piece.body)
        lines.append(f"Content-Length: {length}")
    elif length is None and has_body:
        in_chunks = asked.version == "1.1"
        # Where there are no chunks, the end of the connection is the end of the body.
        keeps_alive = keeps_alive and in_chunks
        if in_chunks:
            lines.append("Transfer-Encoding: chunked")
    if not keeps_alive:
        lines.append("Connection: close")
    elif asked.version != "1.1":
        lines.append("Connection: keep-alive")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return Opening(head.encode("latin-1"), in_chunks, has_body, length if has_body else None, keeps_alive)


def _add_headers(lines: list[str], piece: Piece) -> int | None:
    """Add the headers that are the application's to say; return the length that it promises."""
    length = None
    for name, value in piece.headers:
        lower = name.lower()
        if lower == "content-length":
            if piece.status.startswith("204"):
                continue
            length = int(value)
        elif lower in _OURS:
            continue
        lines.append(f"{name}: {value}")
    return length


def framed(body: bytes, *, is_last: bool) -> bytes:
    """Return a piece of a body that is sent in chunks."""
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if is_last else chunk


def refusal(status: HTTPStatus) -> Piece:
    """Return an answer that is nothing but its status: a page would cost more than a flood is worth."""
    text = f"{status.phrase}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", RETRY_AFTER))
    return Piece(text, True, f"{status.value} {status.phrase}", tuple(headers))
