"""Answers to programs: JSON with an entity tag, and lists in pages with links to the neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from pydantic import BaseModel

from campaigns.web.pagination import Page


class Listed(BaseModel):
    """A page of a list: what every list says of itself."""

    page: int
    pages: int
    total: int


def as_json(model: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON; whoever has these bytes already gets 304 instead."""
    answer = Response(model.model_dump_json(), status, content_type="application/json")
    return tagged(answer, hashlib.sha256(answer.get_data()).hexdigest())


def tagged(answer: Response, tag: str) -> Response:
    """Give an answer its strong entity tag, and answer a condition of the request with it (RFC 9110)."""
    answer.set_etag(tag)
    answer.make_conditional(request)
    return answer


def as_list(model: Callable[..., BaseModel], page: Page[Any], items: list[Any], *, asked: int) -> Response:
    """Return a page of a list with Link headers (RFC 8288); a page beyond the last has no items."""
    shown = items if asked == page.number else []
    answer = as_json(model(page=asked, pages=page.pages, total=page.total, items=shown))
    for relation, number in (("prev", page.previous), ("next", page.next)):
        if number is not None and asked == page.number:
            address = f"{request.path}?{urlencode({**request.args.to_dict(), 'page': number})}"
            answer.headers.add("Link", f'<{address}>; rel="{relation}"')
    return answer
