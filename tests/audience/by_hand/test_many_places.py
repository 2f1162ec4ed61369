"""The form of one contact names many places, and reads whole only the one that is chosen."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from campaigns.audience.models import Contact
from campaigns.places.models import Place
from campaigns.staff.models import Role
from tests.factories import a_contact, a_place
from tests.web.counting import counting
from tests.web.pages import Pages

#: The shape of a place may be an outline of thousands of corners.
OF_SHAPES = re.compile(r"SELECT (?=.*\bplace\.geometry\b)(?!.*\bplace\.id = )", re.IGNORECASE | re.DOTALL)


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: its queries have tests of their own."""
    return sqlite_engine


@pytest.fixture
def steward(pages: Pages) -> FlaskClient:
    return pages.client(pages.member(Role.STEWARD))


def test_place_that_is_not_listed_is_written_down(
    pages: Pages, many_places: list[Place], steward: FlaskClient
) -> None:
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours, position_at=None)
    address, first = f"/audience/contacts/{contact.id}/change", many_places[0]
    said = {"language": "uk", "place_id": first.id, "seen_on": "2026-03-01"}
    with counting(pages, OF_SHAPES) as found:
        page = steward.get(address).text
        assert steward.post(address, data=said).status_code == 302
    assert found == []
    assert f'<option value="{first.id}"' not in page
    with pages.sessions() as session:
        assert session.get_one(Contact, contact.id).cell is not None


@pytest.mark.parametrize("place", ["theirs", "x", "9" * 30])
def test_place_that_is_no_choice_is_refused(
    pages: Pages, many_places: list[Place], steward: FlaskClient, place: str
) -> None:
    with pages.sessions.begin() as session:
        contact, theirs = a_contact(session, pages.ours), a_place(session, pages.theirs)
    said = {"language": "uk", "place_id": str(theirs.id) if place == "theirs" else place, "seen_on": "2026-03-01"}
    answer = steward.post(f"/audience/contacts/{contact.id}/change", data=said)
    assert answer.status_code == 422
    assert "Not a valid choice" in answer.text
