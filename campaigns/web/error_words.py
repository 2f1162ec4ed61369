"""Says an error of ours in the reader's language: its template is looked up, then filled."""

from __future__ import annotations

from flask_babel import gettext as _

from campaigns.core.errors import FingerpostError, RowProblem
from campaigns.core.words import Phrase


def said(told: FingerpostError | RowProblem) -> str:
    """Return the sentence of an error or of a wrong row as the reader of this request reads it."""
    sentence = str(_(told.template)) if told.template else ""
    values = {name: _said_inside(value) for name, value in told.values.items()}
    return sentence % values if values else sentence


def said_of_row(problem: RowProblem) -> str:
    """Return what is wrong with a row, led by where it stands in the spreadsheet."""
    sentence = said(problem)
    if problem.column:
        return str(_("Line %(line)s, %(column)s: ", line=problem.line, column=problem.column)) + sentence
    return str(_("Line %(line)s: ", line=problem.line)) + sentence


def _said_inside(value: object) -> object:
    """Return a value of a template as it stands in the sentence."""
    if isinstance(value, RowProblem):
        return said_of_row(value)
    if isinstance(value, FingerpostError):
        return said(value)
    return str(_(str(value))) if isinstance(value, Phrase) else value
