"""JSON is read from programs that showed a token or a signature, and from nobody else."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

#: Below these, whoever asks is known before a body is read: by a token, or by a provider's secret or signature.
TAKES_JSON = ("/api/", "/hooks/")


class CarefulRequest(Request):
    """A request whose JSON may be nested as deep as it likes: it is wrong then, and nothing breaks."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body read as JSON. Raises BadRequest for one that is nested too deeply."""
        try:
            return super().get_json(force=force, silent=silent, cache=cache)
        except RecursionError:
            raise BadRequest from None


def init_json_bodies(app: Flask) -> None:
    """Refuse JSON where `app` answers people: their browsers send forms, and libraries would read it unasked."""
    app.request_class = CarefulRequest

    @app.before_request
    def refuse() -> None:
        has_body = bool(request.content_length) or "chunked" in request.headers.get("Transfer-Encoding", "")
        if has_body and request.is_json and not request.path.startswith(TAKES_JSON):
            raise UnsupportedMediaType
