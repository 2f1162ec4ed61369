"""The list of messages has filters, newest first, and pages that stay put while new messages arrive."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlencode

from campaigns.sandbox.twilio.render import ROOT, message_dict
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.state import Message, World

Wanted = Callable[[Message], bool]

_DAY_S = 86_400.0
_LARGEST_PAGE = 1000
_KEPT = ("To", "From", "DateSent", "DateSent<", "DateSent>")


def list_body(world: World, account: str, query: Mapping[str, str]) -> bytes:
    """Return one page of an account's messages as JSON; raise SandboxError on a date that cannot be read."""
    size = min(max(_whole(query.get("PageSize"), 50), 1), _LARGEST_PAGE)
    page = _whole(query.get("Page"), 0)
    rows, has_more = _page(world, _filter(account, query), query, size)
    kept = {name: query[name] for name in _KEPT if name in query}

    def uri(number: int, mark: str = "") -> str:
        wanted = {**kept, "PageSize": size, "Page": number, **({"PageToken": mark} if mark else {})}
        return f"{ROOT}/{account}/Messages.json?{urlencode(wanted)}"

    body = {
        "messages": [message_dict(message) for message in rows],
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1, _token(rows[0].seq, "PB")) if page and rows else None,
        "next_page_uri": uri(page + 1, _token(rows[-1].seq, "PA")) if has_more else None,
        "uri": uri(page, query.get("PageToken", "")),
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(rows) - 1, 0),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _page(world: World, wanted: Wanted, query: Mapping[str, str], size: int) -> tuple[list[Message], bool]:
    """Return the messages of a page, newest first, and whether older ones follow."""
    side, seq = _read_token(query.get("PageToken", ""))
    candidates = _candidates(world, query)
    if side == "PB":
        newer = (message for message in candidates if message.seq > seq and wanted(message))
        return list(islice(newer, size))[::-1], True
    older = (message for message in reversed(candidates) if (not seq or message.seq < seq) and wanted(message))
    found = list(islice(older, size + 1))
    return found[:size], len(found) > size


def _candidates(world: World, query: Mapping[str, str]) -> list[Message]:
    """Return the shortest list, oldest first, that holds every match."""
    people = (query.get("To", ""), query.get("From", ""))
    conversations = (world.by_person[person] for person in people if person in world.by_person)
    return min(conversations, key=len, default=world.log)


def _filter(account: str, query: Mapping[str, str]) -> Wanted:
    to, sender = query.get("To"), query.get("From")
    earliest, latest = _bounds(query)
    is_dated = (earliest, latest) != (-math.inf, math.inf)

    def wanted(message: Message) -> bool:
        if message.is_deleted or message.provider != "twilio" or message.account != account:
            return False
        if (to and message.to != to) or (sender and message.sender != sender):
            return False
        return not is_dated or (message.sent_at is not None and earliest <= int(message.sent_at) <= latest)

    return wanted


def _bounds(query: Mapping[str, str]) -> tuple[float, float]:
    """Return the first and last second that DateSent allows: a whole UTC day, or bounds with themselves."""
    earliest, latest = -math.inf, math.inf
    if exact := query.get("DateSent"):
        earliest = _moment(exact) // _DAY_S * _DAY_S
        latest = earliest + _DAY_S - 1
    if since := query.get("DateSent>"):
        earliest = max(earliest, _moment(since))
    if until := query.get("DateSent<"):
        latest = min(latest, _moment(until))
    return earliest, latest


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SandboxError(f"{text!r} is not a date.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default


def _token(seq: int, side: str) -> str:
    return f"{side}SM{seq:x}"


def _read_token(token: str) -> tuple[str, int]:
    """Return the side (`PA` older, `PB` newer) and the message of a page token; any other is the first page."""
    side, _, seq = token.partition("SM")
    try:
        return side, int(seq, 16)
    except ValueError:
        return "", 0
