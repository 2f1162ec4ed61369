"""Reads from a report that came back by mail (RFC 3464) which addresses a message did not reach; pure."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message

#: More of a report than this is not read.
LONGEST = 1_000_000


def bounced_addresses(report: bytes) -> list[str]:
    """Return the addresses that a report names as failed for good; none where it is no report."""
    parts = message_from_bytes(report[:LONGEST]).walk()
    found = [address for part in parts if (address := _failed(part)) is not None]
    return list(dict.fromkeys(found))


def _failed(part: Message) -> str | None:
    """Return the address of a part that tells of one recipient, if it failed."""
    if str(part.get("Action", "")).strip().lower() != "failed":
        return None
    told = part.get("Original-Recipient") or part.get("Final-Recipient") or ""
    kind, _, address = str(told).partition(";")
    return address.strip().strip("<>") or None if kind.strip().lower() == "rfc822" else None
