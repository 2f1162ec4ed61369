"""The door for status callbacks, ahead of Flask: verified, on disk, and only then answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from campaigns.delivery.callbacks import (
    ANSWERS,
    PLAIN_TEXT,
    admit_statuses,
    answer_to,
    called_path,
    read_body,
    read_callback,
)
from campaigns.delivery.intake import ReceiptIntake
from campaigns.gateways.callbacks import CallbackReader
from campaigns.web import headers as web_headers
from campaigns.web.current import pick_reader

#: Environment, and what starts the answer.
Application = Any
#: As every other answer has them.
HEADERS = [*web_headers.HEADERS.items(), ("Cache-Control", "no-store")]


class StatusDoor:
    """Answers POST /hooks/<gateway>[/<secret>]/status by itself and leaves every other request to `application`.

    A provider calls several times for each message: building what a page needs costs more than all the rest of it.
    """

    def __init__(
        self,
        application: Application,
        *,
        readers: Mapping[str, CallbackReader],
        public_url: str,
        intake: ReceiptIntake,
    ) -> None:
        self._application = application
        self._readers = readers
        self._public_url = public_url
        #: Public, so that a test can put another in its place.
        self.intake = intake

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        place = _place_of(environ)
        if place is None:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        try:
            self._receive(environ, *place)
        except tuple(ANSWERS) as error:
            text = str(error).encode()
            headers = [*HEADERS, ("Content-Type", PLAIN_TEXT), ("Content-Length", str(len(text)))]
            start_response(answer_to(error), headers)
            return [text]
        start_response("204 No Content", [*HEADERS])
        return []

    def _receive(self, environ: dict[str, Any], gateway: str, secret: str) -> None:
        """Keep what a status callback says; unknown words, fields and references are kept too."""
        reader = pick_reader(self._readers, gateway)
        heard = read_callback(environ, reader, body=read_body(environ), public_url=self._public_url, secret=secret)
        updates = admit_statuses(heard, reader.read_statuses(heard.callback))
        if updates:
            self.intake.keep(updates, gateway=reader.name)


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
