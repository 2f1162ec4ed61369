"""Every form of the console shares a token, translations, and errors of the domain beside a field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its stubs
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.core.errors import FingerpostError
from campaigns.core.folding import has_words
from campaigns.web.error_words import said
from campaigns.web.session import refuse_commit

#: So many choices are listed of those that may be many.
MOST_LISTED = 50
#: Of what somebody looks for, so many characters are read.
LONGEST_WORDS = 100
#: Name of the button that finds choices, and what a form is sent with when Enter is pressed in one of its fields.
FINDS, BY_ENTER = "find_words", "by-enter"


def options(pairs: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return (value, label) pairs as the `choices` of a select field; labels may be lazy translations."""
    return [SelectChoice(value, label) for value, label in pairs]


def find_listed(named: Mapping[int, str], words: str) -> set[int]:
    """Return the ids of what is listed of many: the newest, or the first whose names have all words; pure."""
    if words:
        return set([each for each, name in named.items() if has_words(name, words)][:MOST_LISTED])
    return set(sorted(named)[-MOST_LISTED:])


class Ticks(SelectMultipleField):
    """Several choices as a list of boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class LongSelect(SelectField):
    """A choice among what may be many: of more than some only the newest are listed, and what is chosen.

    Others are found by words of their names, which a button beside (`finder` of `components/form.html`) sends with
    the whole form. The values of choices are ids.
    """

    #: Where the form is sent; None: to the address of its page.
    sent_to: str | None = None

    @property
    def words(self) -> str:
        """What is looked for."""
        return request.form.get(f"{self.name}_words", "").strip()[:LONGEST_WORDS]

    @property
    def is_searched(self) -> bool:
        """Whether something is looked for, or was until now: where it can be folded away, it is to stay open."""
        return bool(self.words) or request.form.get(FINDS) == self.name

    @property
    def has_new_words(self) -> bool:
        """Whether something is looked for that was not found yet when the form was shown."""
        return self.words != request.form.get(f"{self.name}_found", "")

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are listed by themselves; beside it others can then be found."""
        return len(self.choices or ()) > MOST_LISTED

    def iter_choices(self) -> Iterator[Any]:
        """Yield those that are listed; what is chosen is always among them."""
        every: list[Any] = list(super().iter_choices())
        if not self.is_cut:
            return iter(every)
        kept = find_listed({int(each.value): str(each.label) for each in every if each.value}, self.words)
        return (each for each in every if not each.value or each.selected or int(each.value) in kept)


class LongTicks(LongSelect, Ticks):
    """Several choices among what may be many: of more than some only the newest are listed, and what is ticked."""


class Form(FlaskForm):  # type: ignore[misc] # flask-wtf has no types
    """Base of all forms."""

    @property
    def status(self) -> int:
        """The status of a page that shows this form: 422 once something in it was refused, else 200."""
        return 422 if self.errors or self.form_errors else 200

    @property
    def finds(self) -> bool:
        """Whether it is sent to find choices only: it comes back as it was typed, unchecked, and nothing is saved.

        Enter in any field presses the first button, wherever it stands: it finds where words were typed for that.
        """
        long = [field for field in self if isinstance(field, LongSelect)]
        if request.form.get("save") == BY_ENTER:
            return any(field.has_new_words for field in long)
        return request.form.get(FINDS) in {field.name for field in long}

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields; a form that only finds choices is not valid, and has no errors."""
        return not self.finds and bool(super().validate(extra_validators))

    def send_to(self, address: str) -> None:
        """Say where it is sent, which is another address than that of its page."""
        for field in self:
            if isinstance(field, LongSelect):
                field.sent_to = address

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
