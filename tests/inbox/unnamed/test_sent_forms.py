"""A form that is sent twice gives a new code for the same report, and loses nothing that was written."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.unnamed.models import SentForm
from campaigns.inbox.unnamed.sent_forms import AGAIN_WITHIN, Taken, forget_forms, take_form
from campaigns.inbox.unnamed.service import Told
from campaigns.staff.models import LeakyBucket
from tests.factories import an_organisation
from tests.inbox.unnamed.test_likeness import answer, close, waiting
from tests.inbox.unnamed.test_whole_way import act, code_in, come_back, rows, shown_fields
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

TEXT = "They keep our passports in the office"
NOTHING = "There is nothing for this code"


class Form:
    """A form that somebody has open, and presses *send* in as often as they like."""

    def __init__(self, people: FlaskClient, address: str = "/en/w") -> None:
        self._people, self._opened, self._address = people, clock.now(), address
        self._shown = shown_fields(people.get(address).text) | {"answer": "yes"}

    def send(self, text: str = TEXT, after: timedelta = timedelta(seconds=5)) -> TestResponse:
        with standing_at(self._opened + after):
            return self._people.post(self._address, data=self._shown | {"text": text})


def test_second_press_gives_the_code_that_holds(pages: Pages, people: FlaskClient) -> None:
    form = Form(people)
    lost, got, last = (code_in(form.send(after=timedelta(seconds=each)).text) for each in (5, 6, 90))
    assert rows(pages)["UnnamedReport"] == 1
    assert [NOTHING in come_back(people, code) for code in (lost, got)] == [True] * 2
    assert TEXT in come_back(people, last)


def test_second_press_is_not_counted_as_another_report(pages: Pages, people: FlaskClient) -> None:
    form = Form(people)
    assert [form.send().status_code for _ in range(9)] == [200] * 9
    with pages.sessions() as session:
        # Of the network, of all together, and of a flood.
        assert len(session.scalars(select(LeakyBucket)).all()) == 3


@pytest.mark.parametrize(
    "end",
    [
        lambda pages, people, code: come_back(people, code),
        lambda pages, people, code: come_back(people, code, act="add", text="He has a key"),
        lambda pages, people, code: act(people, code, "erase"),
        lambda pages, people, code: answer(pages, waiting(pages)[0]),
        lambda pages, people, code: close(pages, waiting(pages)[0]),
    ],
    ids=["came back", "came back with more", "erased", "answered", "closed"],
)
def test_no_new_code_is_given_for_what_is_in_use(
    pages: Pages, people: FlaskClient, end: Callable[[Pages, FlaskClient, str], object]
) -> None:
    form = Form(people)
    code = code_in(form.send().text)
    end(pages, people, code)
    again = form.send(after=timedelta(seconds=9))
    assert again.status_code == 422
    assert "This form was used before" in again.text
    assert TEXT not in again.text
    assert code_in(again.text) == ""


def test_who_leaves_in_a_hurry_gives_no_code_to_whoever_goes_back(pages: Pages, people: FlaskClient) -> None:
    form = Form(people, "/en/pl/w")
    page = form.send().text
    way_out = re.findall(r'class="x" href="([^"]+)"', page)
    left = people.get(way_out[0])
    assert (left.status_code, left.headers["Location"]) == (303, people.get("/x/pl").headers["Location"])
    left.close()
    again = form.send(after=timedelta(seconds=9))
    assert (again.status_code, code_in(again.text), TEXT in again.text) == (422, "", False)
    assert TEXT in come_back(people, code_in(page))


def test_another_text_is_refused_and_not_lost(pages: Pages, people: FlaskClient) -> None:
    form = Form(people)
    code = code_in(form.send().text)
    other = form.send("And they lock the door at night")
    assert other.status_code == 422
    assert "And they lock the door at night</textarea>" in other.text
    with standing_at(clock.now() + timedelta(seconds=20)):
        sent = people.post("/en/w", data=shown_fields(other.text) | {"text": "And they lock the door"})
    assert code_in(sent.text) != code
    assert TEXT in come_back(people, code)


def test_nothing_tells_after_minutes_which_form_was_whose(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        taken = take_form(session, "n", a_report(session), vault=vault)
    assert taken.code
    with sessions() as session:
        before = session.scalars(select(SentForm)).one()
        assert before.conversation_id is not None
    later = clock.now() + AGAIN_WITHIN
    with standing_at(later):
        forget_forms(sessions)
    with sessions() as session:
        kept = session.scalars(select(SentForm)).one()
        assert kept.conversation_id is None
        assert kept.sent_at == later.replace(minute=0, second=0, microsecond=0)
    with standing_at(later + timedelta(hours=14)):
        forget_forms(sessions)
    with sessions() as session:
        assert session.scalars(select(SentForm)).all() == []


@pytest.mark.both_databases
def test_two_processes_take_one_form_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        told = a_report(session)
    at_once = Barrier(2)

    def press(nonce: str) -> Taken:
        with sessions.begin() as session:
            at_once.wait()
            return take_form(session, nonce, told, vault=vault)

    with ThreadPoolExecutor(2) as both:
        for number in range(5):
            taken = [each.result() for each in [both.submit(press, f"{number}") for _ in range(2)]]
            assert sorted(each.is_first for each in taken) == [False, True]
            assert all(each.code for each in taken)


def a_report(session: Session) -> Told:
    return Told(an_organisation(session).id, TEXT, "en", may_answer=True)
