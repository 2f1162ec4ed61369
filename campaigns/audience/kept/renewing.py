"""A worker counts what pages wait for: one rule at a time, in parts between which others have their turn.

Each part is a statement over some contacts by their ids; what the parts find is added up. All of them see the
database as it was when the count began: whoever is erased, opts out or moves meanwhile is in the figures as of
then, and in the next ones as they are by then. A worker that dies while it counts leaves a claim that runs out,
and another begins anew.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, func, null, or_, select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.audience.kept.counting import Count, Row, Span, add_up, cut
from campaigns.audience.kept.keeping import TODAY, forget_counts, hold
from campaigns.audience.kept.people_questions import RESOLVED, RULE
from campaigns.audience.models import KeptCount
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, one_moment
from campaigns.core.errors import FingerpostError
from campaigns.staff.queries import owned

#: Contacts of one part.
PART = 50_000
#: A worker that says nothing of its count for so long is taken for dead: many times what a part takes.
CLAIMED_FOR = timedelta(minutes=2)
#: Questions that are counted along with one at most: whoever waits for it waits for them too.
MOST_BESIDE = 20


@dataclass(frozen=True, slots=True)
class Claimed:
    """Questions that a worker counts together, since a moment by which nobody else has them."""

    organisation_id: int
    at: datetime
    #: Kind and values of each, by its id.
    questions: Mapping[int, tuple[str, Mapping[str, Any]]]


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
            counted += len(claimed.questions)
        return counted

    def forget(self) -> None:
        """Forget the counts that no page has needed for long."""
        with self.sessions.begin() as session:
            forget_counts(session, now=clock.now())

    def _claim(self) -> Claimed | None:
        """Take the question that was asked last, and what is set against it; organisations take turns."""
        now = clock.now()
        with one_moment(self.sessions) as session:
            if session.scalar(_select_due(now)) is None:
                return None
        with self.sessions.begin() as session:
            row = session.scalar(_select_due(now).with_for_update(skip_locked=True))
            if row is None:
                return None
            rows = [row, *_set_against(session, row, now)]
            for each in rows:
                # For one that nobody had asked for anew somebody waits from now on.
                each.asked_at = each.asked_at if each.due_at else now
                each.due_at, each.began_at, each.done, each.whole = now + CLAIMED_FOR, now, 0, 0
            return Claimed(row.organisation_id, now, {each.id: (each.kind, each.question) for each in rows})

    def _count(self, claimed: Claimed) -> bool:
        """Count some questions to their end, and say whether it got there."""
        found = {question_id: _Found() for question_id in claimed.questions}
        try:
            with one_moment(self.sessions) as session:
                for span in self._spans(session, claimed):
                    for question_id, (kind, values) in claimed.questions.items():
                        began = time.monotonic()
                        add_up(found[question_id].rows, self.counts[kind](session, values, span))
                        seconds = time.monotonic() - began
                        found[question_id].seconds += seconds
                        if not self.may_go_on(seconds):
                            self._end(claimed, due_at=clock.now())
                            return False
        except FingerpostError:
            # A rule that cannot be read any more: its page says so, and asks no more.
            self._end(claimed)
            return True
        self._end(claimed, found)
        return True

    def _spans(self, session: Session, claimed: Claimed) -> Iterator[Span]:
        """Cut an organisation's contacts into parts, and write down before each how far the count is."""
        parts = cut(session, claimed.organisation_id, self.part)
        for number, (after, through) in enumerate(parts):
            if len(parts) > 1:
                with self.sessions.begin() as apart:
                    _write(apart, claimed, done=number, whole=len(parts), due_at=clock.now() + CLAIMED_FOR)
            yield Span(claimed.organisation_id, claimed.at, after, through)

    def _end(
        self, claimed: Claimed, found: Mapping[int, _Found] | None = None, *, due_at: datetime | None = None
    ) -> None:
        """Give questions back, with what was found of each; who asked meanwhile waits for another count."""
        asked_meanwhile = (KeptCount.asked_at > claimed.at, KeptCount.asked_at)
        again = case(asked_meanwhile, else_=null()) if due_at is None else due_at
        # What is counted together is counted anew together: each is fresh for as long as all of it took.
        took_ms = round(1000 * sum(each.seconds for each in (found or {}).values()))
        with self.sessions.begin() as session:
            _write(session, claimed, due_at=again, done=0, whole=0)
            for question_id, each in (found or {}).items():
                figures = [[*key, people] for key, people in each.rows.items()]
                values = {"figures": figures, "counted_at": claimed.at, "took_ms": took_ms}
                _write(session, claimed, only=question_id, **values)


@dataclass(slots=True)
class _Found:
    """What was counted of a question so far, and how long that took."""

    rows: Counter[Row] = field(default_factory=Counter)
    seconds: float = 0.0


def _write(session: Session, claimed: Claimed, *, only: int | None = None, **values: object) -> None:
    """Write to what was claimed, or to one of it, unless another took it over meanwhile."""
    ids = claimed.questions if only is None else [only]
    mine = hold(session, KeptCount.id.in_(ids), KeptCount.began_at == claimed.at)
    written = update(KeptCount).where(KeptCount.id.in_(mine)).values(**values)
    session.execute(written, execution_options=PAST_MEMORY)


def _set_against(session: Session, asked: KeptCount, now: datetime) -> list[KeptCount]:
    """Return what is counted with a question, so that all of it is of one moment.

    Of its rule that is whatever waits, as a page asks for several at once. Of the same people it is also what
    no page asked for anew, and what another worker counts, which then writes nothing: figures of them that were
    counted before would not go with the new ones.
    """
    if asked.question.get(RULE) is None:
        return []
    one, other = aliased(KeptCount), KeptCount
    is_same = {name: _same(one.question[name], other.question[name]) for name in RESOLVED}
    is_of_rule = and_(is_same[RULE], other.due_at <= now)
    is_of_people = and_(*is_same.values(), other.needed_at > now - TODAY)
    kept = owned(select(other), other, asked.organisation_id).join(one, one.id == asked.id)
    beside = kept.where(other.id != one.id, or_(is_of_rule, is_of_people))
    lately = beside.order_by(other.asked_at.desc(), other.id).limit(MOST_BESIDE)
    # None is waited for, so that whoever waits for the first one never waits for this transaction too.
    return list(session.scalars(lately.with_for_update(skip_locked=True, of=other)))


def _same(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    return cast(one, Text).is_not_distinct_from(cast(other, Text))


def _select_due(now: datetime) -> Select[KeptCount]:
    """Select what is waited for and nobody counts: of the organisation whose turn it is, what was asked last."""
    theirs = aliased(KeptCount)
    last = select(func.max(theirs.began_at)).where(theirs.organisation_id == KeptCount.organisation_id)
    turn = (last.scalar_subquery().asc().nulls_first(), KeptCount.asked_at.desc(), KeptCount.id)
    return select(KeptCount).where(KeptCount.due_at <= now).order_by(*turn).limit(1)
