"""These forms ask for the do-no-harm checklist, and for the choice or the text of a campaign's correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.core.written_text import TEXT_LIMIT
from campaigns.planning.do_no_harm.checklist import ITEMS, LONGEST_WORDS, Answer
from campaigns.web.filters import alphabetical, language_name
from campaigns.web.forms import Form, LongSelect, Ticks, options
from campaigns.web.number_fields import whole_number

YES, NO = "yes", "no"


class HarmForm(Form):
    """The checklist; each item of harm.ITEMS adds two fields below: its answer, and a sentence."""

    #: What the member read (Content.said_digest).
    digest = HiddenField()

    @property
    def answers(self) -> dict[str, Answer]:
        """What was answered, by key of the item."""
        return {
            item.key: Answer(self[item.key].data == YES, self.text(f"{item.key}_words"))
            for item in ITEMS
            if self[item.key].data in (YES, NO)
        }

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask for a sentence to each point that is not true, or not sure."""
        is_valid = bool(super().validate(extra_validators))
        for item in ITEMS:
            words = self[f"{item.key}_words"]
            if self[item.key].data == NO and not self.text(words.name).strip():
                words.errors = [*words.errors, _("Say in a sentence why.")]
                is_valid = False
        return is_valid

    def translate(self) -> None:
        """Put the questions in the reader's language."""
        for item in ITEMS:
            self[item.key].label.text = _(item.statement)
            self[item.key].description = _(item.reason)


for _item in ITEMS:
    _choices = options([(YES, _l("True")), (NO, _l("Not true, or not sure"))])
    setattr(HarmForm, _item.key, RadioField(_item.statement, [InputRequired()], choices=_choices))
    _words = StringField(_l("Why, in a sentence"), [Length(max=LONGEST_WORDS)])
    setattr(HarmForm, f"{_item.key}_words", _words)


class CorrectionForm(Form):
    """Which message corrects a campaign's."""

    #: 0: the organisation's.
    message_id = LongSelect(_l("Message of the correction"), [InputRequired()], coerce=whole_number)

    def offer(self, messages: Iterable[tuple[int, str]], *, has_common: bool = False) -> None:
        """Fill in what can be chosen; the organisation's where it has one."""
        common = [("0", _("That of the organisation"))] if has_common else []
        self.message_id.choices = options([*common, *((str(each), title) for each, title in messages)])


class WrittenCorrectionForm(Form):
    """The text of a correction, in the language that the campaign's message is written in."""

    body = TextAreaField(_l("What is right instead"), [InputRequired(), Length(max=TEXT_LIMIT)])


class CommonCorrectionForm(Form):
    """Which message corrects every campaign that names no other one."""

    #: 0: none.
    message_id = LongSelect(
        _l("Correction of the organisation"), coerce=lambda value: whole_number(value) if value else 0
    )

    def offer(self, messages: Iterable[tuple[int, str]]) -> None:
        """Fill in what can be chosen."""
        titles = ((str(each), title) for each, title in messages)
        self.message_id.choices = options([("", _("None: each campaign has its own")), *titles])


class BundledCorrectionForm(Form):
    """In which languages the bundled sentences become a message."""

    languages = Ticks(_l("Languages"))

    def offer(self, languages: Iterable[str]) -> None:
        """Fill in what can be ticked, by its name."""
        named = sorted(((code, language_name(code)) for code in languages), key=lambda pair: alphabetical(pair[1]))
        self.languages.choices = options(named)


def data_of(answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return the data that fills a HarmForm with earlier answers."""
    chosen = {key: YES if answer.yes else NO for key, answer in answers.items()}
    return chosen | {f"{key}_words": answer.words for key, answer in answers.items()}
