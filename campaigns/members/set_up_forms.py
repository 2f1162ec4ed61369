"""By these forms a system gets its first member: the code that was printed, then who they are."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, EmailField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from campaigns.members.first_member import FirstMember
from campaigns.members.forms import chosen_password
from campaigns.staff.forms import ZONES
from campaigns.web.forms import Form, Ticks, options


class CodeForm(Form):
    """The code that was printed where the server was started."""

    code = StringField(
        _l("Code"),
        [InputRequired(), Length(max=40)],
        description=_l("It is printed in the terminal in which Fingerpost was started."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"},
    )


class SetUpForm(Form):
    """The organisation and its first member; what was typed stays, the password too."""

    organisation = StringField(_l("Name of your organisation"), [InputRequired(), Length(max=200)])
    slug = StringField(
        _l("Its short name"),
        [Length(max=60)],
        description=_l("Small letters, digits and hyphens, for commands and addresses. It never changes."),
        render_kw={"autocomplete": "off", "dir": "ltr"},
    )
    time_zone = SelectField(_l("Time zone"), [InputRequired()], choices=options(ZONES))
    name = StringField(_l("Your name"), [InputRequired(), Length(max=200)], render_kw={"autocomplete": "name"})
    email = EmailField(
        _l("Your e-mail address"),
        [InputRequired(), Length(max=254)],
        description=_l("You sign in with it."),
        render_kw={"autocomplete": "username", "dir": "ltr"},
    )
    password = chosen_password()
    languages = Ticks(_l("Languages that you read and write"))
    example = BooleanField(
        _l("Add an example to try everything on"),
        default=True,
        description=_l("It cannot be sent to anybody, and one button throws it away again."),
    )

    def first(self) -> FirstMember:
        """Return what was entered, without the password."""
        return FirstMember(
            organisation=self.text("organisation"),
            slug=self.text("slug"),
            time_zone=self.text("time_zone"),
            name=self.text("name"),
            email=self.text("email"),
            languages=tuple(self.languages.data or ()),
        )


class LateSetUpForm(SetUpForm, CodeForm):
    """The same after a restart of the server, which printed another code meanwhile."""
