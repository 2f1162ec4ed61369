"""Data managers see all of their organisation's figures; others see what points to nobody.

Whoever marks a place chooses how small it is, so a place is named only when enough people were written to there.
Nor is a region, language or channel of few people named, as one with none: that it is there would tell of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from campaigns.core.small_numbers import is_told, rounded, size
from campaigns.reach.counting.queries import Counts, RegionCounts, RunTable, added_up
from campaigns.reach.counting.unique_people import Measure
from campaigns.reach.results.campaign_reach import CampaignReach, RegionPeople, WaypointCounts

Key = TypeVar("Key")
Line = TypeVar("Line")

#: Turns a count into what may be shown of it; None: too small to be told.
Show = Callable[[int], int | None]


def exact(count: int) -> int | None:
    """Return a count as it is."""
    return count


def figures(*, is_exact: bool) -> Show:
    """Return how counts are shown to a member."""
    return exact if is_exact else rounded


def discreet_table(table: RunTable) -> RunTable:
    """Return the table of a run in an order that tells no more than its rounded figures.

    Whoever is in a region of few people counts in the line without a region.
    """
    named, rest = _parted(table.regions, lambda line: line.region and _is_known(line.counts))
    regions = _in_order(named, lambda line: line.counts.planned, lambda line: _name(line.region))
    regions += [RegionCounts(None, added_up(line.counts for line in rest))] if rest else []
    languages = _in_order(table.by_language.items(), lambda pair: pair[1].planned, lambda pair: pair[0])
    told = {code: counts for code, counts in languages if is_told(counts.planned)}
    return replace(table, regions=regions, by_language=told)


def discreet_reach(reach: CampaignReach) -> CampaignReach:
    """Return a campaign's reach without places where few were written to, in an order that tells no more.

    Whoever is in a region of few people counts in the line without a region.
    """
    named, rest = _parted(reach.regions, lambda line: line.region and _is_any_told(line))
    regions = _in_order(named, lambda line: _planned(line.people), lambda line: _name(line.region))
    regions += [_together(rest)] if rest else []
    hotspots = _in_order(
        (stop for stop in reach.hotspots if _is_told(stop)),
        lambda stop: stop.people.get(Measure.REACHED, 0),
        lambda stop: stop.place.name,
    )
    routes = [(route, stops) for route, stops in reach.routes if any(map(_is_told, stops))]
    return replace(reach, regions=regions, hotspots=hotspots, routes=routes)


def parts_in_order(parts: Mapping[str, Mapping[Measure, int]], show: Show) -> dict[str, Mapping[Measure, int]]:
    """Return people by channel or language as far as they may be named, those planned for most first."""
    named = {key: people for key, people in parts.items() if show(_planned(people)) is not None}
    return dict(sorted(named.items(), key=lambda pair: (-(show(_planned(pair[1])) or 0), pair[0])))


def _parted(lines: Iterable[Line], may_be_named: Callable[[Line], object]) -> tuple[list[Line], list[Line]]:
    """Return the lines that may be named, and the others."""
    named, rest = list[Line](), list[Line]()
    for line in lines:
        (named if may_be_named(line) else rest).append(line)
    return named, rest


def _in_order(
    lines: Iterable[Line], count_of: Callable[[Line], int], name_of: Callable[[Line], str]
) -> list[Line]:
    return sorted(lines, key=lambda line: (-size(count_of(line)), name_of(line)))


def _name(region: object) -> str:
    return "~" if region is None else str(getattr(region, "name", ""))


def _is_known(counts: Counts) -> bool:
    return is_told(counts.planned) or is_told(counts.all_left_out)


def _is_any_told(line: RegionPeople) -> bool:
    return any(map(is_told, (_planned(line.people), line.openings, line.told)))


def _together(lines: Sequence[RegionPeople]) -> RegionPeople:
    """Return what lines of few people, and of no known region, add up to."""
    people: Counter[Measure] = Counter()
    for line in lines:
        people.update(line.people)
    return RegionPeople(None, people, sum(line.openings for line in lines), sum(line.told for line in lines))


def _is_told(stop: WaypointCounts) -> bool:
    return is_told(_planned(stop.people))


def _planned(people: Mapping[Measure, int]) -> int:
    return people.get(Measure.PLANNED, 0)
