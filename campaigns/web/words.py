"""Says an error of ours in the reader's language: its template is looked up, then filled."""

from __future__ import annotations

from flask_babel import gettext as _

from campaigns.core.errors import FingerpostError, RowProblem


def said(told: FingerpostError | RowProblem) -> str:
    """Return the sentence of an error or of a wrong row as the reader of this request reads it."""
    sentence = str(_(told.template)) if told.template else ""
    return sentence % told.values if told.values else sentence


def said_of_row(problem: RowProblem) -> str:
    """Return what is wrong with a row, led by where it stands in the spreadsheet."""
    sentence = said(problem)
    if problem.column:
        return str(_("Line %(line)s, %(column)s: ", line=problem.line, column=problem.column)) + sentence
    return str(_("Line %(line)s: ", line=problem.line)) + sentence
