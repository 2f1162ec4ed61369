"""A provider's signed request, read once and raw: the address it called, its form, and whether it is genuine."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qsl

from flask import Blueprint, Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from campaigns.core.errors import SignatureError, UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.base import CallbackReader

log = logging.getLogger(__name__)

#: A status or inbound form has a few hundred bytes; nothing larger is read.
LARGEST_BODY = 64 * 1024
MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Callback:
    """A genuine callback."""

    #: Our reference from the address it was sent to; '' when it carried none.
    reference: str
    #: Every field in its order, repeated and empty ones too.
    form: list[tuple[str, str]]


class Refusals:
    """Counts callbacks that were refused, by reason, since the process started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

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


def read_callback(request: Request, reader: CallbackReader, *, public_url: str) -> Callback:
    """Return what a provider posted.

    Raises SignatureError when it is unsigned or forged and RequestEntityTooLarge (413) when it is too large;
    both are counted.
    """
    try:
        form = read_form(_body_of(request))
    except RequestEntityTooLarge:
        refusals.count("oversize")
        raise
    if not reader.is_genuine(called_url(request, public_url), form, dict(request.headers)):
        refusals.count("signature")
        raise SignatureError(N_("The signature does not fit."))
    # No database stores NUL in text; it is taken out only now, because the signature is over what came.
    cleaned = [(name.replace("\0", "\ufffd"), value.replace("\0", "\ufffd")) for name, value in form]
    return Callback(reference=request.args.get("m", "").replace("\0", "\ufffd"), form=cleaned)


def called_url(request: Request, public_url: str) -> str:
    """Return the address the provider called: the configured public one, our path, and the query as it came.

    Never `request.url`: a proxy changes scheme and host, and Werkzeug rewrites what is percent-encoded.
    """
    query = request.environ.get("QUERY_STRING", "")
    return public_url.rstrip("/") + request.path + (f"?{query}" if query else "")


def read_form(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a URL-encoded body, repeated and empty ones too; bytes that are no UTF-8 become U+FFFD.

    Raises RequestEntityTooLarge for more fields than any provider sends.
    """
    try:
        return parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RequestEntityTooLarge from None


def answer_plainly(hooks: Blueprint) -> None:
    """Let `hooks` tell errors in a line of text: a page would cost a forger's flood more than it is worth."""

    @hooks.errorhandler(SignatureError)
    def refuse(error: SignatureError) -> Response:
        return Response(str(error), 403, content_type="text/plain; charset=utf-8")

    @hooks.errorhandler(UnavailableError)
    def postpone(error: UnavailableError) -> Response:
        return Response(str(error), 503, content_type="text/plain; charset=utf-8")


def _body_of(request: Request) -> bytes:
    request.max_content_length = LARGEST_BODY
    return request.get_data(cache=False)
