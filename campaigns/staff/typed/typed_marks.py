"""A form carries a signed mark of who opened it, when and on which page, and which of its fields may be kept.

So what was typed can be kept for that member alone, also when the session has expired and nobody is signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

#: Name of the hidden field.
FIELD = "typed_mark"
#: So long what was typed is kept, and so long a form may have been open.
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TypedMark:
    """Who opened a form in which organisation and when, on which page, and which of its fields are kept."""

    member_id: int
    organisation_id: int
    path: str
    names: tuple[str, ...]
    #: Digest of what is saved, as the form showed it; "" where that does not matter.
    shown: str
    opened_at: datetime
    #: Fields of boxes to tick, which a form does not name where none is ticked.
    ticked: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The page within its organisation: pages of two organisations have the same path."""
        return page_of(self.organisation_id, self.path)


def page_of(organisation_id: int, path: str) -> str:
    """Return the name of a page within an organisation."""
    return f"{organisation_id} {path}"


def write_mark(secret_key: str, mark: TypedMark) -> str:
    """Return a mark as it stands in a form."""
    opened_at = mark.opened_at.timestamp()
    who = [mark.member_id, mark.organisation_id]
    return str(
        _signer(secret_key).dumps([*who, mark.path, list(mark.names), mark.shown, opened_at, list(mark.ticked)])
    )


def read_mark(secret_key: str, text: str) -> TypedMark | None:
    """Return a mark that we wrote within the last week, else None."""
    try:
        found = _signer(secret_key).loads(text, max_age=int(KEPT_FOR.total_seconds()))
        # A form that was opened before boxes were kept has no names of them.
        member_id, organisation_id, path, names, shown, opened_at, *boxes = found
    except (BadData, ValueError):
        return None
    opened, ticked = datetime.fromtimestamp(opened_at, UTC), tuple(*boxes)
    return TypedMark(member_id, organisation_id, path, tuple(names), shown, opened, ticked)


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="typed form")
