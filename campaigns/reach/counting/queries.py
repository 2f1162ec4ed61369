"""Reads on reach: the table of one run by region, totals of runs and campaigns, and which runs to count next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.delivery.models import RunLeftOut
from campaigns.places.models import Region
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.ladder import CAME_TO, FAILURES, REACHED, Rung
from campaigns.reach.models import RunCount, RunReach
from campaigns.staff.queries import owned

#: Late receipts move the figures of a finished run for so long.
SETTLES_AFTER = timedelta(hours=72)
#: Id and planned people of a run, when it started and ended, and when it was counted last.
RunToCount = tuple[int, int, datetime | None, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """People of one run (or of several, then counted once a run), each on exactly one rung."""

    #: By the channel that each was written to on at last.
    by_channel: Mapping[Channel, Mapping[Rung, int]]
    #: Failures by error code; '' when the provider named none.
    by_cause: Mapping[str, int]
    #: People of the audience who were not written to; never part of `planned`.
    left_out: Mapping[LeftOut, int]

    @property
    def by_rung(self) -> dict[Rung, int]:
        """The same people over all channels."""
        found: Counter[Rung] = Counter()
        for rungs in self.by_channel.values():
            found.update(rungs)
        return dict(found)

    def came_to(self, rung: Rung) -> int:
        """Return how many came to a step of the ladder, or beyond it."""
        by_rung = self.by_rung
        return sum(by_rung.get(standing, 0) for standing in CAME_TO[rung])

    @property
    def planned(self) -> int:
        """Everybody a delivery was made for: the sum over all rungs."""
        return self.came_to(Rung.PLANNED)

    @property
    def accepted(self) -> int:
        """Taken by the provider, whatever came of it."""
        return self.came_to(Rung.ACCEPTED)

    @property
    def delivered(self) -> int:
        """Delivered by a receipt, the carrier's word included (see `by_carrier`)."""
        return self.came_to(Rung.DELIVERED)

    @property
    def by_carrier(self) -> int:
        """Part of `delivered` that no handset confirmed."""
        return self.by_rung.get(Rung.CARRIER, 0)

    @property
    def read(self) -> int:
        """Read, where the channel says so."""
        return self.came_to(Rung.READ)

    @property
    def failed(self) -> int:
        """Refused at once, or accepted and not delivered."""
        return sum(self.by_rung.get(rung, 0) for rung in FAILURES)

    @property
    def not_sent(self) -> int:
        """Planned and then not sent: said stop meanwhile, stopped, or too late."""
        return sum(self.by_rung.get(rung, 0) for rung in (Rung.SUPPRESSED, Rung.CANCELLED, Rung.EXPIRED))

    @property
    def open(self) -> int:
        """Not final yet, or never to be known."""
        return sum(self.by_rung.get(rung, 0) for rung in (Rung.PENDING, Rung.UNCONFIRMED))

    @property
    def reached(self) -> int:
        """What counts as reached, on each channel by its own measure."""
        return sum(rungs.get(rung, 0) for channel, rungs in self.by_channel.items() for rung in REACHED[channel])

    @property
    def all_left_out(self) -> int:
        """Everybody who was left out."""
        return sum(self.left_out.values())


def added_up(parts: Iterable[Counts]) -> Counts:
    """Return the counts of parts that have nobody in common as those of one."""
    by_channel: dict[Channel, Counter[Rung]] = defaultdict(Counter)
    by_cause: Counter[str] = Counter()
    left_out: Counter[LeftOut] = Counter()
    for part in parts:
        for channel, rungs in part.by_channel.items():
            by_channel[channel].update(rungs)
        by_cause.update(part.by_cause)
        left_out.update(part.left_out)
    return Counts(dict(by_channel), _most_first(by_cause), _most_first(left_out))


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """One line of the table; region None is people whose region is not known."""

    region: Region | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class RunTable:
    """A run's reach: in total, by region and by language of the text."""

    total: Counts
    regions: list[RegionCounts]
    by_language: dict[str, Counts]
    #: When it was counted (UTC); None when nobody counted it yet.
    counted_at: datetime | None


def table_of_run(session: Session, run: Run) -> RunTable:
    """Read the counted reach of a run; most planned first, unknown region last. Exact numbers."""
    rows = session.execute(_rows(run.id)).all()
    left = session.execute(_left_out_rows(run.id)).all()
    by_region = _collected(_keyed(rows, "region_id"), _keyed(left, "region_id"))
    languages = _collected(_keyed(rows, "language"), _keyed(left, "language"))
    regions = {region.id: region for region in session.scalars(select(Region).where(Region.id.in_(by_region)))}
    lines = [RegionCounts(regions.get(region_id), counts) for region_id, counts in by_region.items()]
    lines.sort(key=lambda line: (line.region is None, -line.counts.planned, line.region and line.region.name))
    totals = _collected((("", row) for row in rows), (("", row) for row in left))
    return RunTable(
        total=totals.get("", Counts({}, {}, {})),
        regions=lines,
        by_language=dict(sorted(languages.items(), key=lambda pair: -pair[1].planned)),
        counted_at=session.scalar(select(RunCount.counted_at).where(RunCount.run_id == run.id)),
    )


def channels_of(run: Run) -> tuple[Channel, ...]:
    """Return the channels of a run, in the order in which they are tried."""
    return tuple(dict.fromkeys(Channel(each.channel) for each in run.ranked_senders)) or (Channel(run.channel),)


def select_counted_runs(organisation_id: int) -> Select[Run]:
    """Select the runs of an organisation that made deliveries or may still, newest first; no rehearsals."""
    return (
        owned(select(Run), Run, organisation_id)
        .options(selectinload(Run.campaign))
        .where(Run.state != RunState.HELD, counts_as_reach())
        .order_by(Run.id.desc())
    )


def totals_of_runs(session: Session, runs: Iterable[Run]) -> dict[int, Counts]:
    """Return the totals of each run by its id."""
    run_ids = [run.id for run in runs]
    rows = session.execute(_summed(RunReach.run_id).where(RunReach.run_id.in_(run_ids))).all()
    left = select(RunLeftOut.run_id.label("key"), RunLeftOut.reason, func.sum(RunLeftOut.people).label("people"))
    left = left.where(RunLeftOut.run_id.in_(run_ids)).group_by(RunLeftOut.run_id, RunLeftOut.reason)
    found = _collected(_keyed(rows, "key"), _keyed(session.execute(left).all(), "key"))
    return {run_id: found.get(run_id, Counts({}, {}, {})) for run_id in run_ids}


def is_reached() -> ColumnElement[bool]:
    """Match the people of a run who count as reached, on each channel by its own measure."""
    on_channels = (
        and_(RunReach.channel == channel, RunReach.rung.in_(sorted(rungs))) for channel, rungs in REACHED.items()
    )
    return or_(*on_channels)


@dataclass(frozen=True, slots=True)
class CampaignTotal:
    """What the runs of a campaign add up to: contacts, not people, because a person counts in each run."""

    campaign: Campaign
    runs: int
    planned: int
    reached: int


def totals_of_campaigns(session: Session, runs: Iterable[Run]) -> list[CampaignTotal]:
    """Return the totals of each campaign of some runs, of all its runs; the one that ran last first."""
    statement = (
        select(
            Campaign,
            func.count(RunReach.run_id.distinct()),
            func.sum(RunReach.people),
            func.sum(RunReach.people).filter(is_reached()),
        )
        .join(Run, and_(Run.campaign_id == Campaign.id, counts_as_reach()))
        .join(RunReach, RunReach.run_id == Run.id)
        .where(Campaign.id.in_({run.campaign_id for run in runs}))
        .group_by(Campaign.id)
        .order_by(func.max(Run.id).desc())
    )
    return [
        CampaignTotal(campaign, runs, planned, reached or 0)
        for campaign, runs, planned, reached in session.execute(statement)
    ]


def select_runs_to_count(now: datetime, *, fresh_for: timedelta) -> Select[*RunToCount]:
    """Select the runs whose count is older than `fresh_for` and whose deliveries may have changed since.

    A rehearsal reached nobody, so it is never counted.
    """
    moving = or_(
        RunCount.run_id.is_(None),
        Run.finished_at.is_(None),
        Run.finished_at >= now - SETTLES_AFTER,
        RunCount.counted_at < Run.finished_at,
    )
    return (
        select(Run.id, Run.planned, Run.started_at, Run.finished_at, RunCount.counted_at)
        .outerjoin(RunCount, RunCount.run_id == Run.id)
        .where(Run.state != RunState.HELD, counts_as_reach())
        .where(or_(RunCount.run_id.is_(None), RunCount.counted_at <= now - fresh_for))
        .where(moving)
        .order_by(Run.id)
    )


def _summed(key: Any) -> Select[*tuple[Any, ...]]:
    columns = (RunReach.channel, RunReach.rung, RunReach.cause)
    people = func.sum(RunReach.people).label("people")
    return select(key.label("key"), *columns, people).group_by(key, *columns)


def _rows(run_id: int) -> Select[*tuple[Any, ...]]:
    columns = (RunReach.region_id, RunReach.language, RunReach.channel, RunReach.rung, RunReach.cause)
    people = func.sum(RunReach.people).label("people")
    return select(*columns, people).where(RunReach.run_id == run_id).group_by(*columns)


def _left_out_rows(run_id: int) -> Select[*tuple[Any, ...]]:
    columns = (RunLeftOut.region_id, RunLeftOut.language, RunLeftOut.reason)
    return select(*columns, RunLeftOut.people).where(RunLeftOut.run_id == run_id)


def _keyed(rows: Iterable[Any], name: str) -> list[tuple[Any, Any]]:
    return [(getattr(row, name), row) for row in rows]


def _collected(rows: Iterable[tuple[Any, Any]], left: Iterable[tuple[Any, Any]]) -> dict[Any, Counts]:
    """Add rows of (key, row) up to one Counts a key."""
    rungs: dict[Any, dict[Channel, Counter[Rung]]] = defaultdict(lambda: defaultdict(Counter))
    causes: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    reasons: dict[Any, dict[LeftOut, int]] = defaultdict(lambda: defaultdict(int))
    for key, row in rows:
        rungs[key][Channel(row.channel)][Rung(row.rung)] += row.people
        if Rung(row.rung) in FAILURES:
            causes[key][row.cause] += row.people
    for key, row in left:
        reasons[key][LeftOut(row.reason)] += row.people
    return {
        key: Counts(dict(rungs[key]), _most_first(causes[key]), _most_first(reasons[key]))
        for key in {**rungs, **reasons}
    }


def _most_first(counts: Mapping[Any, int]) -> dict[Any, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
