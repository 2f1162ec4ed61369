"""The token of a request says who asks over the API, and what it allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request

from campaigns.core import clock
from campaigns.core.errors import ForbiddenError, InputError, TokenError
from campaigns.core.words import N_
from campaigns.staff.event_notes import note_event
from campaigns.staff.models import ApiToken
from campaigns.staff.tokens import ApiScope, find_token
from campaigns.web.session import session

P = ParamSpec("P")
R = TypeVar("R")


def requires_token(scope: ApiScope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard an answer of the API: TokenError without a good token, ForbiddenError when it allows something else.

    InputError for what is sent and is no JSON.

    The scope stays readable as `view.scope`, and `view.permission` is "token".
    """

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.api_token = _token()
            if scope not in g.api_token.scopes:
                raise ForbiddenError(N_("This API key does not allow %(scope)s."), scope=scope)
            if request.method == "POST" and not request.is_json:
                # Of another kind nothing is read, and the view would have nothing to look at.
                raise InputError(N_("Send JSON, with the header Content-Type: application/json."))
            return view(*args, **kwargs)

        guarded.permission = "token"  # type: ignore[attr-defined] # read by tests
        guarded.scope = scope  # type: ignore[attr-defined]
        return guarded

    return guard


def asking() -> ApiToken:
    """Return the token of this request, which `requires_token` has looked up."""
    token: ApiToken = g.api_token
    return token


def _token() -> ApiToken:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = find_token(session(), token.strip(), now=clock.now()) if kind.casefold() == "bearer" else None
    if found is None:
        raise TokenError(
            N_("Send a valid API key: Authorization: Bearer fp_…. Old and revoked keys open nothing.")
        )
    note_event("token.use", found, organisation_id=found.organisation_id, what=request.endpoint or "")
    return found
