"""By these forms administrators say what the organisation is, who belongs to it, and with which roles."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import PasswordInput

from campaigns.staff.forms import ZONES, new_password
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


class OrganisationForm(Form):
    """An organisation's own settings."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=200)],
        description=_l("Partners hand people over to this name. Another one may take two administrators."),
    )
    time_zone = SelectField(
        _l("Time zone"),
        choices=options(ZONES),
        description=_l("Members read times in this zone. Schedules have a zone of their own."),
    )
