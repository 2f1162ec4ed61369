"""By these forms administrators say who belongs to the organisation, and with which roles."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import PasswordInput

from campaigns.staff.forms import new_password
from campaigns.staff.models import Role
from campaigns.web.forms import Form, Ticks, options

ROLE_CHOICES = [
    (Role.VIEWER, _l("Viewer: reads reach")),
    (Role.AUTHOR, _l("Author: edits places, messages and campaigns")),
    (Role.APPROVER, _l("Approver: reviews, approves and resumes")),
    (Role.RESPONDER, _l("Responder: reads what people write, and answers")),
    (Role.STEWARD, _l("Data manager: imports and erases contacts, and publishes figures")),
    (Role.ADMIN, _l("Administrator: members and settings")),
]


def chosen_password() -> PasswordField:
    """Return a field for the first password that somebody chooses."""
    return new_password(_l("Your password"), widget=PasswordInput(hide_value=False))


class RolesForm(Form):
    """Which roles a member has."""

    roles = Ticks(_l("Roles"), choices=options(ROLE_CHOICES))


class MemberForm(RolesForm):
    """A new member."""

    name = StringField(
        _lp("of a person", "Name"), [InputRequired(), Length(max=200)], render_kw={"autocomplete": "off"}
    )
    email = EmailField(
        _l("E-mail address"),
        [InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "off", "dir": "ltr"},
    )


class InvitationForm(Form):
    """The password that somebody chooses who was invited; a refused one stays, to be mended."""

    password = chosen_password()
