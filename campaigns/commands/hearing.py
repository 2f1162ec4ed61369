"""At a terminal, somebody who tries the words of a language reads here how the inbox would take a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import beside_code, find_in_text
from campaigns.audience.keywords import Meaning, meaning_of
from campaigns.inbox.incoming.questions import ASKS
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.judging import judge
from campaigns.staff.queries import get_organisation

#: What an entry code in the same message does not change.
_BEFORE_CODES = (Meaning.STOP, Meaning.HOLD, Meaning.START)


def hear(texts: Iterable[str], *, language: str | None = None) -> Iterator[str]:
    """Yield what each text asks for by its words, or "text", and how urgent it is."""
    for text in texts:
        yield _told(text, meaning_of(text, language))


def hear_for(session: Session, slug: str, texts: Iterable[str], *, language: str | None = None) -> Iterator[str]:
    """Yield the same for messages to one organisation: a code of its ways to join alone is a start.

    Raises NotFoundError for an organisation that does not exist.
    """
    organisation = get_organisation(session, slug)
    for text in texts:
        asked = meaning_of(text, language)
        if asked not in _BEFORE_CODES:
            entry_point = find_in_text(session, text)
            if entry_point is not None and entry_point.organisation_id == organisation.id:
                beside = beside_code(text)
                asked = meaning_of(beside, language) if beside else Meaning.START
        yield _told(text, asked)


def _told(text: str, asked: Meaning | None) -> str:
    """Tell what is asked; of what somebody has to answer also its level and the reasons, parted by tabs."""
    kind = ReplyKind(asked or ReplyKind.TEXT)
    if kind not in ASKS:
        return str(kind)
    judged = judge(text, kind)
    reasons = (" ".join((each.heading, each.language, each.phrase)).rstrip() for each in judged.reasons)
    return "\t".join((str(kind), judged.urgency.word, "; ".join(reasons))).rstrip()
