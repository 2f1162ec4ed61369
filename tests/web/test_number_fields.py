"""A number that no row can have is a mistake of the request, wherever it stands."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest
from wtforms.validators import InputRequired

import campaigns
from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import InputError
from campaigns.staff.models import Role
from campaigns.web.forms import Form
from campaigns.web.number_fields import AmountField, whole_number
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


class AmountForm(Form):
    amount = AmountField(validators=[InputRequired()], places=None)


@pytest.mark.parametrize(
    ("typed", "read"),
    [("12.50", "12.50"), ("12,5", "12.5"), ("١٢٫٥", "12.5"), (" 7 ", "7"), ("1000", "1000"), ("0,001", None)],
)
def test_amounts_are_read_with_a_point_or_a_comma(pages: Pages, typed: str, read: str | None) -> None:
    with pages.app.test_request_context(method="POST", data={"amount": typed}):
        form = AmountForm(meta={"csrf": False})
        assert (form.validate(), form.amount.data) == (read is not None, read and Decimal(read))


@pytest.mark.parametrize("typed", ["sNaN", "-sNaN", "NaN", "Infinity", "ten"])
def test_what_is_no_amount_gets_one_sentence_and_stays_as_it_was_typed(pages: Pages, typed: str) -> None:
    answer = pages.client(pages.member(Role.ADMIN)).post("/reach/spending", data={"limit": typed})
    assert (answer.status_code, f'value="{typed}"' in answer.text) == (422, True)
    assert ("This is not a number." in answer.text, "Number must be" in answer.text) == (True, False)


@pytest.mark.parametrize("typed", ["1,000", "1.000,50", "12,345", "1,2,3"])
def test_what_may_have_thousands_apart_is_asked_for_anew(pages: Pages, typed: str) -> None:
    answer = pages.client(pages.member(Role.ADMIN)).post("/reach/spending", data={"limit": typed})
    assert answer.status_code == 422
    assert "without a mark between the thousands" in answer.text
