"""A view takes whole numbers from addresses and forms by this `type` or `coerce`."""

from __future__ import annotations

from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Characters of a number, with spaces around it; Python itself refuses to read one of thousands of digits.
_LONGEST = 40


def whole_number(text: str | int) -> int:
    """Return the number that `text` writes.

    Raises ValueError when it writes none, and InputError when no row, year or count can be so large: the database
    would fail on it.
    """
    number = int(text) if len(str(text)) <= _LONGEST else HIGHEST_ID + 1
    if not -HIGHEST_ID <= number <= HIGHEST_ID:
        raise InputError(N_("A number in this request is too large to mean anything."))
    return number
