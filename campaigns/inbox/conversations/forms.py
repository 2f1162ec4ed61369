"""Forms of a conversation: an answer, its end, and how long it is put off."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField, TextAreaField
from wtforms.validators import InputRequired

from campaigns.inbox.conversations.labels import OUTCOMES, PUT_OFF, THEMES
from campaigns.inbox.conversations.service import Seen
from campaigns.web.forms import Form, Ticks, options
from campaigns.web.number_fields import whole_number


class SeenForm(Form):
    """Carries what the member had before their eyes."""

    seen_reply = HiddenField()
    seen_answer = HiddenField()

    def seen(self) -> Seen:
        """Return what the member had before their eyes; nonsense is nothing, which is never the latest."""
        return Seen(_id(self.text("seen_reply")), _id(self.text("seen_answer")))

    def look(self, seen: Seen) -> None:
        """Carry what is shown now."""
        self.seen_reply.data, self.seen_answer.data = str(seen.reply_id), str(seen.answer_id)


class AnswerForm(SeenForm):
    """An answer to one person."""

    words = TextAreaField(
        _l("Your answer"),
        validators=[InputRequired(_l("Write an answer first."))],
        render_kw={"rows": 6, "dir": "auto"},
    )
    numbers_are_meant = BooleanField(_l("I mean this number, although it is not in the directory"))
    to_alike = BooleanField(
        _l("Say it to the others who wrote the same too. It tells nothing about this person"),
    )


class CloseForm(SeenForm):
    """How a conversation ended."""

    outcome = SelectField(
        _l("How did it end?"),
        validators=[InputRequired()],
        # Nobody closes by one press, under what happens to stand first.
        choices=options([("", _l("Choose")), *OUTCOMES.items()]),
    )


class ThemesForm(Form):
    """What a conversation is about."""

    themes = Ticks(
        _l("What do they write about?"),
        description=_l("Tick what they write about, not who they are. Counts by region are made of it."),
        choices=options(THEMES.items()),
    )


class SnoozeForm(Form):
    """How long a conversation is put off."""

    hours = SelectField(_l("Put off for"), validators=[InputRequired()], choices=options(PUT_OFF.items()))


def _id(text: str) -> int:
    try:
        return whole_number(text)
    except ValueError:
        return -1
