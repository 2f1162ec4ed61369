"""Forms of the composer: a text with its words for single channels, the glossary, and a file of translations."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.core.languages import all_languages
from campaigns.messages.forms import TranslationForm
from campaigns.messages.models import Translation
from campaigns.messages.texts import TEXT_LIMIT
from campaigns.messages.writing import WORDING_CHANNELS
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, options


class ComposerForm(TranslationForm):
    """A text in one language: the words that all channels share, and what may differ from them."""

    sms = TextAreaField(_l("Other words for SMS"), [Length(max=TEXT_LIMIT)])
    whatsapp = TextAreaField(_l("Other words for WhatsApp"), [Length(max=TEXT_LIMIT)])
    telegram = TextAreaField(_l("Other words for Telegram"), [Length(max=TEXT_LIMIT)])
    back_translation = TextAreaField(
        _l("Back-translation"),
        [Length(max=TEXT_LIMIT)],
        description=_l(
            "What this text says, put back into the base language for those who cannot read it. Never sent."
        ),
    )
    is_draft = BooleanField(
        _l("This is a draft"), description=_l("For unfinished or machine-made texts: nobody reviews them yet.")
    )

    @classmethod
    def of(cls, translation: Translation | None) -> ComposerForm:
        """Return the form filled with what is stored."""
        if translation is None:
            return cls()
        form: ComposerForm = cls(
            data={
                "body": translation.text,
                "back_translation": translation.back_translation,
                "is_draft": translation.state == "draft",
                **translation.wordings,
            }
        )
        return form

    def wordings(self) -> dict[str, str]:
        """Return the words for single channels, by channel."""
        return {channel: self.text(channel) for channel in WORDING_CHANNELS}


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


class CatalogueForm(Form):
    """A PO file with the translations of one language."""

    language = SelectField(_l("Language"), [InputRequired()], default="uk")
    file = FileField(_l("PO file"), [FileRequired()])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.language.choices = options((code, language_name(code)) for code in all_languages())
