"""Texts that go to translators and back need two answers: the language, and the file."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField
from wtforms.validators import InputRequired

from campaigns.core.languages import all_languages
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, options


class CatalogueForm(Form):
    """A PO file with the translations of one language."""

    language = SelectField(_l("Language"), [InputRequired()], default="uk")
    file = FileField(_l("PO file"), [FileRequired()])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.language.choices = options((code, language_name(code)) for code in all_languages())
