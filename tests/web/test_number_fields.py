"""A number that no row can have is a mistake of the request, wherever it stands."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import campaigns
from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import InputError
from campaigns.staff.models import Role
from campaigns.web.number_fields import whole_number
from tests.factories import a_message
from tests.web.pages import Pages

HUGE = ("9" * 23, "-" + "9" * 23, "9" * 5000, str(HIGHEST_ID + 1))


def test_numbers_of_rows_are_read() -> None:
    assert [whole_number(text) for text in (" 7", str(HIGHEST_ID), 12)] == [7, HIGHEST_ID, 12]


@pytest.mark.parametrize("text", HUGE, ids=["huge", "negative", "thousands", "one more"])
def test_larger_ones_are_told(text: str) -> None:
    with pytest.raises(InputError, match="too large"):
        whole_number(text)


@pytest.mark.parametrize("number", HUGE[:3], ids=["huge", "negative", "thousands"])
def test_addresses_with_larger_ones_answer_with_what_is_wrong(pages: Pages, number: str) -> None:
    client = pages.client(pages.member(*Role))
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours).id
    for path in (
        f"/audience/preview?place_ids={number}",
        f"/messages/{message_id}/versions/1?since={number}",
        f"/campaigns/languages/{message_id}?audience={number}",
        f"/messages/exchange?message={number}",
        f"/reach/publications/ledger?year={number}",
    ):
        assert client.get(path).status_code in (404, 422), path
    assert client.post("/organisation", data={"organisation_id": number}).status_code == 422


def test_no_view_reads_a_number_otherwise() -> None:
    folder = Path(campaigns.__file__).parent
    for path in folder.rglob("*.py"):
        if {"sandbox", "commands"} & set(path.parts) or path.name == "cli.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("type", "coerce"):
                assert not (isinstance(node.value, ast.Name) and node.value.id == "int"), (
                    f"{path}:{node.value.lineno}"
                )


def test_hundreds_of_digits_are_refused_beside_their_field(pages: Pages) -> None:
    author = pages.client(pages.member(Role.AUTHOR))
    for digits in (41, 400, 5000):
        answer = author.post("/campaigns/new", data={"name": "A", "max_parts": "9" * digits, "save": "1"})
        assert answer.status_code == 422
