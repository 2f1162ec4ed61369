"""By this form a data manager finds one contact."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import TelField
from wtforms.validators import InputRequired, Length

from campaigns.web.forms import Form


class UnshownNumber(TelField):
    """A phone number that is typed, and never written into the page again."""

    def _value(self) -> str:
        return ""


class FindForm(Form):
    """The whole number of a contact."""

    number = UnshownNumber(
        _l("Whole phone number"),
        [InputRequired(), Length(max=40)],
        description=_l("With + and the country code. It is not kept, and looked for among your contacts only."),
    )
