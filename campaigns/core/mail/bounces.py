"""Reads from a report that came back by mail (RFC 3464) which message did not reach which addresses; pure."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

#: More of a report than this is not read.
LONGEST = 1_000_000
#: Parts that hold the headers of the message that came back, as text.
_HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")


def bounced_addresses(report: bytes) -> list[str]:
    """Return the addresses that a report names as failed for good; none where it is no report."""
    parts = message_from_bytes(report[:LONGEST]).walk()
    found = [address for part in parts if (address := _failed(part)) is not None]
    return list(dict.fromkeys(found))


def returned_ids(report: bytes) -> list[str]:
    """Return the Message-ID of each message that a report returns, whole or its headers, without its host."""
    parts = message_from_bytes(report[:LONGEST]).walk()
    return [local for each in parts for returned in _returned(each) if (local := _local_part(returned))]


def _returned(part: Message) -> Iterator[Message]:
    kind, inside = part.get_content_type(), part.get_payload()
    if kind in _HEADERS:
        headers = part.get_payload(decode=True)
        yield from [message_from_bytes(headers)] if isinstance(headers, bytes) else _messages(inside)
    elif kind in ("message/rfc822", "message/global"):
        yield from _messages(inside)


def _messages(inside: object) -> Iterator[Message]:
    return (each for each in inside if isinstance(each, Message)) if isinstance(inside, list) else iter(())


def _local_part(message: Message) -> str:
    return str(message.get("Message-ID", "")).strip().strip("<>").partition("@")[0]


def _failed(part: Message) -> str | None:
    """Return the address of a part that tells of one recipient, if it failed."""
    if str(part.get("Action", "")).strip().lower() != "failed":
        return None
    told = part.get("Original-Recipient") or part.get("Final-Recipient") or ""
    kind, _, address = str(told).partition(";")
    return address.strip().strip("<>") or None if kind.strip().lower() == "rfc822" else None
