"""A provider's request is read once and raw: the address it called, its body, and whether it is genuine."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from campaigns.core import clock
from campaigns.core.errors import (
    FingerpostError,
    NotFoundError,
    SignatureError,
    TooLargeError,
    UnavailableError,
)
from campaigns.core.words import N_
from campaigns.gateways.callbacks import Callback, CallbackReader, StatusUpdate, Verdict
from campaigns.web.guards.bodies import LARGEST_CALLBACK

log = logging.getLogger(__name__)

#: Nothing larger is read; the server refuses it before.
LARGEST_BODY = LARGEST_CALLBACK
#: How the references of a rehearsal's deliveries begin.
REHEARSED = "r-"
#: What a provider is answered, in a line of text: a page would cost a forger's flood more than it is worth.
ANSWERS: dict[type[FingerpostError], str] = {
    SignatureError: "403 Forbidden",
    NotFoundError: "404 Not Found",
    TooLargeError: "413 Content Too Large",
    UnavailableError: "503 Service Unavailable",
}
PLAIN_TEXT = "text/plain; charset=utf-8"
#: NUL as JSON writes it; where its backslash is escaped itself, it is what somebody typed.
_NUL_IN_JSON = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_NO_NUL = "\ufffd".encode()
#: Where a request that was led on says which path the provider called; no header has such a name.
_CALLED = "fingerpost.called_path"
#: Headers that WSGI names as they are; all others have a prefix there.
_BARE = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


@dataclass(frozen=True, slots=True)
class Heard:
    """A callback that is believed."""

    callback: Callback
    #: It comes from our own sandbox, so it may speak of rehearsals only.
    is_rehearsal: bool


class Refusals:
    """Counts callbacks that were refused, by reason, since the process started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        #: Since when it counts.
        self.started_at = clock.now()

    def count(self, reason: str) -> None:
        """Add one; it is logged at 1, 2, 4, 8 …, so that a flood does not fill the log."""
        with self._lock:
            self._counts[reason] += 1
            total = self._counts[reason]
        if total & (total - 1) == 0:
            log.warning("refused callbacks so far, %s: %d", reason, total)

    def by_reason(self) -> dict[str, int]:
        """Return the counts."""
        with self._lock:
            return dict(self._counts)


#: The one counter of this process.
refusals = Refusals()


def read_callback(
    environ: Mapping[str, Any], reader: CallbackReader, *, body: bytes, addresses: Sequence[str], secret: str = ""
) -> Heard:
    """Return what a provider posted in a WSGI request; `secret` is the secret part of its address, if it has one.

    `addresses` are what an address of ours may begin with, the likeliest first; one of them must be signed.
    Raises SignatureError when it is unsigned, forged or stale and TooLargeError when it has too many fields; each
    is counted.
    """
    callback = Callback(
        url=called_url(environ, addresses[0]),
        headers=Headers(environ),
        body=body,
        reference=_reference_in(environ.get("QUERY_STRING", "")),
        secret=secret,
    )
    try:
        verdict = reader.judge(callback)
        for address in addresses[1:]:
            if verdict is Verdict.FORGED:
                verdict = reader.judge(replace(callback, url=called_url(environ, address)))
    except ValueError:
        # More fields than any provider sends.
        raise _too_large() from None
    if verdict in (Verdict.FORGED, Verdict.STALE):
        refusals.count("signature" if verdict is Verdict.FORGED else "stale")
        raise SignatureError(N_("The signature does not fit."))
    # No database stores NUL in text; it is taken out only now, because the signature is over what came.
    return Heard(_without_nul(callback), is_rehearsal=verdict is Verdict.REHEARSAL)


def read_body(environ: Mapping[str, Any]) -> bytes:
    """Read the body of a WSGI request. Raises TooLargeError when it is too large, and counts it."""
    given = environ.get("CONTENT_LENGTH") or ""
    # A body in chunks tells no length; only a server that ends it may be asked for one.
    in_chunks = LARGEST_BODY + 1 if environ.get("wsgi.input_terminated") else 0
    length = int(given) if given.isdecimal() else in_chunks
    body: bytes = environ["wsgi.input"].read(min(length, LARGEST_BODY + 1))
    if len(body) > LARGEST_BODY:
        raise _too_large()
    return body


def read_flask_body(request: Request) -> bytes:
    """Read the body of a request that Flask may have read before; raises as `read_body` does."""
    request.max_content_length = LARGEST_BODY
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large() from None


def admit_statuses(heard: Heard, updates: Sequence[StatusUpdate]) -> Sequence[StatusUpdate]:
    """Return the updates, unless our own sandbox speaks of anything but rehearsals.

    Raises SignatureError then, and counts it.
    """
    if heard.is_rehearsal and not all(update.reference.startswith(REHEARSED) for update in updates):
        refusals.count("rehearsal")
        raise SignatureError(N_("The practice phones may report on rehearsals only."))
    return updates


def called_url(environ: Mapping[str, Any], address: str) -> str:
    """Return the address the provider called: the configured public one, our path, and the query as it came.

    Never the one that the request names: a proxy changes scheme and host.
    """
    query = environ.get("QUERY_STRING", "")
    return address + (environ.get(_CALLED) or called_path(environ)) + (f"?{query}" if query else "")


def called_path(environ: Mapping[str, Any]) -> str:
    """Return the path; WSGI hands its bytes over as if they were Latin-1."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1").decode(errors="replace")


def lead_on(environ: dict[str, Any], path: str, *, body: bytes) -> None:
    """Let a request go to another path of ours; what is signed is still the one that the provider called."""
    called = called_path(environ)
    environ.update({_CALLED: called, "PATH_INFO": path, "wsgi.input": BytesIO(body)})


def answer_plainly(hooks: Blueprint) -> None:
    """Let `hooks` tell the errors of `ANSWERS` in a line of text."""

    def answer(error: FingerpostError) -> Response:
        return Response(str(error), answer_to(error), content_type=PLAIN_TEXT)

    for kind in ANSWERS:
        hooks.register_error_handler(kind, answer)


def answer_to(error: FingerpostError) -> str:
    """Return the status line that tells a provider of one of the errors in `ANSWERS`."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


class Headers(Mapping[str, str]):
    """The headers of a WSGI request by lower-case name; none is copied, because readers look at one or two."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_key_of(name)]
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header or `default`; most are looked for in vain, and an exception for each would cost more."""
        return self._environ.get(_key_of(name), default)

    def __iter__(self) -> Iterator[str]:
        keys = (key for key in self._environ if key.startswith("HTTP_") or key in _BARE)
        return (key.removeprefix("HTTP_").lower().replace("_", "-") for key in keys)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=64)
def _key_of(name: str) -> str:
    """Return under what key WSGI has the header of a lower-case name."""
    key = name.upper().replace("-", "_")
    return key if key in _BARE else f"HTTP_{key}"


def _reference_in(query: str) -> str:
    """Return the first value of `m`, or ''."""
    return next((value for name, value in parse_qsl(query, keep_blank_values=True) if name == "m"), "")


def _too_large() -> TooLargeError:
    refusals.count("oversize")
    return TooLargeError(N_("This is larger than anything that providers send."))


def _without_nul(callback: Callback) -> Callback:
    body = callback.body
    if b"\0" not in body and b"%00" not in body and b"\\u0000" not in body and "\0" not in callback.reference:
        return callback
    body = _NUL_IN_JSON.sub(rb"\1" + _NO_NUL, body.replace(b"\0", _NO_NUL))
    if "json" not in callback.headers.get("content-type", ""):
        body = body.replace(b"%00", _NO_NUL)
    return replace(callback, body=body, reference=callback.reference.replace("\0", "\ufffd"))
