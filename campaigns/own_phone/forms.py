"""By these forms a member enters their own phone number, and the code that proves it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TelField
from wtforms.validators import InputRequired, Length

from campaigns.own_phone.phone_codes import LONGEST_TYPED
from campaigns.web.forms import Form


class NumberForm(Form):
    """The member's phone number."""

    number = TelField(
        _l("Your phone number"),
        [InputRequired(), Length(max=40)],
        description=_l("With + and the country code. It is kept encrypted, and no page shows it again."),
        render_kw={"autocomplete": "tel", "dir": "ltr", "inputmode": "tel"},
    )


class CodeForm(Form):
    """The code that came to that phone."""

    code = StringField(
        _l("The code from the text message"),
        [InputRequired(), Length(max=LONGEST_TYPED)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "dir": "ltr"},
    )
