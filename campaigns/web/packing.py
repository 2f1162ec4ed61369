"""Answers leave compressed, and the files that pages need are named by what is in them and kept for a year.

A page holds secrets of its reader (the token of forms) beside words that a stranger may have put into the address,
so whoever sees only lengths could guess one by the other. Each page gets a filler of random length, where gzip
has room for a file's name (https://datatracker.ietf.org/doc/rfc1952/, section 2.3.1).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

#: Kinds that shrink; pictures are packed by themselves.
_SHRINK = frozenset(
    {
        "text/html",
        "text/css",
        "text/csv",
        "text/javascript",
        "application/javascript",
        "application/json",
        "application/geo+json",
        "image/svg+xml",
    }
)
#: In bytes: what is smaller fits one packet anyway.
_LEAST = 800
#: The filler is shorter than so many bytes. Whoever can look often enough averages it out: it costs them about the
#: square of it in looks, and no more. What keeps strangers from making a reader's browser look is beside it: the
#: cookie of a member is SameSite=Lax, so that from another site only a page that is opened as a whole carries it.
_FILLER = 100
#: Pages are packed while somebody waits, files once.
_QUICK, _THOROUGH = 5, 9
#: In seconds; a file that changes gets another address.
_YEAR = 31_536_000


def init_packing(app: Flask) -> None:
    """Pack the answers of `app` and let browsers keep its files; to be called before what changes answers.

    What is registered first is done last, when the answer is whole.
    """
    folder = Path(str(app.static_folder))

    @app.url_defaults
    def name_by_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and (digest := _digest_of(folder, values["filename"])):
            values.setdefault("v", digest)

    @app.after_request
    def pack(response: Response) -> Response:
        is_file = request.endpoint == "static" and response.status_code < 400
        if is_file and request.args.get("v") == _digest_of(folder, (request.view_args or {})["filename"]):
            response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        if response.mimetype in _SHRINK and (is_file or not response.is_streamed):
            _pack(response, is_file=is_file)
        return response


def _pack(response: Response, *, is_file: bool) -> None:
    """Replace what `response` holds by the same in fewer bytes, for whoever reads gzip."""
    response.vary.add("Accept-Encoding")
    is_whole = response.status_code != 206 and "Content-Encoding" not in response.headers
    if not is_whole or request.accept_encodings.quality("gzip") <= 0 or request.method == "HEAD":
        return
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) < _LEAST:
        return
    response.set_data(_packed_file(body) if is_file else _packed(body, _QUICK, secrets.randbelow(_FILLER)))
    response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag is not None:
        # Other bytes of the same content: the tag says so, and still answers "not modified".
        response.set_etag(tag, weak=True)


@lru_cache(maxsize=64)
def _packed_file(body: bytes) -> bytes:
    return _packed(body, _THOROUGH, 0)


def _packed(body: bytes, level: int, filler: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile("x" * filler, "wb", level, packed, mtime=0) as writer:
        writer.write(body)
    return packed.getvalue()


def _digest_of(folder: Path, name: str) -> str | None:
    """Return what names the content of a file of ours, None without such a file."""
    try:
        changed = (folder / name).stat().st_mtime_ns
    except (OSError, ValueError):
        return None
    return _digest(folder / name, changed)


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else None
