"""A route's page names many places as waypoints, and reads whole only those that it shows."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from campaigns.places.models import PlaceKind
from campaigns.places.queries import place_choices
from campaigns.staff.models import Role
from campaigns.web.forms import MOST_LISTED
from tests.factories import a_place, a_region, an_organisation
from tests.web.counting import counting
from tests.web.pages import Pages

#: The shape of a place may be an outline of thousands of corners.
OF_SHAPES = re.compile(r"SELECT (?=.*\bplace\.geometry\b)(?!.*\bplace\.id IN \()", re.IGNORECASE | re.DOTALL)
LINE = {"name": "Out", "mode": "rail", "width_km": "20", "programme": "", "certainty": ""}


def test_choice_names_places_with_their_countries(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    somewhere = a_place(session, ours, name="Border", region_id=a_region(session).id)
    anywhere = a_place(session, ours, name="At sea", kind=PlaceKind.STOP)
    a_place(session, ours, kind=PlaceKind.CORRIDOR)
    a_place(session, theirs)
    named = [(anywhere.id, "At sea", None), (somewhere.id, "Border", "PL")]
    assert place_choices(session, ours.id) == named


def test_shapes_are_read_of_waypoints_only(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        region = a_region(session)
        places = [
            a_place(session, pages.ours, name=f"Crossing {number}", region_id=region.id)
            for number in range(MOST_LISTED + 5)
        ]
    author, first = pages.client(pages.member(Role.AUTHOR)), places[0]
    with counting(pages, OF_SHAPES) as found:
        empty = author.get("/places/routes/new").text
        added = author.post("/places/routes/new", data=LINE | {"act": "add", "addition": str(first.id)}).text
    assert found == []
    assert f'<option value="{first.id}"' not in empty
    assert f'name="stops" value="{first.id}"' in added
    assert "countries=PL" in empty


@pytest.mark.parametrize(
    "sent", [{"act": f"up:{'9' * 5_000}"}, {"act": "add", "addition": "9" * 30}], ids=["position", "place"]
)
def test_button_that_names_no_waypoint_changes_nothing(pages: Pages, sent: dict[str, str]) -> None:
    assert pages.client(pages.member(Role.AUTHOR)).post("/places/routes/new", data=sent).status_code == 200
