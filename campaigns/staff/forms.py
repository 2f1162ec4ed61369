"""These forms ask for a sign-in, and for a member's own account."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security.forms import LoginForm, VerifyForm
from wtforms import EmailField, PasswordField
from wtforms.validators import EqualTo, InputRequired, Length

from campaigns.staff.auth import Account, is_own_password
from campaigns.staff.models import Role
from campaigns.staff.sign_in.password_checks import Verdict, check_sign_in
from campaigns.staff.sign_in.passwords import LONGEST, SHORTEST
from campaigns.web.forms import Form, Ticks

ROLE_NAMES = {
    Role.VIEWER: _l("Viewer"),
    Role.AUTHOR: _l("Author"),
    Role.APPROVER: _l("Approver"),
    Role.RESPONDER: _l("Responder"),
    Role.STEWARD: _l("Data manager"),
    Role.ADMIN: _l("Administrator"),
}
#: Value and label of each time zone that may be chosen.
ZONES = [(zone, zone) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"]


class SignInForm(LoginForm):
    """Sign-in with one answer for every failure, and none at all after too many."""

    email = EmailField(
        _l("E-mail address"),
        [InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "username", "dir": "ltr"},
    )
    password = PasswordField(
        _l("Password"), [InputRequired(), Length(max=LONGEST)], render_kw={"autocomplete": "current-password"}
    )
    #: A shared or searched device must not stay signed in.
    remember = None  # type: ignore[assignment] # so WTForms takes a field away

    def validate(self, **kwargs: Any) -> bool:
        """Check the password, instead of the library; what exactly was wrong is not told."""
        verdict, member = Verdict.WRONG, None
        # The form's own validators only.
        if super(LoginForm, self).validate(**kwargs):
            verdict, member = check_sign_in(self.email.data or "", self.password.data or "")
        if member is not None:
            self.user, self.ifield, self.user_authenticated = Account(member), self.email, True
            return True
        if verdict is Verdict.CLOSED:
            return self._refuse(_("Too many attempts. Wait a quarter of an hour and try again."))
        return self._refuse(_("This e-mail address and password do not belong together."))

    def _refuse(self, sentence: str) -> bool:
        for field in self:
            field.errors = []
        self.form_errors = [sentence]
        return False


class SignInAgainForm(VerifyForm):
    """Asks for the password once more before a sensitive act."""

    password = PasswordField(
        _l("Password"), [InputRequired(), Length(max=LONGEST)], render_kw={"autocomplete": "current-password"}
    )

    def validate(self, **kwargs: Any) -> bool:
        """Check the password, instead of the library; after too many wrong ones the sign-in ends."""
        if not super(VerifyForm, self).validate(**kwargs):
            return False
        if is_own_password(self.password.data or ""):
            return True
        self.password.errors = [_("This is not your password.")]
        return False


def new_password(label: str, **more: Any) -> PasswordField:
    """Return a field for a password that somebody chooses."""
    return PasswordField(
        label,
        [InputRequired(), Length(SHORTEST, LONGEST)],
        description=_l(
            "At least %(count)s characters. Several words that only you would combine are best.", count=SHORTEST
        ),
        render_kw={"autocomplete": "new-password"},
        **more,
    )


class PasswordForm(Form):
    """A member's own new password."""

    current = PasswordField(
        _l("Present password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new = new_password(_l("New password"))
    again = PasswordField(
        _l("New password once more"),
        [InputRequired(), EqualTo("new", _l("The two are not the same."))],
        render_kw={"autocomplete": "new-password"},
    )


class LanguagesForm(Form):
    """The languages that a member reads and writes for people."""

    languages = Ticks(
        _l("Languages that you read and write"),
        description=_l("The inbox then shows you first who writes in one of them."),
    )
