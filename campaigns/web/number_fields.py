"""A view takes whole numbers from addresses and forms by this `type` or `coerce`; forms have fields for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from wtforms import DecimalField, IntegerField
from wtforms.validators import StopValidation

from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Characters of a number, with spaces around it; Python itself refuses to read one of thousands of digits.
_LONGEST = 40
#: Three digits behind a comma may be thousands, as may what stands behind two marks.
_THOUSANDS = re.compile(r",\d{3}$|[.,٫].*[.,٫]")
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


class AmountField(DecimalField):
    """An amount in a form, with a decimal point or comma, in any script's digits."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read what was typed. Raises ValueError for what is no number, and for what may have thousands apart."""
        typed = [text.strip() for text in valuelist]
        if any(_THOUSANDS.search(text) for text in typed):
            raise ValueError(_("Write it without a mark between the thousands."))
        try:
            super().process_formdata([text.replace(",", ".").replace("٫", ".") for text in typed])
        except ValueError:
            raise ValueError(_("This is not a number.")) from None
        if self.data is not None and not self.data.is_finite():
            self.data = None
            raise ValueError(_("This is not a number."))

    def pre_validate(self, form: Any) -> None:
        """Say nothing of the size of what is no number; whether it may be empty, validators say."""
        if self.process_errors and any(text.strip() for text in self.raw_data or ()):
            raise StopValidation
