"""Numbers that answers name are held and marked here once they are dead, whether the answer was sent or left."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from campaigns.core.database import PAST_MEMORY
from campaigns.delivery.models import AnswerService
from campaigns.inbox.conversations.models import LeftAnswerService

#: A service that an answer names; its key is the answer's, or its run's, and the service's.
Named = type[AnswerService] | type[LeftAnswerService]
Key = tuple[int, int]


def hold_alive(session: Session, named: Named, keys: Collection[Key]) -> set[Key]:
    """Return those of these keys that nobody has marked, locked: another worker may have found them, too."""
    key = named.__mapper__.primary_key
    alive = select(*key).where(tuple_(*key).in_(keys), named.died_at.is_(None))
    return {(first, second) for first, second in session.execute(alive.order_by(*key).with_for_update())}


def mark_dead(session: Session, named: Named, keys: Collection[Key], *, at: datetime) -> None:
    """Mark that these name a dead number, so that nobody is put back for it again."""
    marking = update(named).where(tuple_(*named.__mapper__.primary_key).in_(keys)).values(died_at=at)
    session.execute(marking, execution_options=PAST_MEMORY)
