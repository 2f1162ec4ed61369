"""The overview tells exact figures to data managers, and to others none that a campaign's makes small."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from sqlalchemy.orm import Session

from campaigns.places.models import Region
from campaigns.planning.models import RunState
from campaigns.reach.counting.unique_people import Crowd, Measure, Part
from campaigns.reach.models import PeopleReach, Scope
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


def overview(session: Session, owner: Organisation, *, is_exact: bool = False) -> Overview:
    return load_overview(session, owner.id, is_exact=is_exact, now=APRIL)


def two_campaigns(session: Session, owner: Organisation, region: Region, *, first: int, few: int) -> Overview:
    """What is seen where one campaign reached `first` people and another one `few` others, in two months."""
    member = a_member(session, owner)
    own, *_ = campaigns = [a_campaign(session, owner, member, name=name) for name in ("Large", "Small")]
    for campaign in campaigns:
        a_run(session, campaign, state=RunState.DONE)
    keep(session, Crowd(Scope.CAMPAIGN, own.id), {region.id: first})
    keep(session, Crowd(Scope.CAMPAIGN, campaigns[1].id), {region.id: few})
    keep(session, Crowd(Scope.MONTH, owner.id, "2026-02"), {region.id: first})
    keep(session, Crowd(Scope.MONTH, owner.id, "2026-04"), {region.id: few})
    keep(session, Crowd(Scope.ORGANISATION, owner.id), {region.id: first + few})
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
    assert (seen.people[Measure.REACHED], seen.elsewhere) == (110, None)


@pytest.mark.parametrize("first", [8, 60, 103])
def test_no_small_number_is_learned_beside_a_campaigns_page(
    session: Session, owner: Organisation, regions: dict[str, Region], first: int
) -> None:
    seen = []
    for few in (0, 4, 19):
        with session.begin_nested() as world:
            found = two_campaigns(session, owner, regions["PL-18"], first=first, few=few)
            seen.append((found.campaigns, found.people, [people for _, people in found.regions], found.months))
            world.rollback()
    assert seen[0] == seen[1] == seen[2]


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
    two_campaigns(session, an_organisation(session), regions["PL-18"], first=103, few=4)
    seen = overview(session, owner, is_exact=True)
    assert (seen.campaigns, seen.people[Measure.REACHED], seen.months) == (0, 0, [])
