"""The page on which people join shows ways to write first, and sends nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.audience.joining.ways_to_join import create_entry_point, take_down
from campaigns.audience.models import Channel, EntryPoint
from campaigns.staff.models import Role
from tests.factories import a_place, a_sender
from tests.web.pages import Pages

BOT = {"channel": Channel.TELEGRAM, "gateway": "telegram", "identity": "fingerpost_bot"}
NUMBER = {"identity": "+48500100200", "countries": ["PL"]}
CHAT = NUMBER | {"channel": Channel.WHATSAPP}


@pytest.fixture
def people(pages: Pages, people: FlaskClient) -> FlaskClient:
    """Somebody who reads the pages of `ours`; three senders can be written to."""
    with pages.sessions.begin() as session:
        for facts in (BOT, NUMBER, CHAT):
            a_sender(session, organisation_id=pages.ours.id, **facts)
    return people


def hang_up(pages: Pages, code: str, **facts: Any) -> EntryPoint:
    with pages.sessions.begin() as session:
        return create_entry_point(session, pages.ours.id, name=code, code=code, by=None, **facts)


def test_page_leads_to_each_app_and_says_who_shows_the_number(pages: Pages, people: FlaskClient) -> None:
    hang_up(pages, "GATE-1")
    page = people.get("/en/pl-18/b")
    assert page.status_code == 200
    links = ("https://t.me/fingerpost_bot?start=GATE-1", "https://wa.me/48500100200?text=GATE-1")
    for link in (*links, "sms:+48500100200?body=GATE-1"):
        after = page.text.partition(f'href="{link}"')[2].partition("</li>")[0]
        assert after, link
        assert ("does not see your phone number" in after) is ("t.me" in link)
    assert "Anna House" in page.text
    assert "Set-Cookie" not in page.headers
    assert "https://t.me" in people.get("/en/de/b").text
    assert "sms:" not in people.get("/en/de/b").text


def test_number_whose_key_is_missing_is_no_way_in(pages: Pages, people: FlaskClient) -> None:
    """Nobody hears what is written there, which those who print a poster are told."""
    lacking = {"identity": "+48500999999", "secret_name": "later"}
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, **lacking)
    hung = hang_up(pages, "GATE-1")
    page = people.get("/en/pl/b").text
    assert "+48500100200" in page
    assert "+48500999999" not in page
    staff, own = pages.client(pages.member(Role.AUTHOR)), f"/audience/ways-to-join/{hung.id}"
    for page in (staff.get(own).text, staff.get(f"{own}/poster").text):
        assert "sms:+48500999999" not in page
        assert "+48500999999" in page.partition("Left out until the provider key is entered")[2]


def test_way_in_of_their_language_comes_first_and_no_place_is_claimed(pages: Pages, people: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        place_id = a_place(session, pages.ours).id
    hang_up(pages, "AT-GATE", place_id=place_id)
    assert "Nobody takes new people here" in people.get("/en/pl-18/b").text
    hang_up(pages, "ANY")
    hang_up(pages, "UKR", language="uk")
    assert "start=ANY" in people.get("/en/pl/b").text
    assert "start=UKR" in people.get("/uk/pl/b").text


def test_way_in_that_is_taken_down_is_not_shown(pages: Pages, people: FlaskClient) -> None:
    hung = hang_up(pages, "GONE")
    with pages.sessions.begin() as session:
        take_down(session, session.get_one(EntryPoint, hung.id), by=None)
    assert "GONE" not in people.get("/en/pl/b").text


def test_page_in_a_language_that_is_lacking_is_in_another(people: FlaskClient) -> None:
    page = people.get("/de/pl/b")
    assert (page.status_code, 'lang="en"' in page.text, "not ready in" in page.text) == (200, True, True)
