"""The glossary's form asks how one term is said in another language."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from campaigns.core.languages import all_languages
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, options


class TermForm(Form):
    """How one term is to be said in one other language."""

    source_language = SelectField(_l("Language of the term"), [InputRequired()])
    term = StringField(
        _l("Term"),
        [InputRequired(), Length(max=100)],
        description=_l("As texts have it; “passport*” stands for every word that begins so."),
    )
    language = SelectField(_l("Language of the translation"), [InputRequired()], default="uk")
    wording = StringField(
        _l("Say it so"),
        [InputRequired(), Length(max=200)],
        description=_l("Several wordings are parted by “/”; “*” stands for any beginning or ending of a word."),
    )
    note = StringField(_l("Note"), [Length(max=200)])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        languages = options((code, language_name(code)) for code in all_languages())
        self.source_language.choices = self.language.choices = languages
