"""Nobody alone moves a place that an approved campaign names: through the form, a file, its route or its stops."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.audience.models import Audience, Contact, EntryPoint
from campaigns.commands.importing import import_file
from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.places.drafts import PlaceDraft, RouteDraft, circle
from campaigns.places.geography.cells import cell_of, locate
from campaigns.places.models import Place, PlaceAuthor, PlaceKind, Route
from campaigns.places.service import save_hotspot, save_route
from campaigns.planning import service as planning
from campaigns.planning.models import Campaign, CampaignState, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due
from campaigns.planning.uses import find_used
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_contact, a_region, add, an_address
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import Pages, pages

__all__ = ["pages"]

MEDYKA, PALANCA, LVIV = (22.94, 49.80), (30.09, 46.41), (23.99, 49.84)


@pytest.fixture(autouse=True)
def at_the_start() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@dataclass
class World:
    """An organisation with a campaign for a hotspot at Medyka, or for the route from there to Lviv."""

    pages: Pages
    story: Story
    place_id: int
    stop_id: int
    route_id: int

    def use(self, **rule: Any) -> None:
        """Let the campaign, which is approved then, write to these."""
        with self.pages.sessions.begin() as session:
            session.get_one(Audience, self.story.campaign.audience_id).rule = rule
        with self.pages.sessions.begin() as session:
            self.story.in_session(session).approved()

    def near_people(self) -> set[int]:
        """Return the ids of the people at Medyka."""
        with self.pages.sessions() as session:
            return set(session.scalars(select(Contact.id).where(Contact.cell == cell_of(*MEDYKA))))

    def sent_to(self) -> tuple[Run, set[int]]:
        """Let the clock fire and the engine plan; return the run and who would get it."""
        with self.pages.sessions.begin() as session:
            (run,) = fire_due(session, now=DUE)
            run_id, state = run.id, run.state
        if state == RunState.PLANNING:
            fan_out(self.pages.sessions, run_id, policy=USUAL)
        with self.pages.sessions() as session:
            people = set(session.scalars(select(Delivery.contact_id).where(Delivery.run_id == run_id)))
            return session.get_one(Run, run_id), people

    def waiting(self) -> list[Proposal]:
        with self.pages.sessions() as session:
            waits = Proposal.state == ProposalState.WAITING
            return list(session.scalars(select(Proposal).where(waits).order_by(Proposal.id)))

    def place(self, place_id: int | None = None) -> Place:
        with self.pages.sessions() as session:
            return session.get_one(Place, place_id or self.place_id)

    def client(self, *roles: Role) -> FlaskClient:
        return self.pages.client(self.pages.member(*roles))


@pytest.fixture
def world(pages: Pages, vault: Vault) -> World:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, people=0, organisation=pages.ours)
        region_id = a_region(session, code="UA-46", country="UA").id
        drafts = (
            PlaceDraft(kind=PlaceKind.HOTSPOT, name="Medyka", shape=circle(*MEDYKA, 5_000)),
            PlaceDraft(kind=PlaceKind.STOP, name="Lviv", shape=circle(*LVIV, 1_500)),
        )
        place, stop = (save_hotspot(session, pages.ours.id, draft, by=story.author.id) for draft in drafts)
        line = RouteDraft(name="Line", mode="rail", stop_ids=(place.id, stop.id), half_width_m=5_000)
        route = save_route(session, pages.ours.id, line, by=story.author.id)
        place.key, stop.key, route.key = "medyka", "lviv", "line"
        for number, at in enumerate([MEDYKA] * 2 + [PALANCA] * 3):
            contact = a_contact(session, pages.ours, cell=cell_of(*at), region_id=region_id)
            an_address(session, contact, vault, number=f"+38050{number:07}")
        return World(pages, story, place.id, stop.id, route.id)


def circle_form(at: tuple[float, float], **changes: str) -> dict[str, str]:
    form = {
        "name": "Medyka",
        "kind": "hotspot",
        "shape": "circle",
        "latitude": str(at[1]),
        "longitude": str(at[0]),
        "radius_km": "5",
        "category": "",
        "certainty": "",
    }
    return form | changes


def line_form(world: World, **changes: Any) -> dict[str, Any]:
    form = {"name": "Line", "mode": "rail", "width_km": "5", "programme": "", "certainty": "", "act": "save"}
    return form | {"stops": [str(world.place_id), str(world.stop_id)]} | changes


def upload(client: FlaskClient, text: str, name: str) -> TestResponse:
    return client.post("/places/import", data={"file": (io.BytesIO(text.encode()), name)})


@pytest.mark.both_databases
def test_moved_hotspot_of_an_approved_campaign_reaches_nobody_else(world: World) -> None:
    """One author moves the hotspot to another country; those there get nothing, those who were meant get it."""
    world.use(place_ids=[world.place_id])
    answer = world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    assert answer.location.endswith(f"/proposals/{proposal.id}")
    assert world.place().geometry["coordinates"] == list(MEDYKA)
    run, people = world.sent_to()
    assert (run.state, people) == (RunState.RUNNING, world.near_people())
    assert len(people) == 2


@pytest.mark.both_databases
@pytest.mark.parametrize("is_removed", [False, True])
def test_place_of_an_entry_point_is_moved_by_two(world: World, is_removed: bool) -> None:
    """Who scans a code at the border is not taken to be elsewhere, nor told who helps there, by one author."""
    with world.pages.sessions.begin() as session:
        values = {"organisation_id": world.pages.ours.id, "created_at": START, "place_id": world.place_id}
        removed_at = START if is_removed else None
        add(session, EntryPoint(code="GATE", name="Gate", removed_at=removed_at, **values))
    author = world.client(Role.AUTHOR)
    author.post(f"/places/{world.place_id}", data=circle_form(PALANCA, note="Beside the gate"))
    assert world.place().note == "Beside the gate"
    assert world.place().geometry["coordinates"] == list(PALANCA if is_removed else MEDYKA)
    assert len(world.waiting()) == (not is_removed)
    page = author.get(f"/places/{world.place_id}").text
    assert ("A change of it waits for a second member." in page) is not is_removed


def test_region_of_a_place_of_an_entry_point_is_changed_by_two(world: World) -> None:
    """Its point stays where it is, but whoever joins there is in the region that it states."""
    with world.pages.sessions.begin() as session:
        values = {"organisation_id": world.pages.ours.id, "created_at": START, "place_id": world.place_id}
        add(session, EntryPoint(code="GATE", name="Gate", **values))
    author = world.client(Role.AUTHOR)
    lies_in = str(locate(*MEDYKA).region_code)
    author.post(f"/places/{world.place_id}", data=circle_form(MEDYKA, region_code=lies_in))
    assert (world.waiting(), world.place().extra["iso3166_2"]) == ([], lies_in)
    author.post(f"/places/{world.place_id}", data=circle_form(MEDYKA, region_code="RO-SV"))
    assert world.place().extra["iso3166_2"] == lies_in
    (proposal,) = world.waiting()
    approver = world.client(Role.APPROVER)
    page = approver.get(f"/proposals/{proposal.id}").text
    assert (lies_in in page, "RO-SV" in page) == (True, True)
    approver.post(f"/proposals/{proposal.id}/agree")
    assert world.place().extra["iso3166_2"] == "RO-SV"


def test_two_members_move_it_and_the_campaign_is_read_again(world: World) -> None:
    """An author and an approver agree on the new place; what was approved for the old one waits all the same."""
    world.use(place_ids=[world.place_id])
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    approver = world.client(Role.APPROVER)
    page = approver.get(f"/proposals/{proposal.id}").text
    assert all(said in page for said in ("49.8000, 22.9400", "46.4100, 30.0900", "km", "Agree"))
    assert approver.post(f"/proposals/{proposal.id}/agree").status_code == 302
    assert world.place().geometry["coordinates"] == list(PALANCA)
    run, people = world.sent_to()
    assert (run.state, people) == (RunState.HELD, set())
    assert "approved again" in str(run.reason)
    with world.pages.sessions() as session:
        assert session.get_one(Campaign, world.story.campaign.id).state == CampaignState.DRAFT


@pytest.mark.parametrize("way", ["form", "locations", "hotspots"])
def test_every_way_to_move_a_place_in_use_waits(world: World, way: str) -> None:
    world.use(place_ids=[world.place_id])
    author = world.client(Role.AUTHOR)
    longitude, latitude = PALANCA
    if way == "form":
        author.post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    elif way == "locations":
        upload(author, f"id,name,lat,lon\nmedyka,Medyka,{latitude},{longitude}\n", "l.csv")
    else:
        feature = (
            f'{{"type":"Feature","id":"medyka","geometry":{{"type":"Point","coordinates":[{longitude},{latitude}]}},'
            '"properties":{"name":"Medyka","radius_m":5000}}'
        )
        upload(author, f'{{"type":"FeatureCollection","features":[{feature}]}}', "h.geojson")
    assert world.place().geometry["coordinates"] == list(MEDYKA)
    (proposal,) = world.waiting()
    assert proposal.after["geometry"]["coordinates"] == list(PALANCA)
    assert "medyka" not in str(proposal.before["geometry"])


@pytest.mark.parametrize("way", ["width", "stops", "mode", "stop", "file"])
def test_every_way_to_change_a_route_in_use_waits(world: World, way: str) -> None:
    world.use(route_parts=[{"route_id": world.route_id, "direction": "all"}])
    author, url = world.client(Role.AUTHOR), f"/places/routes/{world.route_id}"
    with world.pages.sessions() as session:
        before = session.get_one(Route, world.route_id).corridor.cover_digest
    if way == "width":
        author.post(url, data=line_form(world, width_km="50"))
    elif way == "stops":
        author.post(url, data=line_form(world, stops=[str(world.stop_id), str(world.place_id)]))
    elif way == "mode":
        author.post(url, data=line_form(world, mode="air"))
    elif way == "stop":
        author.post(f"/places/{world.stop_id}", data=circle_form(PALANCA, name="Lviv", kind="stop"))
    else:
        upload(author, "id,name,mode,waypoints\nline,Line,rail,lviv > medyka\n", "r.csv")
    assert len(world.waiting()) == 1
    with world.pages.sessions() as session:
        assert session.get_one(Route, world.route_id).corridor.cover_digest == before


def test_what_is_not_in_use_takes_one_member(world: World) -> None:
    author = world.client(Role.AUTHOR)
    assert author.post(f"/places/{world.place_id}", data=circle_form(PALANCA)).location == "/places"
    assert world.place().geometry["coordinates"] == list(PALANCA)
    assert world.waiting() == []


@pytest.mark.both_databases
def test_note_on_a_place_in_use_takes_one_member(world: World) -> None:
    world.use(place_ids=[world.place_id])
    author = world.client(Role.AUTHOR)
    author.post(f"/places/{world.place_id}", data=circle_form(MEDYKA, note="Closed at night.", certainty="low"))
    assert (world.place().note, world.place().certainty, world.waiting()) == ("Closed at night.", "low", [])


def test_rest_of_an_edit_is_saved_at_once(world: World) -> None:
    world.use(place_ids=[world.place_id])
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA, note="Moved."))
    assert (world.place().note, world.place().geometry["coordinates"]) == ("Moved.", list(MEDYKA))
    assert len(world.waiting()) == 1


def test_name_that_people_are_told_waits_too(world: World) -> None:
    world.use(place_ids=[world.place_id])
    renamed = circle_form(MEDYKA, name="Call +373 69 000 000")
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=renamed)
    assert (world.place().name, len(world.waiting())) == ("Medyka", 1)


def test_taking_a_place_out_of_use_takes_one_member(world: World) -> None:
    world.use(route_parts=[{"route_id": world.route_id, "direction": "all"}])
    author = world.client(Role.AUTHOR)
    author.post(f"/places/routes/{world.route_id}/delete")
    author.post(f"/places/{world.place_id}/delete")
    with world.pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Route)) == 0
        assert session.get(Place, world.place_id) is None
    run, people = world.sent_to()
    assert (run.state, people) == (RunState.HELD, set())


def test_whoever_deletes_what_is_in_use_is_told_that_a_campaign_will_wait(world: World) -> None:
    author, said = world.client(Role.AUTHOR), "starts nothing more until it is approved again"
    route, place = (f"/places/{path}/delete" for path in (f"routes/{world.route_id}", world.place_id))
    assert said not in author.get(route).text
    world.use(place_ids=[world.place_id], route_parts=[{"route_id": world.route_id, "direction": "all"}])
    assert said in author.get(route).text
    author.post(route)
    assert said in author.get(place).text


@pytest.mark.both_databases
def test_who_proposed_cannot_agree_nor_approve_what_uses_it(world: World) -> None:
    world.use(place_ids=[world.place_id])
    both = world.pages.member(Role.AUTHOR, Role.APPROVER)
    client = world.pages.client(both)
    client.post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    client.post(f"/proposals/{proposal.id}/agree")
    assert world.place().geometry["coordinates"] == list(MEDYKA)
    second = world.pages.member(Role.APPROVER)
    world.pages.client(second).post(f"/proposals/{proposal.id}/agree")
    assert world.place().geometry["coordinates"] == list(PALANCA)
    with world.pages.sessions() as session:
        authors = set(session.scalars(select(PlaceAuthor.member_id).where(PlaceAuthor.place_id == world.place_id)))
    assert both.id in authors
    assert second.id not in authors


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUTHOR, Role.RESPONDER, Role.STEWARD, Role.ADMIN])
def test_only_who_may_review_agrees(world: World, role: Role) -> None:
    world.use(place_ids=[world.place_id])
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    world.client(role).post(f"/proposals/{proposal.id}/agree")
    assert world.place().geometry["coordinates"] == list(MEDYKA)


def test_agreeing_asks_for_the_password_again(world: World) -> None:
    world.use(place_ids=[world.place_id])
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    approver = world.client(Role.APPROVER)
    with approver.session_transaction() as cookie:
        cookie["fs_paa"] = 1.0
    assert "/sign-in/again" in approver.post(f"/proposals/{proposal.id}/agree").location
    assert world.place().geometry["coordinates"] == list(MEDYKA)


@pytest.mark.both_databases
def test_line_whose_new_stop_moved_since_is_not_agreed_to(world: World) -> None:
    """A stop that nobody uses yet may be moved by one member, but not under a line that another one looks at."""
    with world.pages.sessions.begin() as session:
        draft = PlaceDraft(kind=PlaceKind.STOP, name="Halt", shape=circle(23.5, 49.8, 1_000))
        halt_id = save_hotspot(session, world.pages.ours.id, draft, by=None).id
    world.use(route_parts=[{"route_id": world.route_id, "direction": "all"}])
    author = world.client(Role.AUTHOR)
    stops = [str(world.place_id), str(halt_id), str(world.stop_id)]
    author.post(f"/places/routes/{world.route_id}", data=line_form(world, stops=stops))
    (proposal,) = world.waiting()
    author.post(f"/places/{halt_id}", data=circle_form(PALANCA, name="Halt", kind="stop"))
    world.client(Role.APPROVER).post(f"/proposals/{proposal.id}/agree")
    with world.pages.sessions() as session:
        assert len(session.get_one(Route, world.route_id).stops) == 2


def test_audit_keeps_hashes_and_areas_of_shapes(world: World) -> None:
    world.use(place_ids=[world.place_id])
    world.client(Role.AUTHOR).post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    with world.pages.sessions() as session:
        made = AuditEntry.action == "proposal.make"
        (detail,) = session.scalars(select(AuditEntry.detail).where(made))
    assert set(detail["before"]) == set(detail["after"]) == {"sha256", "km2"}
    assert detail["before"]["sha256"] != detail["after"]["sha256"]
    assert detail["after"]["km2"] == 79


@pytest.mark.both_databases
def test_file_changes_what_is_not_in_use_and_proposes_the_rest(world: World) -> None:
    world.use(place_ids=[world.place_id])
    rows = f"medyka,Medyka,{PALANCA[1]},{PALANCA[0]}\nlviv,Lviv,49.85,23.99\nnew,New,49.0,23.0\n"
    answer = upload(world.client(Role.AUTHOR), f"id,name,lat,lon\n{rows}", "l.csv")
    assert answer.location.endswith("/proposals")
    assert world.place(world.stop_id).geometry["coordinates"] == [23.99, 49.85]
    assert world.place().geometry["coordinates"] == list(MEDYKA)
    with world.pages.sessions() as session:
        made = AuditEntry.action == "places.import"
        (counts,) = session.scalars(select(AuditEntry.detail).where(made))
    assert counts == {"added": 1, "changed": 1, "unchanged": 0, "waiting": 1}


def test_operator_imports_no_place_in_use(world: World) -> None:
    """On the command line there is no member who proposes it."""
    world.use(place_ids=[world.place_id])
    file = io.BytesIO(f"id,name,lat,lon\nmedyka,Medyka,{PALANCA[1]},{PALANCA[0]}\n".encode())
    with (
        pytest.raises(RefusedError, match="in use"),
        world.pages.sessions.begin() as session,
    ):
        import_file("places", session, world.pages.ours.id, name="l.csv", file=file, country=None)
    assert world.place().geometry["coordinates"] == list(MEDYKA)


def test_file_that_nobody_looks_through_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.places.proposed.MOST_OF_A_FILE", 0)
    world.use(place_ids=[world.place_id])
    rows = f"medyka,Medyka,{PALANCA[1]},{PALANCA[0]}\nnew,New,49.0,23.0\n"
    answer = upload(world.client(Role.AUTHOR), f"id,name,lat,lon\n{rows}", "l.csv")
    assert "Two members decide on each" in answer.text
    with world.pages.sessions() as session:
        assert session.scalar(select(func.count()).where(Place.key == "new")) == 0
    assert world.waiting() == []


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.ARCHIVED])
def test_place_is_in_use_while_somebody_counts_on_it(world: World, state: CampaignState) -> None:
    with world.pages.sessions.begin() as session:
        story = world.story.in_session(session)
        story.campaign.audience.rule = {"place_ids": [world.place_id]}
        story.campaign.state = state
    with world.pages.sessions() as session:
        used = find_used(session, world.pages.ours.id)
        assert used.place_ids == ({world.place_id} if state == CampaignState.SUBMITTED else set())
        assert find_used(session, world.pages.theirs.id).place_ids == set()


def test_run_under_way_uses_what_it_froze(world: World) -> None:
    """Whatever became of the campaign since: a run that is planned later looks there."""
    world.use(place_ids=[world.place_id])
    with world.pages.sessions.begin() as session:
        (run,) = fire_due(session, now=DUE)
        planning.take_back_campaign(session, run.campaign, by=world.story.author.id)
        run.campaign.audience.rule = {}
    with world.pages.sessions() as session:
        assert find_used(session, world.pages.ours.id).place_ids == {world.place_id}


def test_both_shapes_are_on_one_map(world: World) -> None:
    world.use(place_ids=[world.place_id])
    author = world.client(Role.AUTHOR)
    author.post(f"/places/{world.place_id}", data=circle_form(PALANCA))
    (proposal,) = world.waiting()
    drawn = author.get(f"/places/compare/{proposal.id}/map.json").get_json()["features"]
    assert [(each["properties"]["kind"], each["geometry"]["coordinates"]) for each in drawn] == [
        ("stop", list(MEDYKA)),
        ("hotspot", list(PALANCA)),
    ]
    assert author.get(f"/places/compare/{proposal.id}").status_code == 200
    assert "See what is proposed" in author.get(f"/places/{world.place_id}").text
    theirs = world.pages.client(world.pages.member(Role.AUTHOR, organisation=world.pages.theirs))
    assert theirs.get(f"/places/compare/{proposal.id}").status_code == 404


def test_route_is_compared_by_its_line(world: World) -> None:
    world.use(route_parts=[{"route_id": world.route_id, "direction": "all"}])
    author = world.client(Role.AUTHOR)
    author.post(f"/places/routes/{world.route_id}", data=line_form(world, width_km="50"))
    (proposal,) = world.waiting()
    page = author.get(f"/proposals/{proposal.id}").text
    assert all(said in page for said in ("Medyka → Lviv", "5 km", "50 km"))
    assert len(author.get(f"/places/compare/{proposal.id}/map.json").get_json()["features"]) == 2
    world.client(Role.APPROVER).post(f"/proposals/{proposal.id}/agree")
    with world.pages.sessions() as session:
        assert session.get_one(Route, world.route_id).width_m == 50_000
