"""The page of a place lists the campaigns that name it or wrote to enough people there, and no others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.places.models import Place
from campaigns.planning.models import Campaign
from campaigns.reach.counting.unique_people import Measure, Part
from campaigns.reach.models import PeopleReach, Scope
from campaigns.reach.results.place_campaigns import find_campaigns_at
from campaigns.staff.models import Member, Organisation
from tests.factories import NOON, a_campaign, a_member, a_place, a_route, a_run, add, an_audience, an_organisation


@pytest.fixture
def owner(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def member(session: Session, owner: Organisation) -> Member:
    return a_member(session, owner)


def at(session: Session, place: Place) -> list[str]:
    return [each.name for each in find_campaigns_at(session, place, most=5)]


def named(session: Session, owner: Organisation, member: Member, name: str, rule: dict[str, Any]) -> Campaign:
    audience = an_audience(session, owner, name=name, rule=rule)
    return a_campaign(session, owner, member, name=name, audience=audience)


def written(session: Session, campaign: Campaign, place: Place, people: int) -> None:
    """Keep how many people at a place a campaign was planned for, as a worker does."""
    facts = {"scope": Scope.CAMPAIGN, "scope_id": campaign.id, "period": "", "measure": Measure.PLANNED}
    add(session, PeopleReach(**facts, part=Part.PLACE, key=str(place.id), people=people))


def test_audiences_name_a_place_or_a_route_through_it(
    session: Session, owner: Organisation, member: Member
) -> None:
    route = a_route(session, owner)
    place, elsewhere = route.stops[0].place, a_place(session, owner)
    named(session, owner, member, "By name", {"place_ids": [place.id]})
    named(session, owner, member, "By route", {"route_parts": [{"route_id": route.id, "direction": "all"}]})
    named(session, owner, member, "Elsewhere", {"place_ids": [elsewhere.id]})
    example = named(session, owner, member, "Example", {"place_ids": [place.id]})
    example.is_example = True
    theirs = an_organisation(session)
    named(session, theirs, a_member(session, theirs), "Theirs", {"place_ids": [place.id]})
    session.flush()
    assert at(session, place) == ["By route", "By name"]


def test_a_place_is_found_wherever_a_rule_names_it(
    session: Session, owner: Organisation, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that cannot name it are not even read."""
    route = a_route(session, owner)
    place = route.stops[0].place
    place_id, route_id = place.id, route.id
    part = {"route_id": route_id, "direction": "all"}
    rules: list[dict[str, Any]] = [
        *({"place_ids": ids} for ids in ([place_id], [place_id, 9999], [9999, place_id], [9998, place_id, 9999])),
        *({"route_parts": [{**part, "route_id": other}, part]} for other in (9999, 9998)),
        {"route_parts": [{"direction": "at", "stop_position": 0, "route_id": route_id}], "countries": ["PL"]},
    ]
    for number, rule in enumerate(rules):
        named(session, owner, member, str(number), rule)
    for longer in (f"{place_id}0", f"9{place_id}"):
        named(session, owner, member, longer, {"place_ids": [int(longer)]})
    read, parse = [], AudienceRule.from_json

    def note(stored: dict[str, Any]) -> AudienceRule:
        read.append(stored)
        return parse(stored)

    monkeypatch.setattr(AudienceRule, "from_json", note)
    found = {each.name for each in find_campaigns_at(session, place, most=20)}
    assert found == {str(number) for number in range(len(rules))}
    assert len(read) == len(rules)


def test_one_that_wrote_to_few_people_there_is_not_told(
    session: Session, owner: Organisation, member: Member
) -> None:
    place = a_place(session, owner)
    for name, people in (("Few", 19), ("Enough", 20)):
        written(session, a_campaign(session, owner, member, name=name), place, people)
    assert at(session, place) == ["Enough"]


def test_what_was_sent_last_comes_first(session: Session, owner: Organisation, member: Member) -> None:
    place = a_place(session, owner)
    for name, days in (("Old", 1), ("New", 9), ("Middle", 5)):
        campaign = named(session, owner, member, name, {"place_ids": [place.id]})
        for earlier in (0, 1):
            a_run(session, campaign, planned=1, created_at=NOON + timedelta(days=days - earlier))
    drafted = named(session, owner, member, "Draft", {"place_ids": [place.id]})
    drafted.updated_at = NOON + timedelta(days=7)
    rehearsed = named(session, owner, member, "Rehearsed", {"place_ids": [place.id]})
    a_run(session, rehearsed, planned=1, is_rehearsal=True, created_at=NOON + timedelta(days=20))
    # It wrote to nobody.
    a_run(session, drafted, created_at=NOON + timedelta(days=21))
    session.flush()
    found = find_campaigns_at(session, place, most=5)
    assert [each.name for each in found] == ["New", "Draft", "Middle", "Old", "Rehearsed"]
    assert [each.sent_at for each in found][:2] == [NOON + timedelta(days=9), None]
    assert len(find_campaigns_at(session, place, most=2)) == 2
