"""Pages read what was counted, and ask for a new count; a worker writes what it found (`renewing.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, literal, select, update
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Row
from campaigns.audience.kept.people_questions import PeopleQuestion
from campaigns.audience.models import KeptCount
from campaigns.core.database import PAST_MEMORY, UTCDateTime, insert_or
from campaigns.staff.queries import owned

#: A count younger than this is left as it is, and one that took long for longer: at most a twentieth of the time
#: is spent on counting it anew.
FRESH_FOR, TIMES_AS_LONG = timedelta(minutes=1), 20
#: Counts that no page has needed for so long are forgotten; those needed within a day follow an import.
FORGET_AFTER, TODAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of a question."""

    digest: str
    #: None: it was never counted to the end.
    rows: tuple[Row, ...] | None = None
    counted_at: datetime | None = None
    took: timedelta = timedelta(0)
    #: Since when a new count is waited for; None: nobody waits.
    asked_at: datetime | None = None
    #: What the count under way has gone through, from 0 to 1.
    share: float = 0.0

    def is_old(self, now: datetime) -> bool:
        """Say whether whoever needs it should ask for a new one."""
        return self.counted_at is None or now - self.counted_at > max(FRESH_FOR, TIMES_AS_LONG * self.took)


def find_counted(session: Session, organisation_id: int, questions: Sequence[PeopleQuestion]) -> list[Counted]:
    """Return what is known of each question, in their order."""
    found = _read(session, organisation_id, [question.digest for question in questions], figures=True)
    return [found.get(question.digest, Counted(question.digest)) for question in questions]


def find_progress(session: Session, organisation_id: int, digests: Sequence[str]) -> list[Counted]:
    """Return how far the counts of some questions are that were asked before, without what was counted."""
    return list(_read(session, organisation_id, digests, figures=False).values())


def ask(session: Session, organisation_id: int, questions: Iterable[PeopleQuestion], *, now: datetime) -> None:
    """Let a worker count these questions for a page; one that waits already is asked once."""
    insert = insert_or(session, KeptCount)
    # In one order, so that of two pages which ask at once neither holds what the other waits for.
    for question in sorted(questions, key=lambda each: each.digest):
        row = insert.values(
            organisation_id=organisation_id,
            digest=question.digest,
            kind=question.kind,
            question=dict(question.values),
            needed_at=now,
            asked_at=now,
            due_at=now,
        )
        session.execute(row.on_conflict_do_update(index_elements=["organisation_id", "digest"], set_=_anew(now)))


def ask_again(session: Session, organisation_id: int, digests: Sequence[str], *, now: datetime) -> None:
    """Let a worker count anew what pages asked before under these digests."""
    asked = hold(session, KeptCount.organisation_id == organisation_id, KeptCount.digest.in_(digests))
    _write(session, asked, **_anew(now))


def ask_all(session: Session, organisation_id: int, *, now: datetime) -> None:
    """Let a worker count anew whatever the organisation's pages needed today: many of its people changed.

    What is being counted is counted once more: it sees the people as they were when it began.
    """
    lately = hold(session, KeptCount.organisation_id == organisation_id, KeptCount.needed_at > now - TODAY)
    _write(session, lately, asked_at=now, due_at=func.coalesce(KeptCount.due_at, now))


def hold(session: Session, *which: ColumnElement[bool]) -> Sequence[int]:
    """Lock some counts until the transaction ends, in the order of `ask`, and return their ids.

    Whoever writes to several at once holds them first: of two neither then holds what the other waits for.
    """
    in_order = select(KeptCount.id).where(*which).order_by(KeptCount.organisation_id, KeptCount.digest)
    return session.scalars(in_order.with_for_update()).all()


def _write(session: Session, ids: Sequence[int], **values: Any) -> None:
    session.execute(update(KeptCount).where(KeptCount.id.in_(ids)).values(**values), execution_options=PAST_MEMORY)


def _anew(now: datetime) -> dict[str, Any]:
    """Return what a page writes that needs a new count; it was asked for earlier, if somebody waits already."""
    asked_at = case((KeptCount.due_at.is_(None), literal(now, UTCDateTime())), else_=KeptCount.asked_at)
    return {"needed_at": now, "asked_at": asked_at, "due_at": func.coalesce(KeptCount.due_at, now)}


def forget_counts(session: Session, *, now: datetime) -> None:
    """Forget the counts that no page has needed for long."""
    old = hold(session, KeptCount.needed_at < now - FORGET_AFTER)
    session.execute(delete(KeptCount).where(KeptCount.id.in_(old)), execution_options=PAST_MEMORY)


def _read(session: Session, organisation_id: int, digests: Sequence[str], *, figures: bool) -> dict[str, Counted]:
    names = ("digest", "counted_at", "took_ms", "asked_at", "due_at", "done", "whole")
    columns = [getattr(KeptCount, name) for name in (*names, *(["figures"] if figures else []))]
    rows = owned(select(*columns), KeptCount, organisation_id).where(KeptCount.digest.in_(digests))
    return {row.digest: _counted(row, row.figures if figures else None) for row in session.execute(rows)}


def _counted(row: Any, figures: list[list[Any]] | None) -> Counted:
    return Counted(
        digest=row.digest,
        rows=None if figures is None else tuple(tuple(group) for group in figures),
        counted_at=row.counted_at,
        took=timedelta(milliseconds=row.took_ms),
        asked_at=row.asked_at if row.due_at else None,
        share=row.done / row.whole if row.whole else 0.0,
    )
