"""Says a sentence or an error of ours in the reader's language: its template is looked up, then filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from flask import Flask, flash
from flask_babel import gettext as _

from campaigns.core.errors import FingerpostError, RowProblem
from campaigns.core.sentences import (
    Count,
    CountryName,
    Dollars,
    LanguageName,
    LocalTime,
    People,
    Sentence,
    told_together,
)
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.core.words import Phrase
from campaigns.web.filters import country_name, dollars, language_name, number, wall_clock
from campaigns.web.locale import current_language
from campaigns.web.session import refuse_commit


def init_sentences(app: Flask) -> None:
    """Register on `app` the filters that say a sentence, an error or a wrong row."""
    app.jinja_env.filters |= {"said": said, "said_of_row": said_of_row}


def said(told: FingerpostError | RowProblem | Sentence) -> str:
    """Return the sentence as the reader of this request reads it."""
    sentence = str(_(told.template)) if told.template else ""
    values = {name: _said_inside(value) for name, value in told.values.items()}
    filled = sentence % values if values else sentence
    # A name may come first that does not begin with a capital in this language.
    return filled[:1].upper() + filled[1:] if isinstance(told, Sentence) else filled


@contextmanager
def refusals_told(*kinds: type[FingerpostError]) -> Iterator[None]:
    """Show a member what is refused inside, on the page they come to next; nothing of it is kept."""
    try:
        yield
    except kinds as error:
        refuse_commit()
        flash(said(error), "bad")


def said_of_row(problem: RowProblem) -> str:
    """Return what is wrong with a row, led by where it stands in the spreadsheet."""
    sentence = said(problem)
    if problem.column:
        values = {"line": problem.line, "column": problem.column, "sentence": sentence}
        return str(_("Line %(line)s, %(column)s: %(sentence)s", **values))
    return str(_("Line %(line)s: %(sentence)s", line=problem.line, sentence=sentence))


def _people(told: People) -> str:
    if told.value is None:
        return str(_("fewer than %(count)s", count=number(SMALLEST_SHOWN)))
    return number(told.value)


#: How each kind of value is said; others stand as they are.
_SAID: dict[type, Callable[[Any], str]] = {
    RowProblem: said_of_row,
    Sentence: said,
    Phrase: lambda phrase: str(_(str(phrase))),
    Count: lambda count: number(count.value),
    People: _people,
    LanguageName: lambda language: language_name(language.value) if language.value else str(_("unknown")),
    CountryName: lambda country: country_name(country.value),
    Dollars: lambda sum_: dollars(Decimal(sum_.value) / 100),
    LocalTime: lambda local: wall_clock(local.time),
}


def _said_inside(value: object) -> object:
    """Return a value of a template as it stands in the sentence."""
    if isinstance(value, tuple):
        return told_together(value, _said_inside, current_language())
    if isinstance(value, FingerpostError):
        return said(value)
    say = _SAID.get(type(value))
    return say(value) if say else value
