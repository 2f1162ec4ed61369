"""What is approved is where its people are looked for: a place or route that becomes another one asks anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import ApprovalError
from campaigns.core.keys.crypto import Vault
from campaigns.places.drafts import PlaceDraft, RouteDraft, Shape, circle
from campaigns.places.geography.cells import cell_of
from campaigns.places.models import Place, PlaceAuthor, PlaceKind, Route
from campaigns.places.service import copy_route, delete_place, import_file, save_hotspot, save_route, update_place
from campaigns.planning import service
from campaigns.planning.approvals.changes import changes_between
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import CampaignState, RunState
from campaigns.planning.queries import find_approval, find_editors, load_content
from campaigns.planning.service import fire_due
from campaigns.staff.models import Role
from tests.factories import a_contact, a_member, a_region, an_address
from tests.planning.story import DUE, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

MEDYKA, PALANCA = (22.94, 49.80), (30.09, 46.41)
NEAR, FAR = circle(*MEDYKA, 5_000), circle(*PALANCA, 5_000)
LOCATION = "id,name,lat,lon\nmedyka,Medyka,{1},{0}\n"


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """A campaign for a hotspot at Medyka, where two people are, while three are at Palanca."""
    story = a_story(session, vault, people=0)
    region = a_region(session, code="MD-SV", country="MD")
    place = save_hotspot(session, story.organisation.id, hotspot(NEAR), by=story.author.id)
    story.campaign.audience.rule = {"place_ids": [place.id]}
    for number, at in enumerate([MEDYKA] * 2 + [PALANCA] * 3):
        contact = a_contact(session, story.organisation, cell=cell_of(*at), region_id=region.id)
        an_address(session, contact, vault, number=f"+38050{number:07}")
    return story


def hotspot(shape: Shape, **changes: Any) -> PlaceDraft:
    values: dict[str, Any] = {"kind": PlaceKind.HOTSPOT, "name": "Medyka", "shape": shape}
    return PlaceDraft(**values | changes)


def place_of(story: Story) -> Place:
    return story.session.scalars(select(Place).where(Place.kind == PlaceKind.HOTSPOT)).one()


def on_a_route(story: Story, half_width_m: int = 5_000) -> Route:
    """Let the campaign write to people along a route from the hotspot to Lviv, and return it."""
    lviv = save_hotspot(
        story.session,
        story.organisation.id,
        PlaceDraft(kind=PlaceKind.STOP, name="Lviv", shape=circle(23.99, 49.84, 1_500)),
        by=story.author.id,
    )
    stops = (place_of(story).id, lviv.id)
    draft = RouteDraft(name="Medyka – Lviv", mode="rail", stop_ids=stops, half_width_m=half_width_m)
    route = save_route(story.session, story.organisation.id, draft, by=story.author.id)
    story.campaign.audience.rule = {"route_parts": [{"route_id": route.id, "direction": "all"}]}
    return route


def digest(story: Story) -> str:
    return load_content(story.session, story.campaign).digest


def test_moved_place_holds_the_run_until_it_is_approved_anew(story: Story) -> None:
    story.approved()
    update_place(story.session, place_of(story), hotspot(FAR), by=story.author.id)
    (run,) = fire_due(story.session, now=DUE)
    assert (run.state, story.campaign.state) == (RunState.HELD, CampaignState.DRAFT)
    assert "Have it approved again" in str(run.reason)
    with pytest.raises(ApprovalError, match="approved again"):
        service.let_run_start(story.session, run, by=story.approver.id)


def test_approver_is_told_which_place_is_another_one(story: Story) -> None:
    story.approved()
    approved = find_approval(story.session, story.campaign)
    update_place(story.session, place_of(story), hotspot(FAR), by=story.author.id)
    assert approved is not None
    assert approved.content is not None
    (fact,) = changes_between(approved.content, load_content(story.session, story.campaign).to_json()).facts
    assert (fact.name, list(fact.after)) == ("cover", [f"place {place_of(story).id}"])


@pytest.mark.both_databases
def test_what_is_not_its_shape_changes_nothing(story: Story) -> None:
    """A note, a tag, the name in a text that says no place: nobody else is written to."""
    before = digest(story)
    draft = hotspot(NEAR, note="By the old customs house.", risk_tags=("phone_taken",))
    update_place(story.session, place_of(story), draft, by=story.author.id)
    update_place(story.session, place_of(story), hotspot(NEAR, name="Medyka/Shehyni"), by=story.author.id)
    assert digest(story) == before


def test_name_is_bound_where_the_text_says_it(story: Story) -> None:
    """Whoever may rename a place would otherwise write into an approved text."""
    story.campaign.message.translations[1].text = "((place)): ((hotline))"
    before = digest(story)
    update_place(story.session, place_of(story), hotspot(NEAR, name="Call +373 69 000 000"), by=story.author.id)
    assert digest(story) != before


def test_place_that_is_gone_is_another_one(story: Story) -> None:
    before = digest(story)
    delete_place(story.session, place_of(story), by=story.author.id)
    assert digest(story) != before
    assert list(load_content(story.session, story.campaign).cover.values()) == [""]


def test_file_binds_as_the_form_does(story: Story) -> None:
    place_of(story).key = "medyka"
    before = digest(story)
    moved = LOCATION.format(*PALANCA).encode()
    import_file(story.session, story.organisation.id, moved, by=story.author.id)
    assert digest(story) != before


@pytest.mark.both_databases
def test_width_order_and_stops_of_a_route_are_bound(story: Story) -> None:
    route = on_a_route(story)
    stop_ids = tuple(stop.place_id for stop in route.stops)
    found = {digest(story)}
    for draft in (
        RouteDraft(name=route.name, mode="rail", stop_ids=stop_ids, half_width_m=20_000),
        RouteDraft(name=route.name, mode="rail", stop_ids=stop_ids[::-1], half_width_m=20_000),
        RouteDraft(name=route.name, mode="air", stop_ids=stop_ids[::-1], half_width_m=20_000),
    ):
        save_route(story.session, story.organisation.id, draft, by=story.author.id, route=route)
        found.add(digest(story))
    update_place(story.session, place_of(story), hotspot(FAR), by=story.author.id)
    assert len(found | {digest(story)}) == 5


def test_moved_stop_moves_its_route(story: Story) -> None:
    """The line of the corridor follows, and so does what an approval of the line alone is worth."""
    on_a_route(story)
    before = digest(story)
    update_place(story.session, place_of(story), hotspot(circle(22.80, 49.79, 5_000)), by=story.author.id)
    assert digest(story) != before


@pytest.mark.both_databases
def test_airport_that_a_route_flies_from_by_a_new_category(session: Session, story: Story) -> None:
    """A stop that becomes an airport lifts the leg from the ground, though it has not moved."""
    warsaw = circle(20.97, 52.17, 3_000)
    far = save_hotspot(
        session, story.organisation.id, PlaceDraft(kind=PlaceKind.STOP, name="Warsaw", shape=warsaw), by=None
    )
    draft = RouteDraft(name="By plane", mode="road/air", stop_ids=(place_of(story).id, far.id))
    route = save_route(session, story.organisation.id, draft, by=None)
    story.campaign.audience.rule = {"route_parts": [{"route_id": route.id, "direction": "all"}]}
    before = digest(story)
    airport = PlaceDraft(kind=PlaceKind.STOP, name="Warsaw", shape=warsaw, category="airport")
    update_place(session, far, airport, by=None)
    assert digest(story) != before


@pytest.mark.parametrize("way", ["form", "file", "route", "stop", "original"])
def test_who_changed_a_place_cannot_approve_what_uses_it(story: Story, way: str) -> None:
    session, ours = story.session, story.organisation.id
    shaper = a_member(session, story.organisation, Role.AUTHOR, Role.APPROVER)
    if way == "form":
        update_place(session, place_of(story), hotspot(circle(*MEDYKA, 6_000)), by=shaper.id)
    elif way == "file":
        place_of(story).key = "medyka"
        import_file(session, ours, LOCATION.format(22.95, 49.81).encode(), by=shaper.id)
    else:
        route = on_a_route(story)
        draft = RouteDraft(
            name=route.name, mode="rail", stop_ids=tuple(stop.place_id for stop in route.stops), half_width_m=9_000
        )
        if way == "route":
            save_route(session, ours, draft, by=shaper.id, route=route)
        elif way == "original":
            save_route(session, ours, draft, by=shaper.id, route=route)
            copy = copy_route(session, route, replace(draft, name="Medyka – Lviv 2"), by=story.author.id)
            story.campaign.audience.rule = {"route_parts": [{"route_id": copy.id, "direction": "all"}]}
        else:
            update_place(session, place_of(story), hotspot(circle(*MEDYKA, 6_000)), by=shaper.id)
    story.scheduled()
    read = story.submitted()
    with pytest.raises(ApprovalError, match="places"):
        service.approve_campaign(session, story.campaign, by=shaper.id, digest=read)
    service.approve_campaign(session, story.campaign, by=story.approver.id, digest=read)


def test_note_on_a_place_makes_nobody_an_editor(story: Story) -> None:
    update_place(story.session, place_of(story), hotspot(NEAR, note="Closed at night."), by=story.approver.id)
    assert story.approver.id not in find_editors(story.session, story.campaign)
    assert story.session.scalars(select(PlaceAuthor.member_id)).all() == [story.author.id]


def test_run_keeps_what_it_covers(story: Story) -> None:
    story.approved()
    (run,) = fire_due(story.session, now=DUE)
    assert FrozenRun.from_json(run.frozen).cover == load_content(story.session, story.campaign).cover != {}
