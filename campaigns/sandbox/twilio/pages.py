"""Pages of Twilio's v1 and v2 lists lead on by absolute addresses, here of the sandbox's own origin."""

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

_LARGEST_PAGE = 1000


def page_of(request: web.Request, key: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the page of `rows` that a call asks for (`PageSize`, `Page`), its filters kept in the addresses."""
    size = min(max(_whole(request, "PageSize", 50), 1), _LARGEST_PAGE)
    number = _whole(request, "Page", 0)
    has_more = len(rows) > (number + 1) * size

    def url(page: int) -> str:
        kept = [(name, value) for name, value in request.query.items() if not name.startswith("Page")]
        place = [("PageSize", str(size)), ("Page", str(page))]
        token = [("PageToken", f"PT{page:x}")] if page else []
        return str(request.url.with_query([*kept, *place, *token]))

    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": url(0),
        "previous_page_url": url(number - 1) if number else None,
        "url": url(number),
        "next_page_url": url(number + 1) if has_more else None,
        "key": key,
    }
    return json.dumps({key: rows[number * size : (number + 1) * size], "meta": meta}, ensure_ascii=False).encode()


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default
