"""The composer's forms ask for a text with its words for single channels."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, TextAreaField
from wtforms.validators import Length

from campaigns.core.written_text import TEXT_LIMIT
from campaigns.messages.forms import TranslationForm
from campaigns.messages.models import Translation
from campaigns.messages.translations.service import WORDING_CHANNELS


class ComposerForm(TranslationForm):
    """A text in one language: the words that all channels share, and what may differ from them."""

    sms = TextAreaField(_l("Other words for SMS"), [Length(max=TEXT_LIMIT)])
    whatsapp = TextAreaField(_l("Other words for WhatsApp"), [Length(max=TEXT_LIMIT)])
    telegram = TextAreaField(_l("Other words for Telegram"), [Length(max=TEXT_LIMIT)])
    back_translation = TextAreaField(
        _l("Back-translation"),
        [Length(max=TEXT_LIMIT)],
        description=_l(
            "What this text says, put back into the source language for those who cannot read it. Never sent."
        ),
    )
    is_draft = BooleanField(
        _l("This is a draft"), description=_l("For unfinished or machine-made texts: nobody reviews them yet.")
    )

    @classmethod
    def of(cls, translation: Translation | None) -> ComposerForm:
        """Return the form filled with what is stored."""
        if translation is None:
            return cls(formdata=None)
        form: ComposerForm = cls(
            formdata=None,
            data={
                "body": translation.text,
                "back_translation": translation.back_translation,
                # Whoever saves a returned text has done with it, and it waits for review again.
                "is_draft": translation.state == "draft" and translation.returned is None,
                **translation.wordings,
            },
        )
        return form

    def wordings(self) -> dict[str, str]:
        """Return the words for single channels, by channel."""
        return {channel: self.text(channel) for channel in WORDING_CHANNELS}
