"""These are the figures that pages of campaigns and runs tell of the people whom an organisation's own ones hold.

Only those are read that stand so close to one of its own that few people tell the two apart, as `beside` asks:
of what is farther off, nobody learns anything by comparing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.planning.models import Campaign, Run
from campaigns.planning.queries import was_sent
from campaigns.reach.counting.queries import is_reached
from campaigns.reach.counting.unique_people import Measure, Part
from campaigns.reach.models import PeopleReach, RunReach, Scope
from campaigns.staff.queries import owned


def totals_near(
    session: Session, organisation_id: int, own: Mapping[Measure, Collection[int]]
) -> dict[Measure, list[int]]:
    """Return the people of single campaigns by measure, as far as they are near to one of its `own` figures."""
    people = func.sum(PeopleReach.people)
    near = [and_(PeopleReach.measure == each, _is_near(people, counts)) for each, counts in own.items()]
    rows = _of_campaigns(organisation_id, PeopleReach.measure, people).where(PeopleReach.measure.in_(own))
    rows = rows.group_by(PeopleReach.scope_id, PeopleReach.measure).having(or_(*near)).distinct()
    found: dict[Measure, list[int]] = defaultdict(list)
    for measure, count in session.execute(rows):
        found[Measure(measure)].append(int(count))
    return found


def regions_near(session: Session, organisation_id: int) -> dict[int, list[int]]:
    """Return the people whom single campaigns reached by region, as far as they are near to the organisation's."""
    own = aliased(PeopleReach)
    own_rows = {"scope": Scope.ORGANISATION, "scope_id": organisation_id, "period": "", "part": Part.REGION}
    same = (own.key == PeopleReach.key, own.measure == PeopleReach.measure)
    rows = (
        _of_campaigns(organisation_id, PeopleReach.key, PeopleReach.people)
        .join(own, and_(*same, *(getattr(own, name) == value for name, value in own_rows.items())))
        .where(PeopleReach.measure == Measure.REACHED)
        .where(func.abs(PeopleReach.people - own.people) < SMALLEST_SHOWN)
        .distinct()
    )
    found: dict[int, list[int]] = defaultdict(list)
    for region, count in session.execute(rows):
        found[int(region)].append(count)
    return found


def people_outside(session: Session, organisation_id: int, *, named: Iterable[int], near_to: int) -> list[int]:
    """Return the people whom single campaigns reached outside the `named` regions, near to the organisation's."""
    people = func.sum(PeopleReach.people)
    rows = _of_campaigns(organisation_id, people).where(PeopleReach.measure == Measure.REACHED)
    rows = rows.where(PeopleReach.key.not_in([str(region) for region in named])).group_by(PeopleReach.scope_id)
    return [int(count) for count in session.scalars(rows.having(_is_near(people, [near_to])).distinct())]


def runs_near(session: Session, organisation_id: int, months: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the people of single runs by the `months` in which they were sent, near to what those have."""
    if not months:
        return {}
    spans = {month: _span(month) for month in months}
    people = func.sum(RunReach.people)
    runs = (
        owned(select(Run.created_at, Run.finished_at, people), Run, organisation_id)
        .join(RunReach, RunReach.run_id == Run.id)
        .where(was_sent(), is_reached(), Run.created_at < max(end for _, end in spans.values()))
        .where(or_(Run.finished_at.is_(None), Run.finished_at >= min(start for start, _ in spans.values())))
        # Not even all people of such a run would bring it near to a month.
        .where(Run.planned > min(months.values()) - SMALLEST_SHOWN)
        .group_by(Run.id, Run.created_at, Run.finished_at)
        .having(_is_near(people, months.values()))
    )
    found = session.execute(runs).all()
    return {
        month: [int(count) for began, ended, count in found if began < end and (ended is None or ended >= start)]
        for month, (start, end) in spans.items()
    }


def _of_campaigns(organisation_id: int, *columns: Any) -> Select[*tuple[Any, ...]]:
    """Select from what each campaign's page tells of its people by region."""
    rows = owned(select(*columns), Campaign, organisation_id).join(Campaign, Campaign.id == PeopleReach.scope_id)
    return rows.where(PeopleReach.scope == Scope.CAMPAIGN, PeopleReach.part == Part.REGION)


def _is_near(people: ColumnElement[int], counts: Iterable[int]) -> ColumnElement[bool]:
    """Match what is close enough to one of `counts` that `beside` heeds it."""
    return or_(*(people.between(count - SMALLEST_SHOWN + 1, count + SMALLEST_SHOWN - 1) for count in set(counts)))


def _span(month: str) -> tuple[datetime, datetime]:
    """Return when a month begins, and when the next one does (UTC)."""
    year, number = map(int, month.split("-"))
    return datetime(year, number, 1, tzinfo=UTC), datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
