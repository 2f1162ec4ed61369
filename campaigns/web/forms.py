"""What every form of the console shares: token, translations, and domain errors shown beside a field."""

from __future__ import annotations

from flask_wtf import FlaskForm

from campaigns.core.errors import FingerpostError
from campaigns.web.session import refuse_commit


class Form(FlaskForm):  # type: ignore[misc] # flask-wtf has no types
    """Base of all forms."""

    @property
    def status(self) -> int:
        """The status of a page that shows this form: 422 once something in it was refused, else 200."""
        return 422 if self.errors or self.form_errors else 200

    def text(self, name: str) -> str:
        """Return what was entered into a field of text; nothing is the empty string."""
        return str(self[name].data or "")

    def show(self, error: FingerpostError, field: str | None = None) -> None:
        """Put a domain error beside `field`, or on top of the form; the request then commits nothing."""
        refuse_commit()
        if field is None:
            self.form_errors.append(str(error))
        else:
            # WTForms leaves a tuple where a field was never validated.
            self[field].errors = [*self[field].errors, str(error)]
