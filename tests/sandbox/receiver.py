"""A tiny application: takes webhooks, remembers them and says what it is told to say."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from twilio.request_validator import RequestValidator

from tests.sandbox.process import DEFAULTS


@dataclass
class Received:
    """One webhook as it came over the wire."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]
    body: str = ""

    @property
    def status(self) -> str:
        return self.form.get("MessageStatus", "")


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


@dataclass
class Receiver:
    """Listens on a free port; `answers` are used up one by one, then every webhook gets 204."""

    answers: list[tuple[int, str, str]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def has_received(self, count: int) -> bool:
        return len(self.received) == count

    def statuses(self) -> list[str]:
        return [webhook.status for webhook in self.received]

    def is_signed(self, webhook: Received, token: str = DEFAULTS.auth_token) -> bool:
        """Ask Twilio's own validator about a webhook's signature."""
        validator = RequestValidator(token)
        signature = webhook.headers["X-Twilio-Signature"]
        verdict: bool = validator.validate(self.url + webhook.path, webhook.form, signature)
        return verdict


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw, keep_blank_values=True).items()}
            receiver.received.append(Received(self.path, dict(self.headers), form, raw))
            status, kind, body = receiver.answers.pop(0) if receiver.answers else (204, "", "")
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            if status != 204:
                self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Stay silent."""

    return Handler
