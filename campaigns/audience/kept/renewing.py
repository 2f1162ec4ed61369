"""A worker counts what pages wait for: one question at a time, in parts between which others have their turn.

Each part is a statement over some contacts by their ids, in a transaction that only reads; what the parts find is
added up. A worker that dies while it counts leaves a claim that runs out, and another begins anew.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, null, select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.audience.kept.counting import Count, Row, Span, add_up, cut
from campaigns.audience.kept.keeping import forget_counts
from campaigns.audience.models import KeptCount
from campaigns.core import clock
from campaigns.core.errors import FingerpostError

#: Contacts of one part.
PART = 50_000
#: A worker that says nothing of its count for so long is taken for dead: many times what a part takes.
CLAIMED_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A question that a worker counts, since a moment by which nobody else has it."""

    id: int
    organisation_id: int
    kind: str
    values: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a worker counts."""

    sessions: sessionmaker[Session]
    #: By kind of question.
    counts: Mapping[str, Count]
    #: Rests after a part that took these seconds, and says whether to go on.
    may_go_on: Callable[[float], bool]
    part: int = PART

    def renew(self) -> int:
        """Count whatever is waited for, and return how many questions were counted."""
        counted = 0
        while (claimed := self._claim()) is not None:
            if not self._count(claimed):
                break
            counted += 1
        return counted

    def forget(self) -> None:
        """Forget the counts that no page has needed for long."""
        with self.sessions.begin() as session:
            forget_counts(session, now=clock.now())

    def _claim(self) -> Claimed | None:
        """Take the question that was asked last; organisations take turns."""
        now = clock.now()
        with self._reading() as session:
            if session.scalar(_select_due(now)) is None:
                return None
        with self.sessions.begin() as session:
            row = session.scalar(_select_due(now).with_for_update(skip_locked=True))
            if row is None:
                return None
            row.due_at, row.began_at, row.done, row.whole = now + CLAIMED_FOR, now, 0, 0
            return Claimed(row.id, row.organisation_id, row.kind, row.question, now)

    def _count(self, claimed: Claimed) -> bool:
        """Count one question to its end, and say whether it got there."""
        began = time.monotonic()
        found: Counter[Row] = Counter()
        try:
            for span in self._spans(claimed):
                part_began = time.monotonic()
                with self._reading() as session:
                    add_up(found, self.counts[claimed.kind](session, claimed.values, span))
                if not self.may_go_on(time.monotonic() - part_began):
                    self._end(claimed, due_at=clock.now())
                    return False
        except FingerpostError:
            # A rule that cannot be read any more: its page says so, and asks no more.
            self._end(claimed)
            return True
        took = round(1000 * (time.monotonic() - began))
        figures = [[*key, people] for key, people in found.items()]
        self._end(claimed, figures=figures, counted_at=claimed.at, took_ms=took)
        return True

    def _spans(self, claimed: Claimed) -> Iterator[Span]:
        """Cut an organisation's contacts into parts, and write down before each how far the count is."""
        with self._reading() as session:
            parts = cut(session, claimed.organisation_id, self.part)
        for number, (after, through) in enumerate(parts):
            if len(parts) > 1:
                self._write(claimed, done=number, whole=len(parts), due_at=clock.now() + CLAIMED_FOR)
            yield Span(claimed.organisation_id, claimed.at, after, through)

    def _end(self, claimed: Claimed, **values: object) -> None:
        """Give a question back; who asked for it while it was counted waits for another count."""
        asked_meanwhile = (KeptCount.asked_at > claimed.at, KeptCount.asked_at)
        rest = {"due_at": case(asked_meanwhile, else_=null()), "done": 0, "whole": 0}
        self._write(claimed, **(rest | values))

    def _write(self, claimed: Claimed, **values: object) -> None:
        """Write to what was claimed, unless another took it over meanwhile."""
        mine = KeptCount.id == claimed.id, KeptCount.began_at == claimed.at
        with self.sessions.begin() as session:
            session.execute(update(KeptCount).where(*mine).values(**values))

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            yield session


def _select_due(now: datetime) -> Select[KeptCount]:
    """Select what is waited for and nobody counts: of the organisation whose turn it is, what was asked last."""
    theirs = aliased(KeptCount)
    last = select(func.max(theirs.began_at)).where(theirs.organisation_id == KeptCount.organisation_id)
    turn = (last.scalar_subquery().asc().nulls_first(), KeptCount.asked_at.desc(), KeptCount.id)
    return select(KeptCount).where(KeptCount.due_at <= now).order_by(*turn).limit(1)
