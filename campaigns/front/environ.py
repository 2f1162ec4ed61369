"""A pure function turns a request into what an application takes: its WSGI environment."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from httptools import HttpParserInvalidURLError, parse_url

from campaigns.core.errors import InputError

#: Names that WSGI gives to headers of their own.
_OWN_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def environ_of(
    method: str,
    target: bytes,
    version: str,
    headers: Iterable[tuple[bytes, bytes]],
    ours: tuple[Any, ...],
    theirs: tuple[Any, ...],
) -> dict[str, Any]:
    """Return the environment of a request without its body; `ours` is our own address, `Host` or not.

    Raises InputError when the target is no address, or no host is named where one must be.
    """
    path, query = _split(target)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{version}",
        "SERVER_NAME": str(ours[0]),
        "SERVER_PORT": str(ours[1]),
        "REMOTE_ADDR": str(theirs[0]),
        "REMOTE_PORT": str(theirs[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    _add_headers(environ, headers)
    if version == "1.1" and "HTTP_HOST" not in environ:
        raise InputError("A request names no host.")
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        # X_Forwarded_For would be taken for X-Forwarded-For, which a proxy before us replaces.
        if b"_" in name:
            continue
        lower = name.lower()
        key = _OWN_NAMES.get(lower) or "HTTP_" + lower.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key in environ:
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text


def _split(target: bytes) -> tuple[str, str]:
    """Return the path, its escapes undone, and the query as it came, as WSGI wants them: bytes as Latin-1."""
    try:
        url = parse_url(target)
    except HttpParserInvalidURLError as error:
        raise InputError("The target of a request is no address.") from error
    path: bytes = url.path or b"/"
    if b"%" in path:
        path = unquote_to_bytes(path)
    query: bytes = url.query or b""
    return path.decode("latin-1"), query.decode("latin-1")
