"""An address book may hold several numbers of a person, of which the first mobile one is taken. Pure.

Nobody is written to by the others, but who said stop by one of them is not brought in by another, and who is on
hold by one is brought in on hold. Who is a contact already stays as they are, without the consent that the file
tells of: two people may share a book, so a stop beside their number does not end what they agreed to before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import phonenumbers

from campaigns.audience.consent.handles import Handle, read_handle, read_number
from campaigns.core.errors import AddressError

#: What Google's export writes between several numbers in one cell.
BETWEEN = ":::"
#: Google's columns of further numbers, as `folded` names them; the first is our number.
_FURTHER = re.compile(r"phone (?:[2-9]|[1-9]\d) value")
#: Of some countries nothing tells mobile numbers from others.
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


def folded(column: str) -> str:
    """Return the name of a column as it is compared: in small letters, words with one space between."""
    return " ".join(re.split(r"[\s_-]+", column.casefold().strip()))


def further_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Return those columns that hold further numbers of a person."""
    return tuple(column for column in columns if _FURTHER.fullmatch(folded(column)))


def numbers_in(cells: Iterable[str]) -> list[str]:
    """Return the numbers in these cells, each once."""
    found = (part.strip() for cell in cells for part in cell.split(BETWEEN))
    return list(dict.fromkeys(filter(None, found)))


def chosen_of(texts: Sequence[str], *, default_country: str | None) -> str:
    """Return the first of several numbers that is mobile, else the first that a phone can have, else the first."""
    if len(texts) == 1:
        return texts[0]
    possible = []
    for text in texts:
        try:
            number, _country = read_number(text, default_country=default_country)
        except AddressError:
            continue
        if phonenumbers.number_type(phonenumbers.parse(number)) in _MOBILE:
            return text
        possible.append(text)
    return [*possible, *texts][0]


@dataclass(slots=True)
class Further:
    """What a row has of a person beside the handles that are taken."""

    handles: list[Handle] = field(default_factory=list)
    #: Texts that are no handle.
    unread: int = 0
    #: Whether the handle that is taken is not the first of several.
    is_first_passed: bool = False

    def add(self, texts: Sequence[str], taken: Handle, *, default_country: str | None) -> None:
        """Take up several texts, of which one is `taken`; a handle counts once, however it is written."""
        found: dict[Handle | str, None] = {}
        for text in texts:
            try:
                found[read_handle(taken.channel, text, default_country=default_country)] = None
            except AddressError:
                found[text] = None
        self.is_first_passed = self.is_first_passed or next(iter(found)) != taken
        handles = [each for each in found if isinstance(each, Handle)]
        self.handles += [handle for handle in handles if handle != taken]
        self.unread += len(found) - len(handles)
