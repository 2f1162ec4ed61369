"""This door stands ahead of Flask: a status callback is verified, on disk, and only then answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from campaigns.core.errors import FingerpostError, UnavailableError
from campaigns.core.words import N_
from campaigns.delivery.receipts.receipt_writer import ReceiptIntake
from campaigns.delivery.receipts.request import (
    ANSWERS,
    PLAIN_TEXT,
    admit_statuses,
    answer_to,
    called_path,
    lead_on,
    read_body,
    read_callback,
)
from campaigns.front.steps import Piece
from campaigns.gateways.callbacks import CallbackReader, StatusUpdate
from campaigns.web.current import pick_reader
from campaigns.web.guards import headers as web_headers

#: Environment, and what starts the answer.
Application = Any
#: As every other answer has them.
HEADERS = (*web_headers.HEADERS.items(), ("Cache-Control", "no-store"))
_KEPT = Piece(b"", True, "204 No Content", HEADERS)


class StatusDoor:
    """Answers POST /hooks/<gateway>[/<secret>]/status by itself and leaves every other request to `application`.

    A provider calls several times for each message: building what a page needs costs more than all the rest of it.
    Behind our own front not even a thread waits for the commit (`begin`).
    """

    def __init__(
        self,
        application: Application,
        *,
        readers: Mapping[str, CallbackReader],
        addresses: Sequence[str],
        intake: ReceiptIntake,
    ) -> None:
        self._application = application
        self._readers = readers
        self._addresses = addresses
        #: Public, so that a test can put another in its place.
        self.intake = intake

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        place = _place_of(environ)
        if place is None:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        piece = _KEPT
        try:
            gateway, updates = self._hear(environ, *place)
            if updates:
                self.intake.keep(updates, gateway=gateway)
            elif _place_of(environ) is None:
                return self(environ, start_response)
        except tuple(ANSWERS) as error:
            piece = _refusal(error)
        start_response(piece.status, list(piece.headers))
        return [piece.body] if piece.body else []

    def begin(self, environ: dict[str, Any], answer: Callable[[Piece], object]) -> bool:
        """Take a status callback, to be answered when it is on disk; False for every other request."""
        place = _place_of(environ)
        if place is None:
            return False

        def tell(is_kept: bool) -> None:
            answer(
                _KEPT if is_kept else _refusal(UnavailableError(N_("The delivery receipt could not be stored.")))
            )

        try:
            gateway, updates = self._hear(environ, *place)
            if updates:
                self.intake.hand_over(updates, gateway=gateway, tell=tell)
            elif _place_of(environ) is None:
                return False
            else:
                answer(_KEPT)
        except tuple(ANSWERS) as error:
            answer(_refusal(error))
        return True

    def _hear(self, environ: dict[str, Any], gateway: str, secret: str) -> tuple[str, Sequence[StatusUpdate]]:
        """Return what a status callback says; unknown words, fields and references are kept too.

        What a person wrote is none: the request is one to the address for that from then on.
        """
        reader = pick_reader(self._readers, gateway)
        body = read_body(environ)
        heard = read_callback(environ, reader, body=body, addresses=self._addresses, secret=secret)
        updates = reader.read_statuses(heard.callback)
        if not updates and reader.read_inbound(heard.callback):
            # Whoever enters our two addresses in each other's place at a provider must not lose a stop.
            lead_on(environ, environ["PATH_INFO"].removesuffix("status") + "inbound", body=body)
        return reader.name, admit_statuses(heard, updates)


def _refusal(error: FingerpostError) -> Piece:
    text = str(error).encode()
    own = (("Content-Type", PLAIN_TEXT), ("Content-Length", str(len(text))))
    return Piece(text, True, answer_to(error), (*HEADERS, *own))


def _place_of(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the gateway and the secret part ('' for none) that a status callback names; None for all else."""
    if environ.get("REQUEST_METHOD") != "POST":
        return None
    match called_path(environ).split("/"):
        case ["", "hooks", gateway, "status"] if gateway:
            return gateway, ""
        case ["", "hooks", gateway, secret, "status"] if gateway and secret:
            return gateway, secret
    return None
