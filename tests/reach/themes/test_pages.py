"""Members see what people write about: exactly if they handle contacts, else only what points to nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation, ConversationTheme, UnnamedReport
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.places.models import Region
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_region, a_sender
from tests.inbox.builders import OURS, write
from tests.reach.themes.noted import note
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
MARCH, FEBRUARY = NOW.date() - timedelta(days=2), NOW.date().replace(month=2)


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock.running_on(lambda: NOW):
        yield


def rows_of(page: str) -> dict[str, list[str]]:
    """Return the figures beside each theme, the first table's of a theme first."""
    found: dict[str, list[str]] = {}
    for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.S):
        name = row.partition("</th>")[0]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
        found.setdefault(name, [re.sub(r"<.*?>", "", cell).replace("&lt;", "<") for cell in cells])
    return found


def test_nothing_noted_says_how_it_comes(client_for: Clients) -> None:
    page = client_for(Role.VIEWER).get("/reach/themes").text
    assert "Nothing can be shown yet." in page
    assert "Nothing is found." in client_for(Role.VIEWER).get("/reach/themes?language=uk").text


@pytest.mark.both_databases
def test_data_managers_see_every_person_once_in_a_figure(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        here, there = a_region(session, code="PL-18"), a_region(session, code="PL-06", name="Lubelskie")
        one = note(session, pages.ours, Theme.SHELTER, here, 3, on=MARCH)
        note(session, pages.ours, Theme.SHELTER, here, 2, on=FEBRUARY)
        # The same people again, a day later and elsewhere.
        for each in one:
            for day, region in ((1, here), (0, there)):
                facts = {"theme": Theme.SHELTER, "on_day": MARCH - timedelta(days=3 - day), "region_id": region.id}
                session.add(ConversationTheme(conversation_id=each, organisation_id=pages.ours.id, **facts))
        note(session, pages.theirs, Theme.FOOD, here, 4, on=MARCH)
    page = client_for(Role.STEWARD).get("/reach/themes").text
    assert rows_of(page) == {"A place to sleep": ["0", "0", "0", "0", "2", "3"]}
    assert page.count("A place to sleep") == 3
    assert "Lubelskie" in page
    weekly = client_for(Role.STEWARD).get("/reach/themes?unit=week&since=2026-03-02&until=2026-03-11").text
    assert rows_of(weekly) == {"A place to sleep": ["3", "3"]}


def test_others_see_what_points_to_nobody(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        here, there = a_region(session, code="PL-18"), a_region(session, code="PL-06", name="Lubelskie")
        note(session, pages.ours, Theme.SHELTER, here, 27, on=MARCH)
        note(session, pages.ours, Theme.SHELTER, here, 19, on=FEBRUARY)
        note(session, pages.ours, Theme.FOOD, there, 19, on=MARCH)
        note(session, pages.ours, Theme.HEALTH, here, 25, on=NOW.date())
    page = client_for(Role.VIEWER).get("/reach/themes").text
    assert rows_of(page) == {"A place to sleep": ["<20"] * 5 + ["30"]}
    assert "Lubelskie" not in page
    assert rows_of(client_for(Role.STEWARD).get("/reach/themes").text)["Health"][-1] == "25"


@pytest.mark.both_databases
def test_reports_without_a_name_lift_nothing_over_the_threshold(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        here = a_region(session, code="PL-18")
        note(session, pages.ours, Theme.SHELTER, here, 19, on=MARCH)
        reports = note(session, pages.ours, Theme.SHELTER, here, 7, on=MARCH, without_name=True)
        note(session, pages.ours, Theme.FOOD, here, 30, on=MARCH, without_name=True)
        session.get_one(UnnamedReport, reports[0]).same_as_id = reports[1]
        session.get_one(Conversation, reports[2]).is_complaint = True
    page = client_for(Role.VIEWER).get("/reach/themes").text
    assert rows_of(page) == {}
    assert "These are reports, not people" not in page
    assert "Reports without a name are not counted as people" in page
    people, _, apart = client_for(Role.STEWARD).get("/reach/themes").text.partition('id="reports-title"')
    assert rows_of(people) == {"A place to sleep": ["0"] * 5 + ["19"]}
    assert rows_of(apart) == {"A place to sleep": ["0"] * 5 + ["5"], "Food or water": ["0"] * 5 + ["30"]}
    assert "These are reports, not people" in apart


def test_language_and_country_narrow_it(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        here, there = a_region(session, code="PL-18"), a_region(session, code="UA-46", country="UA")
        note(session, pages.ours, Theme.SHELTER, here, 2, on=MARCH, language="uk")
        note(session, pages.ours, Theme.SHELTER, here, 3, on=MARCH, language="ar")
        note(session, pages.ours, Theme.SHELTER, there, 4, on=MARCH, language="uk")
        note(session, pages.ours, Theme.SHELTER, None, 5, on=MARCH, language="uk")
    client = client_for(Role.STEWARD)
    for query, people in (
        ("", "14"),
        ("?language=uk", "11"),
        ("?country=PL", "5"),
        ("?country=PL&language=uk", "2"),
    ):
        assert rows_of(client.get(f"/reach/themes{query}").text)["A place to sleep"][-1] == people


@pytest.mark.both_databases
def test_lists_note_and_a_member_mends(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
        reply = write(session, vault, pages.ours.id, "I need a doctor and we have nowhere to sleep", options={})
        assert reply is not None
        contact = session.get_one(Contact, reply.contact_id)
        which = session.scalars(select(Conversation.id).where(Conversation.contact_id == contact.id)).one()
        contact.region_id = a_region(session).id
    client = client_for(Role.RESPONDER)
    assert themes_of(pages) == {(Theme.HEALTH, False), (Theme.SHELTER, False)}
    page = client.get(f"/inbox/{which}").text
    assert re.search(r'checked[^>]*value="health"', page)
    assert not re.search(r'checked[^>]*value="papers"', page)
    client.post(f"/inbox/{which}/themes", data={"themes": ["health", "papers"]})
    assert themes_of(pages) == {(Theme.HEALTH, False), (Theme.PAPERS, True)}
    assert (
        client.post(f"/inbox/{which}/themes", data={"themes": "weather"}, follow_redirects=True).status_code == 200
    )
    assert themes_of(pages) == {(Theme.HEALTH, False), (Theme.PAPERS, True)}
    with pages.sessions() as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.action == "conversation.themes")).one()
    assert "papers" not in str(noted.detail)


def themes_of(pages: Pages) -> set[tuple[Theme, bool]]:
    """Return what is noted, and whether with a region."""
    with pages.sessions() as session:
        rows = session.execute(select(ConversationTheme.theme, Region.id).outerjoin(Region))
        return {(Theme(row.theme), row.id is not None) for row in rows}
