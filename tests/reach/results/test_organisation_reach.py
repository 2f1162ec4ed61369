"""The overview tells exact figures to data managers, and to others none that a campaign's makes small."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.places.models import Region
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.reach.counting.ladder import Rung
from campaigns.reach.counting.unique_people import Crowd, Measure, Part
from campaigns.reach.models import PeopleReach, RunReach, Scope
from campaigns.reach.results import shown_elsewhere
from campaigns.reach.results.organisation_reach import Overview, load_overview
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_campaign, a_member, a_region, a_run, an_organisation

APRIL = NOON.replace(month=4)


@pytest.fixture
def owner(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def regions(session: Session) -> dict[str, Region]:
    return {code: a_region(session, code=code, name=code) for code in ("PL-18", "PL-06")}


def keep(session: Session, crowd: Crowd, people: Mapping[int, int], measure: Measure = Measure.REACHED) -> None:
    """Keep counts of a crowd by region, as a worker does."""
    facts = {"scope": crowd.scope, "scope_id": crowd.scope_id, "period": crowd.period}
    for region_id, count in people.items():
        row = {"part": Part.REGION, "key": str(region_id), "measure": measure, "people": count}
        session.add(PeopleReach(**facts, **row))
    session.flush()


def ran(session: Session, campaign: Campaign, *, reached: int = 0, **changes: Any) -> Run:
    """A run of a campaign that was sent, with people whom it reached as a worker counts them."""
    run = a_run(session, campaign, planned=500, **{"state": RunState.DONE, "finished_at": NOON} | changes)
    facts = {"region_id": 0, "channel": Channel.SMS, "language": "en"}
    session.add(RunReach(run_id=run.id, **facts, rung=Rung.DELIVERED, people=reached))
    session.add(RunReach(run_id=run.id, **facts, rung=Rung.FAILED, cause="30003", people=7))
    session.flush()
    return run


def overview(session: Session, owner: Organisation, *, is_exact: bool = False) -> Overview:
    return load_overview(session, owner.id, is_exact=is_exact, now=APRIL)


def two_campaigns(
    session: Session, owner: Organisation, *, first: Mapping[int, int], few: Mapping[int, int]
) -> Overview:
    """What is seen where one campaign reached people by region, and another one few others, in two months."""
    member = a_member(session, owner)
    campaigns = [a_campaign(session, owner, member, name=name) for name in ("Large", "Small")]
    for campaign, month, people in zip(campaigns, ("2026-02", "2026-04"), (first, few), strict=True):
        ran(session, campaign)
        keep(session, Crowd(Scope.CAMPAIGN, campaign.id), people)
        keep(session, Crowd(Scope.MONTH, owner.id, month), people)
    together = {region: first.get(region, 0) + few.get(region, 0) for region in {*first, *few}}
    keep(session, Crowd(Scope.ORGANISATION, owner.id), together)
    return overview(session, owner)


def test_data_managers_see_what_was_counted(
    session: Session, owner: Organisation, regions: dict[str, Region]
) -> None:
    crowd = Crowd(Scope.ORGANISATION, owner.id)
    keep(session, crowd, {regions["PL-18"].id: 103, regions["PL-06"].id: 3, 0: 2})
    keep(session, crowd, {regions["PL-18"].id: 90}, Measure.DELIVERED)
    seen = overview(session, owner, is_exact=True)
    assert (seen.people[Measure.REACHED], seen.people[Measure.DELIVERED]) == (108, 90)
    assert [(region.code, people) for region, people in seen.regions] == [("PL-18", 103), ("PL-06", 3)]
    assert seen.elsewhere == 2


def test_others_see_no_region_with_few(session: Session, owner: Organisation, regions: dict[str, Region]) -> None:
    keep(session, Crowd(Scope.ORGANISATION, owner.id), {regions["PL-18"].id: 103, regions["PL-06"].id: 3, 0: 2})
    seen = overview(session, owner)
    assert [(region.code, people) for region, people in seen.regions] == [("PL-18", 100)]
    # A total of 110 beside 100 would tell that few people are elsewhere.
    assert (seen.people[Measure.REACHED], seen.elsewhere) == (100, None)


@pytest.mark.parametrize("few_at", ["where the others are", "where nobody is known to be"])
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("first", [8, 60, 104])
def test_no_small_number_is_learned_beside_a_campaigns_page(
    session: Session, owner: Organisation, regions: dict[str, Region], first: int, is_known: bool, few_at: str
) -> None:
    large = regions["PL-18"].id if is_known else 0
    small = large if few_at == "where the others are" else regions["PL-06"].id
    seen = []
    for few in (0, 1, 19):
        with session.begin_nested() as world:
            found = two_campaigns(session, owner, first={large: first}, few={small: few})
            by_region = [people for _, people in found.regions]
            seen.append((found.campaigns, found.people, by_region, found.elsewhere, found.months))
            world.rollback()
    assert all(each == seen[0] for each in seen)


def test_no_small_number_is_learned_beside_a_run(session: Session, owner: Organisation) -> None:
    member = a_member(session, owner)
    large, small = (a_campaign(session, owner, member, name=name) for name in ("Large", "Small"))
    keep(session, Crowd(Scope.CAMPAIGN, large.id), {0: 150})
    ran(session, large, reached=46, created_at=NOON - timedelta(days=30), finished_at=NOON - timedelta(days=29))
    ran(session, large, reached=104)
    ran(session, small, reached=1)
    keep(session, Crowd(Scope.MONTH, owner.id, f"{NOON:%Y-%m}"), {0: 105})
    assert [month.reached for month in overview(session, owner).months] == [100]


def test_a_run_outside_a_month_does_not_move_it(session: Session, owner: Organisation) -> None:
    campaign = a_campaign(session, owner, a_member(session, owner))
    ran(session, campaign, reached=44, created_at=NOON - timedelta(days=70), finished_at=NOON - timedelta(days=69))
    keep(session, Crowd(Scope.MONTH, owner.id, f"{NOON:%Y-%m}"), {0: 48})
    assert [month.reached for month in overview(session, owner).months] == [50]


def test_figures_near_are_found_as_one_by_one(
    session: Session, owner: Organisation, regions: dict[str, Region]
) -> None:
    """The database leaves out what is too far off to matter, and nothing else."""
    chance, member = random.Random(27), a_member(session, owner)
    campaigns = [a_campaign(session, owner, member, name=str(number)) for number in range(12)]
    ids = [0, *(region.id for region in regions.values())]
    kept = {each.id: {region: chance.randrange(60) for region in ids} for each in campaigns}
    for campaign_id, people in kept.items():
        keep(session, Crowd(Scope.CAMPAIGN, campaign_id), people)
    own = {region: chance.randrange(20, 60) for region in ids}
    keep(session, Crowd(Scope.ORGANISATION, owner.id), own)
    wanted, rest = [90, 130], 40
    totals = shown_elsewhere.totals_near(session, owner.id, {Measure.REACHED: wanted})[Measure.REACHED]
    by_region = shown_elsewhere.regions_near(session, owner.id)
    outside = shown_elsewhere.people_outside(session, owner.id, named=ids[1:2], near_to=rest)
    sums = {sum(people.values()) for people in kept.values()}
    assert set(totals) == {one for one in sums if any(abs(one - each) < SMALLEST_SHOWN for each in wanted)}
    assert {region: set(by_region.get(region, [])) for region in ids} == {
        region: {people[region] for people in kept.values() if abs(people[region] - own[region]) < SMALLEST_SHOWN}
        for region in ids
    }
    assert set(outside) == {
        one for people in kept.values() if abs((one := people[ids[0]] + people[ids[2]]) - rest) < SMALLEST_SHOWN
    }


def test_only_what_was_sent_to_anybody_counts_as_sent(session: Session, owner: Organisation) -> None:
    member = a_member(session, owner)
    sent, empty, held = (a_campaign(session, owner, member, name=name) for name in ("Sent", "Empty", "Held"))
    for _again in range(2):
        ran(session, sent)
    a_run(session, empty, state=RunState.DONE)
    ran(session, held, state=RunState.HELD)
    assert overview(session, owner).campaigns == 1


def test_months_without_people_stand_between_others(
    session: Session, owner: Organisation, regions: dict[str, Region]
) -> None:
    for month, people in (("2025-12", 40), ("2026-02", 60), ("2026-04", 9)):
        keep(session, Crowd(Scope.MONTH, owner.id, month), {regions["PL-18"].id: people})
    exact = overview(session, owner, is_exact=True)
    assert [month.reached for month in exact.months] == [40, 0, 60, 0, 9]
    assert [month.is_going_on for month in exact.months] == [False] * 4 + [True]
    assert exact.months[0].first_day == date(2025, 12, 1)
    assert [month.reached for month in overview(session, owner).months] == [40, None, 60, None, None]


def test_another_organisations_people_are_not_told(
    session: Session, owner: Organisation, regions: dict[str, Region]
) -> None:
    place = regions["PL-18"].id
    two_campaigns(session, an_organisation(session), first={place: 103}, few={place: 4})
    seen = overview(session, owner, is_exact=True)
    assert (seen.campaigns, seen.people[Measure.REACHED], seen.months) == (0, 0, [])
