"""The page of the calendar, as members of each role and language meet it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.planning.story import a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")


@pytest.fixture
def viewer(pages: Pages, vault: Vault) -> FlaskClient:
    """A member who may only read, in an organisation with a campaign on 2 March at 18:00 in Warsaw, 17:00 UTC."""
    with pages.sessions.begin() as session:
        a_story(session, vault, organisation=pages.ours).scheduled()
    return pages.client(pages.member(Role.RESPONDER))


def test_month_shows_the_campaign_on_its_day(viewer: FlaskClient) -> None:
    page = viewer.get("/campaigns/calendar")
    assert page.status_code == 200
    assert "March 2026" in page.text
    assert "17:00" in page.text
    assert "Documents" in page.text


def test_zone_moves_the_hour(viewer: FlaskClient) -> None:
    page = viewer.get("/campaigns/calendar?zone=Asia/Kathmandu&view=week&day=2026-03-02").text
    assert "22:45" in page
    assert "By the clock of Asia/Kathmandu" in page


def test_empty_month_says_what_to_do(viewer: FlaskClient) -> None:
    assert "Nothing is sent in these days." in viewer.get("/campaigns/calendar?day=2027-01").text


@pytest.mark.parametrize("query", ["zone=Europe/Atlantis", "day=tomorrow", "day=9999-12-31", "day=0001-01"])
def test_wrong_questions_are_told(viewer: FlaskClient, query: str) -> None:
    page = viewer.get(f"/campaigns/calendar?{query}")
    assert page.status_code == 422
    assert "notice is-bad" in page.text
    assert "March 2026" in page.text


def test_other_organisations_are_not_shown(pages: Pages, viewer: FlaskClient) -> None:
    stranger = pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs))
    assert "Documents" not in stranger.get("/campaigns/calendar").text


@pytest.mark.parametrize("locale", ["uk", "ar"])
def test_calendar_is_drawn_in_each_language(pages: Pages, viewer: FlaskClient, locale: str) -> None:
    page = pages.client(pages.member(Role.RESPONDER, locale=locale)).get("/campaigns/calendar")
    assert (page.status_code, f'lang="{locale}"' in page.text) == (200, True)
