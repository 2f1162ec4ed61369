"""A place's page tells in tens who is there when it is asked, and to an approver the same without a form."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from campaigns.audience.figures import init_counts
from campaigns.audience.models import KeptCount, SmallLook
from campaigns.places.models import Place, PlaceCell
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_contact, a_member, a_place, add, an_audience
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

CELL = 77


def make_place(pages: Pages, *, people: int) -> Place:
    """A place at which so many people last were, named by one campaign."""
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        place = a_place(session, ours)
        add(session, PlaceCell(place_id=place.id, cell=CELL))
        for _ in range(people):
            a_contact(session, ours, cell=CELL)
        a_contact(session, ours, cell=CELL + 1)
        audience = an_audience(session, ours, rule={"place_ids": [place.id]})
        a_campaign(session, ours, a_member(session, ours), name="Papers", audience=audience)
        return place


def looks(pages: Pages) -> int:
    """How many looks at few people are noted."""
    with pages.sessions() as session:
        return session.scalar(select(func.count()).select_from(SmallLook)) or 0


@pytest.mark.parametrize(("people", "shown"), [(25, ">30<"), (19, "fewer than 20"), (0, "fewer than 20")])
@pytest.mark.both_databases
def test_people_are_told_in_tens_to_data_managers_too(pages: Pages, people: int, shown: str) -> None:
    place = make_place(pages, people=people)
    client = pages.client(pages.member(*Role))
    path = f"/places/{place.id}?people=1"
    assert f'href="{path}#people-title"' in client.get(f"/places/{place.id}").text
    page = client.get(path).text
    people_here, campaigns_here = page.split('id="people-title"')[1].split('id="campaigns-title"')
    assert shown in people_here
    assert "Papers" in campaigns_here
    assert "Not sent yet" in campaigns_here


def test_an_approver_reads_it_and_gets_no_form(pages: Pages) -> None:
    place = make_place(pages, people=25)
    client = pages.client(pages.member(Role.APPROVER))
    page = client.get(f"/places/{place.id}").text
    assert "People here" in page
    assert 'id="place-form"' not in page
    assert client.post(f"/places/{place.id}", data={}).status_code == 403
    assert f'href="/places/{place.id}"' in client.get("/places").text


def test_nobody_is_counted_within_the_request(pages: Pages) -> None:
    place = make_place(pages, people=25)
    init_counts(pages.app)
    page = pages.client(pages.member(Role.AUTHOR)).get(f"/places/{place.id}?people=1").text
    assert "Waiting to be counted." in page
    with pages.sessions() as session:
        assert {"place_ids": [place.id]} in [row["rule"] for row in session.scalars(select(KeptCount.question))]


def test_only_asking_who_is_there_is_noted_as_a_look_at_few(pages: Pages) -> None:
    """Whoever opens, searches and edits small places all day is nobody to be watched."""
    place = make_place(pages, people=3)
    client, path = pages.client(pages.member(Role.AUTHOR)), f"/places/{place.id}"
    for query in ("", "?find=Lviv"):
        assert "fewer than 20" not in client.get(path + query).text
    mistaken = client.post(path, data={"name": ""})
    assert (mistaken.status_code, "Papers" in mistaken.text) == (422, False)
    assert looks(pages) == 0
    client.get(path + "?people=1")
    assert looks(pages) == 1


def test_a_place_of_another_organisation_is_not_there(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        place = a_place(session, session.merge(pages.theirs))
    assert pages.client(pages.member(*Role)).get(f"/places/{place.id}").status_code == 404
