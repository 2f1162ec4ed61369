"""What a wrong cell of a contact file means is found among many places by words of their names."""

from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from campaigns.audience.files.cell_meanings import MOST_LISTED
from campaigns.staff.models import Role
from tests.factories import a_place
from tests.web.pages import Pages

FILE = (
    "number,language,place,position_date,consent_date,consent_how\n"
    "+380501234567,uk,Nowhere,2026-02-01,2026-02-01,form\n"
    "+380671234567,ukranian,,,2026-02-01,form\n"
)


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: the query of names is the same for every list."""
    return sqlite_engine


@pytest.fixture
def steward(pages: Pages) -> FlaskClient:
    with pages.sessions.begin() as session:
        for number in range(MOST_LISTED + 10):
            a_place(session, pages.ours, name=f"Place {number}")
        for key in ("old", "new"):
            a_place(session, pages.ours, name="Zosin bridge", key=f"zosin-{key}")
        a_place(session, pages.theirs, name="Zosin of others")
    return pages.client(pages.member(Role.STEWARD))


@pytest.fixture
def file(steward: FlaskClient) -> str:
    data = {"file": (io.BytesIO(FILE.encode()), "people.csv")}
    return steward.post("/audience/contacts/files", data=data, content_type="multipart/form-data").location


def values_in(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]+)"', page)


def test_places_are_found_while_a_name_is_typed(steward: FlaskClient, file: str) -> None:
    found = steward.get(f"{file}/meanings?column=place&meant=ZOSIN")
    assert set(values_in(found.text)) == {"zosin-old", "zosin-new"}
    assert len(values_in(steward.get(f"{file}/meanings?column=place&meant=").text)) == MOST_LISTED
    assert values_in(steward.get(f"{file}/meanings?column=place&meant=none").text) == []


def test_places_are_found_without_script_and_what_was_typed_stays(steward: FlaskClient, file: str) -> None:
    assert "zosin-old" not in steward.get(file).text
    said = {"column": ["place", "language"], "cell": ["Nowhere", "ukranian"], "meant": ["Place 3", "uk"]}
    page = steward.post(f"{file}/meanings", data=said | {"names_words": "zosin"}).text
    assert set(values_in(page.partition("<datalist")[2])) == {"zosin-old", "zosin-new"}
    assert "<li><bdi>zosin-old</bdi> · <bdi>Zosin bridge</bdi></li>" in page
    assert 'value="Place 3"' in page
    assert "Nowhere" in steward.get(file).text, "the file is as it was"
    assert steward.get(f"{file}/meanings").location == file


def test_without_script_a_chosen_file_and_an_empty_find_are_spoken_of(steward: FlaskClient, file: str) -> None:
    page = steward.post(f"{file}/meanings", data={"names_words": "zosin", "file": "mended.csv"}).text
    assert "Choose “mended.csv” again" in page
    assert "Nothing has this name." not in page
    page = steward.post(f"{file}/meanings", data={"names_words": "none such", "file": ""}).text
    assert "Nothing has this name." in page
    assert " again: a file is not kept" not in page


def test_enter_checks_again_unless_words_of_a_name_were_typed(steward: FlaskClient, file: str) -> None:
    form = steward.get(file).text.partition('enctype="multipart/form-data"')[2]
    first_button = re.search(r"<button[^>]*>", form)
    assert first_button is not None
    assert 'value="by-enter"' in first_button[0]
    said = {"column": "place", "cell": "Nowhere", "meant": "Place 3", "save": "by-enter"}
    typed = said | {"names_words": "zosin", "names_found": ""}
    assert "<li><bdi>zosin-old</bdi>" in steward.post(f"{file}/again", data=typed).text
    assert steward.post(f"{file}/again", data=typed | {"names_found": "zosin"}).status_code == 302


def test_names_are_shown_to_nobody_else(pages: Pages, steward: FlaskClient, file: str) -> None:
    assert steward.get(f"{file}/meanings?column=number&meant=1").status_code == 404
    others = pages.client(pages.member(Role.STEWARD, organisation=pages.theirs))
    assert others.get(f"{file}/meanings?column=place&meant=zosin").status_code == 404
    assert others.post(f"{file}/meanings", data={"names_words": "zosin"}).status_code == 404
    author = pages.client(pages.member(Role.AUTHOR))
    assert author.get(f"{file}/meanings?column=place&meant=zosin").status_code == 403
