"""At a terminal, somebody who tries the words of a language reads here how the inbox would take a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import find_in_text
from campaigns.audience.keywords import Meaning, meaning_of
from campaigns.core.errors import NotFoundError
from campaigns.staff.queries import find_organisation

#: What an entry code in the same message does not change.
_BEFORE_CODES = (Meaning.STOP, Meaning.HOLD, Meaning.START)


def hear(texts: Iterable[str], *, language: str | None = None) -> Iterator[str]:
    """Yield what each text asks for by its words, or "text"."""
    for text in texts:
        yield meaning_of(text, language) or "text"


def hear_for(session: Session, slug: str, texts: Iterable[str], *, language: str | None = None) -> Iterator[str]:
    """Yield the same for messages to one organisation: a code of its entry points is a start.

    Raises NotFoundError for an organisation that does not exist.
    """
    organisation = find_organisation(session, slug)
    if organisation is None:
        raise NotFoundError(f"There is no organisation {slug}.")
    for text in texts:
        asked = meaning_of(text, language)
        if asked not in _BEFORE_CODES:
            entry_point = find_in_text(session, text)
            if entry_point is not None and entry_point.organisation_id == organisation.id:
                asked = Meaning.START
        yield asked or "text"
