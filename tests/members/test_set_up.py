"""A system without members serves its first page alone, behind a printed code, and makes one first member."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from campaigns.core.errors import RefusedError
from campaigns.members.first_member import FIRST_ROLES, FirstMember, found, join, slug_of, zone_of_machine
from campaigns.members.set_up_code import digest_of, is_code_of, make_code
from campaigns.members.set_up_views import MOST_TRIES, init_set_up
from campaigns.places.service import load_regions
from campaigns.staff.models import LeakyBucket, Member, Organisation
from tests.web.pages import Pages, make_own_pages

CODE, AFTER_RESTART = "abcde-fghjk", "mnpqr-stuvw"
TYPED = {
    "organisation": "Безпечна дорога",
    "slug": "",
    "time_zone": "Europe/Warsaw",
    "name": "Ada",
    "email": "Ada@example.org",
    "password": "three patient herons wading",
    "languages": ["uk", "ar"],
    "example": "y",
}


@pytest.fixture
def new(engine: Engine) -> Iterator[Pages]:
    """An application that nobody is a member of, as its server has just printed CODE."""
    with make_own_pages(engine) as pages:
        with pages.sessions.begin() as session:
            session.execute(delete(LeakyBucket))
            load_regions(session)
        init_set_up(pages.app, digest_of(CODE))
        yield pages


def enter(client: FlaskClient, code: str = CODE) -> TestResponse:
    return client.post("/set-up", data={"code": code})


@pytest.mark.one_database
def test_nothing_else_is_served_until_there_is_a_member(new: Pages) -> None:
    client = new.client()
    for path in ("/", "/sign-in", "/campaigns", "/settings/members", "/help", "/api/", "/nowhere"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (302, "/set-up"), path
    assert client.post("/sign-in", data={"email": "a@b.example"}).location == "/set-up"
    assert client.get("/health").status_code == 200
    # A stop would not be lost.
    assert client.post("/hooks/twilio/inbound").status_code == 403
    assert "Name of your organisation" not in client.get("/set-up").text


@pytest.mark.both_databases
def test_code_leads_to_the_first_member(new: Pages) -> None:
    client = new.client()
    assert enter(client, " ABCDE FGHJK").location == "/set-up"
    assert client.post("/set-up", data=TYPED).location == "/"
    page = client.get("/")
    assert (page.status_code, "Ada" in page.text, "Rehearse the example" in page.text) == (200, True, True)
    with new.sessions() as session:
        member = session.scalars(select(Member)).one()
        (membership,) = member.memberships
        assert (membership.roles, membership.organisation.slug) == (sorted(FIRST_ROLES), "organisation")
        assert (member.email, sorted(member.languages)) == ("ada@example.org", ["ar", "uk"])
        assert (member.password_is_temporary, membership.organisation.time_zone) == (False, "Europe/Warsaw")
    # Nobody is a second first member, whoever knows the code.
    other = new.client()
    assert enter(other).location == "/sign-in"
    assert client.post("/set-up", data=TYPED | {"email": "eve@example.org"}).location == "/sign-in"
    with new.sessions() as session:
        assert session.scalars(select(Member.email)).all() == ["ada@example.org"]


def test_code_is_tried_ten_times_at_most(new: Pages) -> None:
    for _ in range(MOST_TRIES):
        answer = enter(new.client(), "abcde-fghjj")
        assert (answer.status_code, "not the code that was printed last" in answer.text) == (422, True)
    assert "too many wrong codes" in enter(new.client()).text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("changes", "name", "sentence"),
    [
        ({"email": "ada"}, "email", "This is not an e-mail address."),
        ({"slug": "ours"}, "slug", "The short name ours is taken."),
        ({"password": "fingerpost fingerpost"}, "password", "This is easily guessed"),
        ({"password": "short"}, "password", "Field must be between 15 and 256 characters long."),
        ({"name": ""}, "name", "This field is required."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    new: Pages, changes: dict[str, str], name: str, sentence: str
) -> None:
    client = new.client()
    enter(client)
    typed = TYPED | changes
    answer = client.post("/set-up", data=typed)
    assert answer.status_code == 422
    _, _, error = answer.text.partition(f'id="{name}-error">')
    assert error.startswith(sentence)
    for value in typed.values():
        assert all(f'value="{each}"' in answer.text for each in ([value] if isinstance(value, str) else value))
    with new.sessions() as session:
        assert session.scalars(select(Member)).all() == []
        assert session.scalars(select(Organisation).where(Organisation.name == TYPED["organisation"])).all() == []


@pytest.mark.one_database
def test_restart_asks_for_the_new_code_and_keeps_what_was_typed(new: Pages) -> None:
    client = new.client()
    enter(client)
    new.app.extensions["fingerpost.set_up"].code = digest_of(AFTER_RESTART)
    answer = client.post("/set-up", data=TYPED)
    assert answer.status_code == 422
    assert all(f'value="{TYPED[name]}"' in answer.text for name in ("organisation", "email", "password"))
    assert client.post("/set-up", data=TYPED | {"code": CODE}).status_code == 422
    assert client.post("/set-up", data=TYPED | {"code": AFTER_RESTART}).location == "/"


@pytest.mark.one_database
def test_nobody_learns_of_the_installation_without_the_code(new: Pages) -> None:
    client, told = new.client(), "What was checked"
    assert told not in client.post("/set-up", data={"organisation": "x"}).text
    enter(client)
    assert told in client.get("/set-up").text


def test_who_founds_at_the_same_time_is_refused(sessions: sessionmaker[Session]) -> None:
    first = FirstMember("Corridor", "", "UTC", "Ada", "ada@example.org")
    told: list[str] = []

    def second() -> None:
        with sessions() as session:
            try:
                found(session, FirstMember("Harbour", "", "UTC", "Eve", "eve@example.org"))
            except RefusedError as error:
                told.append(str(error))

    with sessions.begin() as session:
        join(session, found(session, first), first, password_hash="x")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join(20)
    assert told == ["This system was set up already. Sign in, or ask its administrator to add you."]


def test_code_is_known_by_its_digest_however_it_is_typed() -> None:
    code = make_code()
    assert is_code_of(digest_of(code), f" {code.upper().replace('-', '')} ")
    assert not is_code_of(digest_of(code), code[:-1])


@pytest.mark.parametrize(
    ("name", "slug"), [("Corridor Watch!", "corridor-watch"), ("Zażółć", "zazoc"), ("Дорога", "organisation")]
)
def test_short_name_is_made_of_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    ("target", "zone"),
    [("Europe/Kyiv", "Europe/Kyiv"), ("Etc/UTC", "UTC"), ("UTC", "UTC"), ("Middle/Earth", "UTC"), (None, "UTC")],
)
def test_time_zone_of_the_machine_is_offered(tmp_path: Path, target: str | None, zone: str) -> None:
    place = tmp_path / "localtime"
    if target is not None:
        place.symlink_to(tmp_path / "zoneinfo" / target)
    assert zone_of_machine(place) == zone
