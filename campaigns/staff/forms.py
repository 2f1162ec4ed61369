"""Forms of sign-in, of a member's own account, and of an organisation's members."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_security.forms import LoginForm
from wtforms import BooleanField, EmailField, PasswordField

REFUSED = _l("This e-mail address and password do not belong together.")


class SignInForm(LoginForm):
    """Sign-in with one answer for every failure."""

    email = EmailField(_l("E-mail address"), render_kw={"autocomplete": "username"})
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password"})
    remember = BooleanField()

    def validate(self, **kwargs: Any) -> bool:
        """Check the password; what exactly was wrong is not told."""
        if super().validate(**kwargs):
            return True
        for field in self:
            field.errors = []
        self.form_errors = [REFUSED]
        return False
