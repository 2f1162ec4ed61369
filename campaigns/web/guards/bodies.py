"""The body of a request may be small, except where files are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from campaigns.core.settings import Settings
from campaigns.front.peer_limits import USUAL_BODY, BodyLimit

View = TypeVar("View", bound=Callable[..., Any])

#: A provider's call has a few hundred bytes, but spells each letter of a long text with up to nine; Telegram
#: repeats the message that is answered, and posts what we refuse again for a day, in vain.
LARGEST_CALLBACK = USUAL_BODY
#: What surrounds a file in a form.
_AROUND_FILE = 64 * 1024
_MARK = "takes_file"
_HOOKS = "/hooks/"
#: What the session of a member holds, by the library that signs them in.
SIGNED_IN = "_user_id"


def takes_file(view: View) -> View:
    """Let the body of a view's requests be as large as the largest file; put it above `requires`."""
    setattr(view, _MARK, True)
    return view


def init_bodies(app: Flask, settings: Settings) -> None:
    """Give each request of `app` the limit of its route, before anything reads its body."""
    largest = _largest(settings)

    @app.before_request
    def limit() -> None:
        if _is_marked(app, request.endpoint):
            request.max_content_length = largest


def body_limit_of(app: Flask, settings: Settings) -> BodyLimit:
    """Return the same limits for the server, which has to know them before a body is there.

    Files are taken from members alone, so that no stranger has a place among the few large bodies at once.
    """
    largest, routes = _largest(settings), app.url_map.bind("")

    def limit(environ: Mapping[str, Any]) -> int:
        path: str = environ["PATH_INFO"]
        if path.startswith(_HOOKS):
            return LARGEST_CALLBACK
        length = environ.get("CONTENT_LENGTH")
        if length is not None and int(length) <= USUAL_BODY:
            # Nobody looks for the route of what may be anywhere.
            return USUAL_BODY
        try:
            decoded = path.encode("latin-1").decode(errors="replace")
            endpoint, _ = routes.match(decoded, environ["REQUEST_METHOD"])
        except (HTTPException, RequestRedirect):
            return USUAL_BODY
        return largest if _is_marked(app, endpoint) and _is_of_member(app, environ) else USUAL_BODY

    return limit


def _largest(settings: Settings) -> int:
    return settings.import_max_megabytes * 1024 * 1024 + _AROUND_FILE


def _is_of_member(app: Flask, environ: Mapping[str, Any]) -> bool:
    """Say whether a request carries the session of somebody who signed in; a page sees whether it still holds."""
    cookie = app.session_interface.open_session(app, app.request_class(dict(environ)))
    return cookie is not None and SIGNED_IN in cookie


def _is_marked(app: Flask, endpoint: str | None) -> bool:
    return endpoint is not None and hasattr(app.view_functions.get(endpoint), _MARK)
