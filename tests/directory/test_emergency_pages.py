"""Members see which emergency number texts name in each country, and confirm one by a document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from campaigns.directory.queries import load_emergency_numbers
from campaigns.staff.models import Role
from tests.web.pages import Pages

DOCUMENT = {"document": "Ministry of the Interior, notice 12", "document_date": "2026-03-02"}


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


@pytest.fixture
def author(client_for: Callable[..., FlaskClient]) -> FlaskClient:
    return client_for(Role.AUTHOR)


def numbers(pages: Pages) -> dict[str, str]:
    with pages.sessions() as session:
        return load_emergency_numbers(session, pages.ours.id)


def test_countries_without_a_number_come_first(author: FlaskClient) -> None:
    page = author.get("/directory/emergency").text
    assert page.index("such texts are not sent") < page.index(">112<")


def test_number_is_named_once_a_second_member_agreed(
    pages: Pages, author: FlaskClient, client_for: Callable[..., FlaskClient]
) -> None:
    answer = author.post("/directory/emergency/AF", data={"number": "119", **DOCUMENT})
    assert "notice 12" in author.get(answer.location).text
    assert "Afghanistan" in author.get(answer.location).text
    assert "AF" not in numbers(pages)
    approver = client_for(Role.APPROVER)
    assert answer.location in approver.get("/").text
    approver.post(f"{answer.location}/agree")
    assert numbers(pages)["AF"] == "119"
    assert "notice 12" in approver.get("/directory/emergency").text
    assert "Changed lately by two members" in author.get("/").text


def test_whoever_proposed_a_number_cannot_agree(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    both = client_for(Role.AUTHOR, Role.APPROVER)
    answer = both.post("/directory/emergency/AF", data={"number": "119", **DOCUMENT})
    assert both.post(f"{answer.location}/agree").status_code == 409
    assert "AF" not in numbers(pages)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.APPROVER}))
def test_agreeing_needs_the_right_to_review(
    pages: Pages, author: FlaskClient, client_for: Callable[..., FlaskClient], role: Role
) -> None:
    answer = author.post("/directory/emergency/AF", data={"number": "119", **DOCUMENT})
    assert client_for(role).post(f"{answer.location}/agree").status_code == 409
    assert "AF" not in numbers(pages)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": "+93 119"}, "two to six digits"),
        ({"number": "1"}, "two to six digits"),
        ({"document": " "}, "is missing"),
        ({"document_date": str(date.max - timedelta(1))}, "future"),
    ],
)
def test_what_no_document_can_state_is_refused(
    pages: Pages, author: FlaskClient, changes: dict[str, str], words: str
) -> None:
    answer = author.post("/directory/emergency/AF", data={"number": "119", **DOCUMENT, **changes})
    assert (answer.status_code, words in answer.text) == (422, True)
    assert "AF" not in numbers(pages)


def test_unknown_country_is_not_found(author: FlaskClient) -> None:
    assert author.get("/directory/emergency/ZZ").status_code == 404


def test_own_numbers_are_of_no_other_organisation(
    pages: Pages, author: FlaskClient, client_for: Callable[..., FlaskClient]
) -> None:
    answer = author.post("/directory/emergency/AF", data={"number": "119", **DOCUMENT})
    client_for(Role.APPROVER).post(f"{answer.location}/agree")
    with pages.sessions() as session:
        assert "AF" not in load_emergency_numbers(session, pages.theirs.id)
