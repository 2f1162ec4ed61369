"""Receipts name deliveries by words that the database makes, that nobody can guess, and that mark rehearsals."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, literal

from campaigns.core.database import ordered_token

#: References of rehearsals begin so: what our own sandbox says of any other is not believed.
REHEARSAL_PREFIX = "r-"


def new_reference(*, is_rehearsal: bool) -> ColumnElement[str]:
    """Return the expression of a fresh reference for each row."""
    return literal(REHEARSAL_PREFIX, String()) + ordered_token() if is_rehearsal else ordered_token()
