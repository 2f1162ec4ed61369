"""By these forms somebody asks for a link, and chooses a new password by it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import EmailField
from wtforms.validators import InputRequired, Length

from campaigns.members.forms import chosen_password
from campaigns.web.forms import Form


class AskForm(Form):
    """The address with which somebody signs in."""

    email = EmailField(
        _l("E-mail address"),
        [InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "username", "dir": "ltr"},
    )


class ChooseForm(Form):
    """The new password; a refused one stays, to be mended."""

    password = chosen_password()
