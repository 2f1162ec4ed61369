"""What members type in the messages step is asked for in words, and checked for its shape."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import (
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length

from campaigns.core.languages import all_languages
from campaigns.core.written_text import TEXT_LIMIT
from campaigns.messages.labels import THEMES
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, options


class DetailsForm(Form):
    """What members know a message by."""

    title = StringField(
        _l("Title"), [InputRequired(), Length(max=200)], description=_l("For members; nobody else sees it.")
    )
    theme = SelectField(_l("Theme"), [InputRequired()], choices=options(THEMES.items()))


class TranslationForm(Form):
    """A message's text in one language."""

    body = TextAreaField(_l("Text"), [InputRequired(), Length(max=TEXT_LIMIT)])


class MessageForm(DetailsForm, TranslationForm):
    """A new message with its text in the base language."""

    base_language = SelectField(
        _l("Source language"),
        [InputRequired()],
        description=_l("Every translation is made from the text in this language."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.base_language.choices = options((code, language_name(code)) for code in all_languages())
