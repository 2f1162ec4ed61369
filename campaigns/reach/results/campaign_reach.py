"""One read model tells what is known of a campaign, for its page, its report and its files.

Nothing here reads a delivery, so a page costs the same however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.places.models import Place, Region, Route, Waypoint
from campaigns.places.queries import select_places, select_routes
from campaigns.planning.models import Campaign, CampaignSender, Run, RunState, Sender
from campaigns.reach.counting.ladder import LADDERS, Rung, Step
from campaigns.reach.counting.queries import Counts, totals_of_runs
from campaigns.reach.counting.unique_people import Crowd, Measure, Part
from campaigns.reach.imported.models import ImportedReach
from campaigns.reach.imported.queries import Told, told_of
from campaigns.reach.models import PeopleCount, PeopleReach, ReachCheck, Scope
from campaigns.reach.outcomes.models import LinkDay, Outcome
from campaigns.reach.outcomes.queries import Openings, ToldOutcomes, openings_of, outcomes_of
from campaigns.staff.queries import owned

#: Measures of own messages by the step that they stand for.
OWN_STEPS = {
    Step.ACCEPTED: Measure.ACCEPTED,
    Step.DELIVERED: Measure.DELIVERED,
    Step.READ: Measure.READ,
    Step.ENGAGED: Measure.ENGAGED,
}


@dataclass(frozen=True, slots=True)
class CrowdCounts:
    """People of a crowd, each counted once: by part, key and measure."""

    parts: Mapping[Part, Mapping[str, Mapping[Measure, int]]]
    #: None: nobody counted it yet.
    counted_at: datetime | None

    def total(self, measure: Measure) -> int:
        """Return the people of a measure: the sum over regions, of which each person has one."""
        return sum(people.get(measure, 0) for people in self.parts.get(Part.REGION, {}).values())

    def by(self, part: Part, measure: Measure) -> dict[str, int]:
        """Return people by key; by anything but regions they do not add up to the total."""
        return {key: people.get(measure, 0) for key, people in self.parts.get(part, {}).items()}


@dataclass(frozen=True, slots=True)
class WaypointCounts:
    """A hotspot or a stop of a route, with who last said they were there."""

    place: Place
    people: Mapping[Measure, int]


@dataclass(frozen=True, slots=True)
class RegionPeople:
    """A region (None: unknown) with its people of each measure."""

    region: Region | None
    people: Mapping[Measure, int]
    openings: int
    told: int


@dataclass(frozen=True, slots=True)
class CampaignReach:
    """Everything that the pages of a campaign say."""

    campaign: Campaign
    people: CrowdCounts
    channels: tuple[Channel, ...]
    regions: list[RegionPeople]
    runs: list[tuple[Run, Counts]]
    told: list[Told]
    outcomes: Mapping[Step, ToldOutcomes]
    openings: Openings | None
    hotspots: list[WaypointCounts]
    routes: list[tuple[Route, list[WaypointCounts]]]
    check: ReachCheck | None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of its ladder: none of own messages that no channel of it can tell."""
        rungs = {rung for channel in self.channels for rung in LADDERS[channel]}
        silent = {step for step, rung in _RUNGS.items() if rung not in rungs}
        return tuple(step for step in Step if step not in silent)

    def told_at(self, step: Step) -> list[Told]:
        """Return what others report at a step, each source by itself."""
        return [one for one in self.told if one.step is step]


_RUNGS = {Step.DELIVERED: Rung.DELIVERED, Step.READ: Rung.READ}


def people_of(session: Session, crowd: Crowd) -> CrowdCounts:
    """Return the stored counts of a crowd."""
    of_crowd = {"scope": crowd.scope, "scope_id": crowd.scope_id, "period": crowd.period}
    parts: dict[Part, dict[str, dict[Measure, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in session.scalars(select(PeopleReach).filter_by(**of_crowd)):
        parts[Part(row.part)][row.key][Measure(row.measure)] = row.people
    counted_at = session.scalar(select(PeopleCount.counted_at).filter_by(**of_crowd))
    return CrowdCounts(parts, counted_at)


def reach_of_campaign(session: Session, campaign: Campaign) -> CampaignReach:
    """Return what is known of a campaign's reach. Exact numbers: a page decides what it shows of them."""
    people = people_of(session, Crowd(Scope.CAMPAIGN, campaign.id))
    openings = openings_of(session, campaign.id)
    runs = _runs_of(session, campaign)
    at_places = people.parts.get(Part.PLACE, {})
    hotspots = _hotspots(session, campaign.organisation_id, at_places)
    return CampaignReach(
        campaign=campaign,
        people=people,
        channels=_channels_of(session, campaign),
        regions=_regions(session, people, openings, _told_by_region(session, campaign)),
        runs=runs,
        told=told_of(session, campaign.organisation_id, campaign.id),
        outcomes=outcomes_of(session, campaign.organisation_id, campaign.id),
        openings=openings,
        hotspots=hotspots,
        routes=_routes(session, campaign.organisation_id, at_places),
        check=last_check(session),
    )


def find_accepted(session: Session, campaign_id: int) -> int | None:
    """Return for how many people a campaign was accepted, as counted last; None: nobody counted yet."""
    of_campaign = {"scope": Scope.CAMPAIGN, "scope_id": campaign_id, "period": ""}
    if session.scalar(select(PeopleCount.counted_at).filter_by(**of_campaign)) is None:
        return None
    accepted = select(func.sum(PeopleReach.people)).filter_by(**of_campaign, part=Part.REGION)
    return session.scalar(accepted.filter_by(measure=Measure.ACCEPTED)) or 0


def last_check(session: Session) -> ReachCheck | None:
    """Return the last comparison of all counts with the deliveries."""
    return session.scalars(select(ReachCheck).order_by(ReachCheck.id.desc()).limit(1)).first()


def reached_by_month(session: Session, organisation_id: int) -> dict[str, int]:
    """Return the people whom an organisation reached in each month that was counted, the oldest first."""
    people = func.sum(PeopleReach.people).filter(PeopleReach.measure == Measure.REACHED)
    rows = (
        select(PeopleReach.period, func.coalesce(people, 0))
        .where(PeopleReach.scope == Scope.MONTH, PeopleReach.scope_id == organisation_id)
        .where(PeopleReach.part == Part.REGION)
        .group_by(PeopleReach.period)
        .order_by(PeopleReach.period)
    )
    return {month: int(count) for month, count in session.execute(rows)}


@dataclass(frozen=True, slots=True)
class Compared:
    """One campaign beside others."""

    campaign: Campaign
    people: Mapping[Measure, int]
    openings: int
    told: Mapping[Step, int]
    #: Largest number and sum of what others report.
    imported: tuple[int, int]


def compare_campaigns(session: Session, organisation_id: int, *, limit: int = 50) -> list[Compared]:
    """Return the campaigns that have anything to compare, the newest first; each figure is one of its own."""
    campaigns = owned(select(Campaign), Campaign, organisation_id).order_by(Campaign.id.desc()).limit(limit)
    found = {campaign.id: campaign for campaign in session.scalars(campaigns)}
    people: dict[int, dict[Measure, int]] = defaultdict(dict)
    counted = select(PeopleReach.scope_id, PeopleReach.measure, func.sum(PeopleReach.people)).where(
        PeopleReach.scope == Scope.CAMPAIGN, PeopleReach.scope_id.in_(found), PeopleReach.part == Part.REGION
    )
    for key, measure, count in session.execute(counted.group_by(PeopleReach.scope_id, PeopleReach.measure)):
        people[key][Measure(measure)] = int(count)
    told: dict[int, dict[Step, int]] = defaultdict(dict)
    outcomes = select(Outcome.campaign_id, Outcome.step, func.sum(Outcome.people)).where(
        Outcome.campaign_id.in_(found), Outcome.withdrawn_at.is_(None)
    )
    for key, step, count in session.execute(outcomes.group_by(Outcome.campaign_id, Outcome.step)):
        told[key][Step(step)] = int(count)
    opened = select(LinkDay.campaign_id, func.sum(LinkDay.openings)).where(LinkDay.campaign_id.in_(found))
    openings = {key: int(count) for key, count in session.execute(opened.group_by(LinkDay.campaign_id))}
    largest, contacts = func.max(ImportedReach.people), func.sum(ImportedReach.people)
    others = select(ImportedReach.campaign_id, largest, contacts).where(ImportedReach.campaign_id.in_(found))
    imported = {
        key: (one, int(all_)) for key, one, all_ in session.execute(others.group_by(ImportedReach.campaign_id))
    }
    known = people.keys() | told.keys() | openings.keys() | imported.keys()
    return [
        Compared(one, people[key], openings.get(key, 0), told[key], imported.get(key, (0, 0)))
        for key, one in found.items()
        if key in known
    ]


def _runs_of(session: Session, campaign: Campaign) -> list[tuple[Run, Counts]]:
    chosen = select(Run).where(Run.campaign_id == campaign.id, ~Run.is_rehearsal, Run.state != RunState.HELD)
    runs = session.scalars(chosen.order_by(Run.occurrence, Run.id)).all()
    totals = totals_of_runs(session, runs)
    return [(run, totals[run.id]) for run in runs]


def _channels_of(session: Session, campaign: Campaign) -> tuple[Channel, ...]:
    chosen = select(Sender.channel).join(CampaignSender, CampaignSender.sender_id == Sender.id)
    ranked = chosen.where(CampaignSender.campaign_id == campaign.id).order_by(CampaignSender.rank)
    return tuple(dict.fromkeys(Channel(channel) for channel in session.scalars(ranked)))


def _told_by_region(session: Session, campaign: Campaign) -> dict[int, int]:
    told = select(Outcome.region_id, func.sum(Outcome.people)).where(
        Outcome.campaign_id == campaign.id, Outcome.withdrawn_at.is_(None), Outcome.region_id.is_not(None)
    )
    return {region or 0: int(count) for region, count in session.execute(told.group_by(Outcome.region_id))}


def _regions(
    session: Session, people: CrowdCounts, openings: Openings | None, told: Mapping[int, int]
) -> list[RegionPeople]:
    by_region = people.parts.get(Part.REGION, {})
    opened = openings.by_region if openings else {}
    ids = {*map(int, by_region), *opened, *told}
    regions = {region.id: region for region in session.scalars(select(Region).where(Region.id.in_(ids)))}
    lines = [
        RegionPeople(regions.get(key), by_region.get(str(key), {}), opened.get(key, 0), told.get(key, 0))
        for key in ids
    ]
    return sorted(
        lines,
        key=lambda line: (
            line.region is None,
            -line.people.get(Measure.PLANNED, 0),
            line.region.name if line.region else "",
        ),
    )


def _hotspots(
    session: Session, organisation_id: int, people: Mapping[str, Mapping[Measure, int]]
) -> list[WaypointCounts]:
    places = session.scalars(select_places(organisation_id).where(Place.id.in_(map(int, people))))
    found = [WaypointCounts(place, people[str(place.id)]) for place in places]
    return sorted(found, key=lambda one: (-one.people.get(Measure.REACHED, 0), one.place.name))


def _routes(
    session: Session, organisation_id: int, people: Mapping[str, Mapping[Measure, int]]
) -> list[tuple[Route, list[WaypointCounts]]]:
    """Return the routes on which anybody was written to, with all their stops in order."""
    through = select(Waypoint.route_id).where(Waypoint.place_id.in_(map(int, people)))
    routes = session.scalars(select_routes(organisation_id).where(Route.id.in_(through))).unique()
    return [(route, _stops(route.stops, people)) for route in routes]


def _stops(stops: Iterable[Waypoint], people: Mapping[str, Mapping[Measure, int]]) -> list[WaypointCounts]:
    return [WaypointCounts(stop.place, people.get(str(stop.place_id), {})) for stop in stops]


def countries_of(regions: Collection[RegionPeople]) -> list[str]:
    """Return the countries (alpha-2) of regions, in the order of their codes."""
    return sorted({line.region.country for line in regions if line.region})
