"""A rule means each contact once, with what a delivery needs or the first reason why there will be none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from campaigns.audience.models import AddressState, Channel, Contact
from campaigns.audience.rules import (
    AudienceRule,
    Direction,
    LeftOut,
    Resolution,
    RoutePart,
    SenderChoice,
    select_resolved,
)
from campaigns.core.errors import AudienceRuleError
from campaigns.core.keys.crypto import Vault
from campaigns.places.models import Place, PlaceCell, PlaceKind, Route, Waypoint
from campaigns.staff.models import Organisation
from tests.audience.people import RESOLUTION, person
from tests.factories import NOON, a_place, a_region, add, an_organisation

pytestmark = pytest.mark.one_database

#: Cells of the places below; a corridor's leg n has cell 100 + n.
HERE, THERE, NOWHERE = 1, 2, 99


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def a_person(session: Session, organisation: Organisation, vault: Vault) -> Callable[..., Contact]:
    """Adds a contact of the organisation with one active address; state= and other columns may be given."""
    return lambda **changes: person(session, organisation, vault, **changes)


def covered(session: Session, place: Place, *cells: int, leg: int = 0) -> Place:
    session.add_all([PlaceCell(cell=cell, place_id=place.id, leg=leg) for cell in cells])
    session.flush()
    return place


def a_route(session: Session, organisation: Organisation) -> Route:
    """A route of three stops (cells 10, 11, 12) and two legs (cells 100, 101)."""
    stops = [
        covered(session, a_place(session, organisation, kind=PlaceKind.STOP), 10 + position)
        for position in range(3)
    ]
    corridor = a_place(session, organisation, kind=PlaceKind.CORRIDOR)
    for leg in range(2):
        covered(session, corridor, 100 + leg, leg=leg)
    route: Route = add(
        session,
        Route(
            organisation_id=organisation.id,
            key="rt",
            name="Rail",
            mode="rail",
            width_m=5000,
            corridor_id=corridor.id,
            created_at=NOON,
            updated_at=NOON,
        ),
    )
    session.add_all([Waypoint(route_id=route.id, position=at, place_id=stop.id) for at, stop in enumerate(stops)])
    session.flush()
    return route


def resolve(
    session: Session,
    organisation: Organisation,
    rule: AudienceRule,
    resolution: Resolution = RESOLUTION,
    **bounds: int,
) -> list[Any]:
    return list(session.execute(select_resolved(rule, organisation.id, resolution, **bounds)))


def reasons(session: Session, organisation: Organisation, rule: AudienceRule, **changes: Any) -> list[str | None]:
    return [row.reason for row in resolve(session, organisation, rule, replace(RESOLUTION, **changes))]


def test_empty_rule_means_everybody(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact], vault: Vault
) -> None:
    somebody = a_person(time_zone=None)
    person(session, an_organisation(session), vault)
    [row] = resolve(session, organisation, AudienceRule())
    assert row.contact_id == somebody.id
    assert (row.language, row.region_id, row.time_zone, row.place_id, row.reason) == (
        "uk",
        0,
        "Europe/Kyiv",
        0,
        None,
    )


def test_overlapping_places_count_a_person_once(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    a_person(cell=HERE)
    a_person(cell=NOWHERE)
    places = [covered(session, a_place(session, organisation), HERE, THERE) for _ in range(3)]
    [row] = resolve(session, organisation, AudienceRule(place_ids=tuple(place.id for place in places)))
    assert row.place_id == min(place.id for place in places)


def test_foreign_places_and_routes_find_nobody(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    other = an_organisation(session)
    a_person(cell=HERE)
    a_person(cell=100)
    foreign = covered(session, a_place(session, other), HERE)
    route = a_route(session, other)
    rule = AudienceRule(place_ids=(foreign.id,), route_parts=(RoutePart(route.id, Direction.ALL),))
    assert resolve(session, organisation, rule) == []


@pytest.mark.parametrize(
    ("direction", "stop", "cells"),
    [
        ("at", 1, {11}),
        ("before", 1, {10, 100}),
        ("past", 1, {12, 101}),
        ("all", None, {10, 11, 12, 100, 101}),
    ],
)
def test_route_part_means_its_stretch(
    session: Session,
    organisation: Organisation,
    direction: str,
    stop: int | None,
    cells: set[int],
    a_person: Callable[..., Contact],
) -> None:
    route = a_route(session, organisation)
    at = {cell: a_person(cell=cell).id for cell in (10, 11, 12, 100, 101, NOWHERE)}
    rule = AudienceRule(route_parts=(RoutePart(route.id, direction, stop),))
    found = {row.contact_id for row in resolve(session, organisation, rule)}
    assert found == {at[cell] for cell in cells}


def test_places_and_route_parts_add_up(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    route, place = a_route(session, organisation), covered(session, a_place(session, organisation), HERE)
    people = {a_person(cell=cell).id for cell in (HERE, 10)}
    rule = AudienceRule(place_ids=(place.id,), route_parts=(RoutePart(route.id, "at", 0),))
    assert {row.contact_id for row in resolve(session, organisation, rule)} == people


def test_regions_and_countries_add_up_and_narrow(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    place = covered(session, a_place(session, organisation), HERE)
    podkarpackie, lviv = a_region(session), a_region(session, code="UA-46", country="UA")
    paris = a_region(session, code="FR-75", country="FR", parent_code="FR-IDF")
    found = [a_person(cell=HERE, region_id=at.id) for at in (podkarpackie, lviv, paris)]
    a_person(cell=THERE, region_id=lviv.id)
    a_person(cell=HERE)
    rule = AudienceRule(place_ids=(place.id,), region_codes=("PL-18", "FR-IDF"), countries=("UA",))
    rows = resolve(session, organisation, rule)
    assert {row.contact_id: row.region_id for row in rows} == {one.id: one.region_id for one in found}


def test_languages_narrow_by_written_language(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    reader = a_person(language="uk")
    a_person(language="ru", other_language="uk")
    rows = resolve(session, organisation, AudienceRule(languages=("uk",)))
    assert [row.contact_id for row in rows] == [reader.id]


def test_old_or_undated_position_is_stale(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    place = covered(session, a_place(session, organisation), HERE)
    for age in (timedelta(days=7), timedelta(days=7, seconds=1), None):
        a_person(cell=HERE, position_at=age and NOON - age)
    rule = AudienceRule(place_ids=(place.id,), max_position_age_days=7)
    assert sorted(map(str, reasons(session, organisation, rule))) == ["None", "stale_position", "stale_position"]


def test_age_matters_only_with_geography(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    a_person(position_at=None)
    assert reasons(session, organisation, AudienceRule(max_position_age_days=7)) == [None]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (None, LeftOut.NO_ADDRESS),
        (AddressState.PENDING, LeftOut.NO_CONSENT),
        (AddressState.OPTED_OUT, LeftOut.OPTED_OUT),
        (AddressState.INVALID, LeftOut.INVALID_ADDRESS),
    ],
)
def test_address_decides_before_translation(
    session: Session,
    organisation: Organisation,
    state: AddressState | None,
    reason: LeftOut,
    a_person: Callable[..., Contact],
) -> None:
    a_person(language="am", state=state)
    assert reasons(session, organisation, AudienceRule()) == [reason]


@pytest.mark.both_databases
def test_stale_position_comes_before_all(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    place = covered(session, a_place(session, organisation), HERE)
    a_person(cell=HERE, position_at=None, state=None, language="am")
    rule = AudienceRule(place_ids=(place.id,), max_position_age_days=7)
    assert reasons(session, organisation, rule) == [LeftOut.STALE_POSITION]


def test_address_of_another_channel_does_not_count(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    a_person()
    assert reasons(session, organisation, AudienceRule(), senders=(SenderChoice(1, Channel.TELEGRAM),)) == [
        LeftOut.NO_ADDRESS
    ]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("language", "other", "fallback", "written", "reason"),
    [
        ("uk", "en", None, "uk", None),
        ("am", "en", None, "en", None),
        ("am", None, None, "am", LeftOut.NO_TRANSLATION),
        ("am", "ti", None, "am", LeftOut.NO_TRANSLATION),
        ("am", None, "en", "en", None),
    ],
)
def test_language_falls_back_as_agreed(
    session: Session,
    organisation: Organisation,
    language: str,
    other: str | None,
    fallback: str | None,
    written: str,
    reason: str | None,
    a_person: Callable[..., Contact],
) -> None:
    a_person(language=language, other_language=other)
    [row] = resolve(session, organisation, AudienceRule(), replace(RESOLUTION, fallback_language=fallback))
    assert (row.language, row.reason) == (written, reason)


@pytest.mark.both_databases
def test_no_text_at_all_leaves_everybody_out(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    a_person()
    assert reasons(session, organisation, AudienceRule(), languages=()) == [LeftOut.NO_TRANSLATION]


def test_chunks_partition_the_people(
    session: Session, organisation: Organisation, a_person: Callable[..., Contact]
) -> None:
    people = [a_person().id for _ in range(5)]
    first, second = people[1], people[3]
    parts: list[dict[str, Any]] = [{"through": first}, {"after": first, "through": second}, {"after": second}]
    found = [row.contact_id for part in parts for row in resolve(session, organisation, AudienceRule(), **part)]
    assert sorted(found) == people


rules = st.builds(
    AudienceRule,
    place_ids=st.lists(st.integers(1), max_size=3).map(tuple),
    route_parts=st.lists(
        st.one_of(
            st.builds(RoutePart, st.integers(1), st.just(Direction.ALL)),
            st.builds(RoutePart, st.integers(1), st.sampled_from(["at", "before", "past"]), st.integers(0, 20)),
        ),
        max_size=3,
    ).map(tuple),
    region_codes=st.lists(st.sampled_from(["PL-18", "UA-46"]), max_size=2).map(tuple),
    countries=st.lists(st.sampled_from(["PL", "UA"]), max_size=2).map(tuple),
    languages=st.lists(st.sampled_from(["uk", "ru"]), max_size=2).map(tuple),
    max_position_age_days=st.none() | st.integers(1, 3650),
)


@given(rules)
def test_stored_rule_reads_back_the_same(rule: AudienceRule) -> None:
    assert AudienceRule.from_json(rule.to_json()) == rule


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {"place_ids": "12"},
        {"place_ids": [True]},
        {"place_ids": ["1"]},
        {"colour": "red"},
        {"max_position_age_days": 0},
        {"max_position_age_days": "7"},
        {"route_parts": [{"route_id": 1}]},
        {"route_parts": [{"route_id": 1, "direction": "towards", "stop_position": 1}]},
        {"route_parts": [{"route_id": 1, "direction": "before"}]},
        {"route_parts": [{"route_id": 1, "direction": "all", "stop_position": 1}]},
        {"route_parts": [{"route_id": 1, "direction": "at", "stop_position": -1}]},
        {"route_parts": [{"direction": "all"}]},
        {"route_parts": [{"route_id": 1, "direction": "all", "colour": "red"}]},
    ],
)
def test_rule_that_makes_no_sense_is_named(stored: Any) -> None:
    with pytest.raises(AudienceRuleError):
        AudienceRule.from_json(stored)
