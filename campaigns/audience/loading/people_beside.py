"""People of a file by handles that are not taken, so that a stop that arrives while it is written is heeded."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from sqlalchemy.orm import Session

from campaigns.audience.consent.ledger import Mark, find_suppressed
from campaigns.audience.models import Channel

_CHANNELS = tuple(Channel)
_HASH_BYTES = 32
#: Hashes that are looked for at once.
_AT_ONCE = 2000


class PeopleBeside:
    """Contacts by keyed hashes of such handles, in 41 bytes each: most people of a file have none."""

    def __init__(self) -> None:
        self._hashes, self._channels, self._contacts = bytearray(), bytearray(), array("q")

    def add(self, people: Iterable[tuple[int, Iterable[Mark]]]) -> None:
        """Remember contacts, each with what would be remembered of a stop by their other handles."""
        for contact_id, marks in people:
            for number, channel in marks:
                self._hashes += number
                self._channels.append(_CHANNELS.index(channel))
                self._contacts.append(contact_id)

    def find(self, session: Session, *, is_hold: bool | None = None) -> list[int]:
        """Return the contacts who said stop by one of these handles, those who may have, or with None both."""
        found: set[int] = set()
        for start in range(0, len(self._contacts), _AT_ONCE):
            marks = [self._mark(at) for at in range(start, min(start + _AT_ONCE, len(self._contacts)))]
            numbers = {number for number, _channel in marks}
            said = find_suppressed(session, numbers, or_held=is_hold is not False)
            if is_hold:
                said -= find_suppressed(session, numbers)
            found.update(self._contacts[start + at] for at, mark in enumerate(marks) if mark in said)
        return sorted(found)

    def _mark(self, at: int) -> Mark:
        number = bytes(self._hashes[at * _HASH_BYTES : (at + 1) * _HASH_BYTES])
        return number, _CHANNELS[self._channels[at]]
