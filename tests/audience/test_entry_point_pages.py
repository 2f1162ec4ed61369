"""Authors hang up entry points, read off what a poster needs, and take them down."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from campaigns.audience.models import Channel, EntryPoint
from campaigns.places.models import Place
from campaigns.staff.models import Role
from tests.factories import a_place, a_sender
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
PATH = "/audience/ways-to-join"


@pytest.fixture
def place_id(pages: Pages) -> int:
    with pages.sessions.begin() as session:
        return a_place(session, pages.ours, name="Medyka crossing").id


def hang_up(client: FlaskClient, **form: object) -> str:
    """Post a new entry point and return the path of its page."""
    answer = client.post(f"{PATH}/new", data={"name": "Poster at gate 3"} | form)
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def test_empty_list_says_what_to_do(client_for: Clients) -> None:
    assert "There are no posters or links yet." in client_for(Role.AUTHOR).get(PATH).text


def test_saved_entry_point_has_its_links(pages: Pages, client_for: Clients, place_id: int) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, identity="help_bot", channel=Channel.TELEGRAM, gateway="telegram")
        a_sender(session, identity="+48500100200", organisation_id=pages.theirs.id)
    client = client_for(Role.AUTHOR)
    page = client.get(hang_up(client, code="GATE-3", place_id=place_id, language="uk")).text
    assert "https://t.me/help_bot?start=GATE-3" in page
    assert "QR https://t.me/help_bot?start=GATE-3" in page
    assert "Medyka crossing" in page
    assert "+48500100200" not in page
    assert "GATE-3" in client.get(PATH).text


def test_without_senders_the_page_says_so(client_for: Clients) -> None:
    client = client_for(Role.AUTHOR)
    page = client.get(hang_up(client)).text
    assert "None of your senders can be answered" in page


@pytest.mark.parametrize("form", [{"code": "stop"}, {"code": "a b"}, {"name": ""}, {"place_id": "999"}])
def test_unfit_form_keeps_what_was_typed(pages: Pages, client_for: Clients, form: dict[str, str]) -> None:
    answer = client_for(Role.AUTHOR).post(f"{PATH}/new", data={"name": "Kept name"} | form)
    assert answer.status_code == 422
    assert "Kept name" in answer.text or not form.get("name", "x")
    with pages.sessions() as session:
        assert session.scalars(select(EntryPoint)).all() == []


@pytest.mark.both_databases
def test_taken_down_page_shows_no_links(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_sender(session)
    client = client_for(Role.AUTHOR)
    path = hang_up(client)
    assert "Ways in" in client.get(path).text
    client.post(f"{path}/take-down")
    page = client.get(path).text
    assert "nobody joins through it any more" in page
    assert "Ways in" not in page


def test_entry_point_outlives_its_place(pages: Pages, client_for: Clients, place_id: int) -> None:
    client = client_for(Role.AUTHOR)
    path = hang_up(client, place_id=place_id)
    with pages.sessions.begin() as session:
        session.execute(delete(Place).where(Place.id == place_id))
    assert "No place" in client.get(path).text


def test_poster_says_what_people_agree_to_in_the_chosen_languages(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, identity="help_bot", channel=Channel.TELEGRAM, gateway="telegram")
    client = client_for(Role.AUTHOR)
    address = hang_up(client, code="GATE-3", language="uk")
    assert f"{address}/poster" in client.get(address).text
    page = client.get(f"{address}/poster").text
    assert '<section lang="uk" dir="ltr">' in page
    assert "These words come from automatic translation, and nobody has reviewed them: <bdi>Ukrainian" in page
    page = client.get(f"{address}/poster?language=en&language=ar&language=xx").text
    assert "To end it, send STOP the same way" in page
    assert '<section lang="ar" dir="rtl">' in page
    assert page.count("<title>Telegram @help_bot</title>") == 1
    assert "nobody has reviewed them: <bdi>Arabic" in page
