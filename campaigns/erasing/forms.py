"""By this form a data manager erases a person."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.erasing.service import LONGEST_WORDS, Why
from campaigns.web.forms import Form, options

REASONS = {
    Why.ASKED: _l("They asked for it themselves"),
    Why.ASKED_FOR: _l("A partner organisation or an authority asked for it"),
    Why.WRONG_PERSON: _l("They are not who we took them for"),
    Why.OTHER: _l("Another reason"),
}


class EraseForm(Form):
    """Why a person is erased."""

    why = RadioField(_l("Why"), [InputRequired()], choices=options(REASONS.items()))
    words = TextAreaField(
        _l("More on the reason"),
        [Length(max=LONGEST_WORDS)],
        description=_l("It stays in the audit log, sealed. Write no names and no numbers."),
    )
