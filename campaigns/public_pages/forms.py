"""This form says whether everybody may read an organisation's directory, and who it is to them."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import Length

from campaigns.web.forms import Form


class ProfileForm(Form):
    """What an organisation says of pages for everybody."""

    is_open = BooleanField(
        _l("Everybody may read our directory and our reviewed texts"),
        description=_l("Only helplines that were verified lately are shown, and nothing about people."),
    )
    #: Whether they were open when the form was shown.
    was_open = HiddenField()
    shown_name = StringField(
        _l("Name on these pages"),
        [Length(max=200)],
        description=_l("Leave it empty where your name would endanger whoever reads it."),
    )
    contact = StringField(
        _l("Whom people write to about these pages"),
        [Length(max=200)],
        description=_l("An e-mail address or a number that somebody reads. Another one takes two administrators."),
        render_kw={"dir": "ltr"},
    )
