"""Every form of the console shares a token, translations, and errors of the domain beside a field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its stubs
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.core.errors import FingerpostError
from campaigns.web.error_words import said
from campaigns.web.session import refuse_commit


def options(pairs: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return (value, label) pairs as the `choices` of a select field; labels may be lazy translations."""
    return [SelectChoice(value, label) for value, label in pairs]


class Ticks(SelectMultipleField):
    """Several choices as a list of boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


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
            self.form_errors.append(said(error))
        else:
            # WTForms leaves a tuple where a field was never validated.
            self[field].errors = [*self[field].errors, said(error)]
