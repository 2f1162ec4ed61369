"""A view takes whole numbers from addresses and forms by this `type` or `coerce`, and from fields of their own."""

from __future__ import annotations

from collections.abc import Sequence

from wtforms import IntegerField

from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Characters of a number, with spaces around it; Python itself refuses to read one of thousands of digits.
_LONGEST = 40
#: What stands for a number that is none.
_NONE = "-"


def whole_number(text: str | int) -> int:
    """Return the number that `text` writes.

    Raises ValueError when it writes none, and InputError when no row, year or count can be so large: the database
    would fail on it.
    """
    number = int(text) if len(str(text)) <= _LONGEST else HIGHEST_ID + 1
    if not -HIGHEST_ID <= number <= HIGHEST_ID:
        raise InputError(N_("A number in this request is too large to mean anything."))
    return number


class WholeNumberField(IntegerField):
    """A whole number in a form: what is too large to be compared with any limit is none."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read what was typed. Raises ValueError for what is no number, or one that no row can hold."""
        super().process_formdata([text if len(text) <= _LONGEST else _NONE for text in valuelist])
        if self.data is not None and abs(self.data) > HIGHEST_ID:
            super().process_formdata([_NONE])
