"""What every form of the console shares: token, translations, and domain errors shown beside a field."""

from __future__ import annotations

from flask_wtf import FlaskForm

from campaigns.core.errors import FingerpostError
from campaigns.web.session import refuse_commit


class Form(FlaskForm):  # type: ignore[misc] # flask-wtf has no types
    """Base of all forms."""

    def show(self, error: FingerpostError, field: str | None = None) -> None:
        """Put a domain error beside `field`, or on top of the form; the request then commits nothing."""
        refuse_commit()
        if field is None:
            self.form_errors.append(str(error))
        else:
            # WTForms leaves a tuple where a field was never validated.
            self[field].errors = [*self[field].errors, str(error)]
