"""The words by which receipts name deliveries: random, made by the database, marked as such in rehearsals."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, literal

from campaigns.core.database import random_token

#: References of rehearsals begin so: what our own sandbox says of any other is not believed.
REHEARSAL_PREFIX = "r-"


def new_reference(*, is_rehearsal: bool) -> ColumnElement[str]:
    """Return the expression of a fresh reference for each row."""
    return literal(REHEARSAL_PREFIX, String()) + random_token() if is_rehearsal else random_token()
