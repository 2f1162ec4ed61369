"""The latch: while it is set nothing leaves the instance, until its operator has looked. Nothing here commits."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.continuity.models import ONLY, Instance, LatchReason
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.words import N_

#: Why an instance is latched, in words for operators and members.
SENTENCES: dict[LatchReason, str] = {
    LatchReason.BEHIND: N_("The database is older than what this computer has sent from it: it was restored."),
    LatchReason.MOVED: N_(
        "The database is a copy, was restored to another place, or the computer that holds it was replaced."
    ),
    LatchReason.STRANGER: N_("The database was sent from before, but this computer does not know it."),
    LatchReason.LISTED: N_("A provider lists messages of yours that the database does not know: it was restored."),
}

_log = logging.getLogger(__name__)


def hold_instance(session: Session) -> Instance:
    """Return the row of the instance, held until the transaction ends; it is made where there is none yet."""
    instance = session.get(Instance, ONLY, with_for_update=True, populate_existing=True)
    if instance is not None:
        return instance
    # Several workers may meet a new database at once: the row of the first is everybody's.
    first = {"id": ONLY, "code": uuid4().hex, "epoch": 0, "forgiven": []}
    session.execute(insert_or(session, Instance).on_conflict_do_nothing(), first)
    return session.get_one(Instance, ONLY, with_for_update=True)


def latch(session: Session, reason: LatchReason) -> None:
    """Let nothing leave the instance any more; the first reason stays."""
    instance = hold_instance(session)
    if instance.latched_at is None:
        instance.latched_at, instance.latched_because = clock.now(), reason
        session.flush()
        _log.error("%s Nothing is sent until `fingerpost resume-after-restore`.", SENTENCES[reason])


def find_latched(session: Session) -> Instance | None:
    """Return the row of the instance while it is latched."""
    return session.scalar(select(Instance).where(Instance.latched_at.is_not(None)))


def find_latch_reason(session: Session) -> LatchReason | None:
    """Return why nothing may leave the instance; None: it may."""
    reason = session.scalar(select(Instance.latched_because).where(Instance.latched_at.is_not(None)))
    return None if reason is None else LatchReason(reason)


def find_released(session: Session) -> datetime | None:
    """Return when the instance was last released after a restore; None: it never was restored."""
    return session.scalar(select(Instance.released_at))
