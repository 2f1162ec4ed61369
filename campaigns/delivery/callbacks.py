"""A provider's request, read once and raw: the address it called, its body, and whether it is genuine."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from flask import Blueprint, Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from campaigns.core import clock
from campaigns.core.errors import NotFoundError, SignatureError, UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.callbacks import Callback, CallbackReader, StatusUpdate, Verdict

log = logging.getLogger(__name__)

#: A status or inbound form has a few hundred bytes; nothing larger is read.
LARGEST_BODY = 64 * 1024
#: How the references of a rehearsal's deliveries begin.
REHEARSED = "r-"


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


def read_callback(request: Request, reader: CallbackReader, *, public_url: str, secret: str = "") -> Heard:
    """Return what a provider posted; `secret` is the secret part of the address, where there is one.

    Raises SignatureError when it is unsigned, forged or stale and RequestEntityTooLarge (413) when it is too
    large; each is counted.
    """
    try:
        callback = Callback(
            url=called_url(request, public_url),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=_body_of(request),
            reference=request.args.get("m", ""),
            secret=secret,
        )
        verdict = _judged(reader, callback)
    except RequestEntityTooLarge:
        refusals.count("oversize")
        raise
    if verdict in (Verdict.FORGED, Verdict.STALE):
        refusals.count("signature" if verdict is Verdict.FORGED else "stale")
        raise SignatureError(N_("The signature does not fit."))
    # No database stores NUL in text; it is taken out only now, because the signature is over what came.
    return Heard(_without_nul(callback), is_rehearsal=verdict is Verdict.REHEARSAL)


def admit_statuses(heard: Heard, updates: Sequence[StatusUpdate]) -> Sequence[StatusUpdate]:
    """Return the updates, unless our own sandbox speaks of anything but rehearsals.

    Raises SignatureError then, and counts it.
    """
    if heard.is_rehearsal and not all(update.reference.startswith(REHEARSED) for update in updates):
        refusals.count("rehearsal")
        raise SignatureError(N_("The sandbox may speak of rehearsals only."))
    return updates


def called_url(request: Request, public_url: str) -> str:
    """Return the address the provider called: the configured public one, our path, and the query as it came.

    Never `request.url`: a proxy changes scheme and host, and Werkzeug rewrites what is percent-encoded.
    """
    query = request.environ.get("QUERY_STRING", "")
    return public_url.rstrip("/") + request.path + (f"?{query}" if query else "")


def answer_plainly(hooks: Blueprint) -> None:
    """Let `hooks` tell errors in a line of text: a page would cost a forger's flood more than it is worth."""

    @hooks.errorhandler(SignatureError)
    def refuse(error: SignatureError) -> Response:
        return Response(str(error), 403, content_type="text/plain; charset=utf-8")

    @hooks.errorhandler(NotFoundError)
    def miss(error: NotFoundError) -> Response:
        return Response(str(error), 404, content_type="text/plain; charset=utf-8")

    @hooks.errorhandler(UnavailableError)
    def postpone(error: UnavailableError) -> Response:
        return Response(str(error), 503, content_type="text/plain; charset=utf-8")


def _body_of(request: Request) -> bytes:
    request.max_content_length = LARGEST_BODY
    return request.get_data(cache=False)


def _judged(reader: CallbackReader, callback: Callback) -> Verdict:
    try:
        return reader.judge(callback)
    except ValueError:
        # More fields than any provider sends.
        raise RequestEntityTooLarge from None


def _without_nul(callback: Callback) -> Callback:
    body = callback.body
    for written in (b"\0", b"%00", b"\\u0000"):
        body = body.replace(written, "\ufffd".encode())
    return replace(callback, body=body, reference=callback.reference.replace("\0", "\ufffd"))
