"""A form carries a signed mark of who opened it, on which page, and which of its fields may be kept.

So what was typed can be kept for that member alone, also when the session has expired and nobody is signed in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

#: Name of the hidden field.
FIELD = "typed_mark"
#: So long what was typed is kept, and so long a form may have been open.
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TypedMark:
    """Who opened a form, on which page, and the names of its fields of text."""

    member_id: int
    path: str
    names: tuple[str, ...]


def write_mark(secret_key: str, member_id: int, path: str, names: Collection[str]) -> str:
    """Return a mark as it stands in a form."""
    return str(_signer(secret_key).dumps([member_id, path, sorted(names)]))


def read_mark(secret_key: str, text: str) -> TypedMark | None:
    """Return a mark that we wrote within the last week, else None."""
    try:
        member_id, path, names = _signer(secret_key).loads(text, max_age=int(KEPT_FOR.total_seconds()))
    except BadData:
        return None
    return TypedMark(member_id, path, tuple(names))


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="typed form")
