"""Forms for the key to which exports are encrypted."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from campaigns.inbox.handing_over.exporting.export_keys import LONGEST_KEY, LONGEST_WORD
from campaigns.web.forms import Form


class KeyForm(Form):
    """The public key to which exports are encrypted."""

    recipient = StringField(
        _l("Public key"),
        description=_l("It begins with age1. The secret half, AGE-SECRET-KEY-…, never comes here."),
        validators=[InputRequired(), Length(max=LONGEST_KEY)],
        render_kw={"dir": "ltr", "autocomplete": "off", "spellcheck": "false"},
    )


class WordForm(Form):
    """The word that was encrypted to a key."""

    word = StringField(
        _l("The word that you read"),
        validators=[InputRequired(), Length(max=LONGEST_WORD)],
        render_kw={"dir": "ltr", "autocomplete": "off", "spellcheck": "false"},
    )
