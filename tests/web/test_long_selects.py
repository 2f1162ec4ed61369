"""Of a choice among many some are listed, and others found by their names; what is chosen is always among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.datastructures import MultiDict

from campaigns.web.forms import MOST_LISTED, Form, LongSelect, options
from campaigns.web.number_fields import whole_number

MANY = [(str(number), f"Crossing {number}") for number in range(1, 201)]


class Choosing(Form):
    place = LongSelect("Place", coerce=whole_number)


@contextmanager
def choosing(chosen: int | None = None, posted: str | None = None, **beside: str) -> Iterator[LongSelect]:
    app = Flask("bare")
    app.secret_key = "nothing is signed with it"
    with app.test_request_context(method="GET" if posted is None else "POST", data=beside):
        form = Choosing(
            MultiDict({"place": posted}) if posted else None, data={"place": chosen}, meta={"csrf": False}
        )
        form.place.choices = options(MANY)
        if posted is not None:
            form.validate()
        yield form.place


def listed(field: LongSelect) -> list[str]:
    return [each.value for each in field.iter_choices()]


def test_newest_are_listed_and_what_is_chosen() -> None:
    with choosing(chosen=3) as field:
        assert listed(field) == ["3", *(str(number) for number in range(201 - MOST_LISTED, 201))]
        assert field.is_cut


def test_others_are_found_by_words_of_their_names() -> None:
    with choosing(posted="3", place_words="CROSSING 17") as field:
        assert listed(field) == ["3", "17", "117", *(str(number) for number in range(170, 180))]


def test_one_that_is_not_listed_can_be_sent() -> None:
    with choosing(posted="7") as field:
        assert not field.errors
    with choosing(posted="999") as field:
        assert field.errors


def test_few_are_listed_whole() -> None:
    with choosing() as field:
        field.choices = options(MANY[:MOST_LISTED])
        assert len(listed(field)) == MOST_LISTED
        assert not field.is_cut
