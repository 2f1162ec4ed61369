"""A number in an answer to a report is found again once it is dead, and taken back where its reader comes."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.directory.models import CheckOutcome, Service
from campaigns.directory.service import verify_service
from campaigns.inbox.conversations.models import Conversation, ConversationTag
from campaigns.inbox.given.dead_numbers import NUMBER_DIED, put_back, take_back_left
from campaigns.inbox.given.left_numbers import load_left
from campaigns.staff.models import Role
from tests.factories import a_service
from tests.inbox.conversations.test_pages import fields_of
from tests.inbox.unnamed.test_likeness import tell_alike, waiting
from tests.inbox.unnamed.test_whole_way import come_back, tell
from tests.web.pages import Pages

NUMBER, OTHER = "+48 22 628 01 20", "+48 22 111 22 33"
NOT_RIGHT = "may no longer be right"


def a_helpline(pages: Pages, number: str = NUMBER) -> int:
    with pages.sessions.begin() as session:
        today = clock.now().date()
        made = a_service(
            session,
            pages.ours,
            name=f"Line {number}",
            number_national=number,
            number_from_abroad=None,
            verified_on=today,
        )
        return made.id


def answer(pages: Pages, which: int, words: str, **fields: str) -> None:
    member, address = pages.client(pages.member(Role.RESPONDER)), f"/inbox/{which}"
    shown = fields_of(member.get(address).text)
    assert member.post(f"{address}/answer", data={"words": words} | fields | shown).status_code == 302


def kill(pages: Pages, service_id: int) -> None:
    by, today = pages.member(Role.AUTHOR).id, clock.now().date()
    with pages.sessions.begin() as session:
        dead = session.get_one(Service, service_id)
        verify_service(session, dead, by=by, on=today, how="test call", outcome=CheckOutcome.CLOSED)


@pytest.mark.both_databases
def test_exactly_the_reports_that_were_given_it_wait_again(pages: Pages, people: FlaskClient) -> None:
    named = a_helpline(pages)
    a_helpline(pages, OTHER)
    given, elsewhere = tell(people, "Where do women sleep?"), tell(people, "The harbour pays nobody for months")
    first, second = waiting(pages)
    answer(pages, first, f"Call {NUMBER}")
    answer(pages, second, f"Call {OTHER}")
    assert put_back(pages.sessions) == 0
    kill(pages, named)
    assert NOT_RIGHT in come_back(people, given)
    assert put_back(pages.sessions) == 1
    assert waiting(pages) == [first]
    assert put_back(pages.sessions) == 0
    with pages.sessions() as session:
        tagged = session.scalars(select(ConversationTag.conversation_id).where(ConversationTag.tag == NUMBER_DIED))
        assert tagged.all() == [first]
        assert session.get_one(Conversation, second).waiting_since is None
    listed = pages.client(pages.member(Role.RESPONDER)).get(f"/inbox/given/{named}").text
    assert f'href="/inbox/{first}"' in listed
    assert f'href="/inbox/{second}"' not in listed
    assert NOT_RIGHT not in come_back(people, elsewhere)


@pytest.mark.both_databases
def test_report_that_was_answered_since_another_worker_put_it_back_does_not_wait_again(
    pages: Pages, people: FlaskClient
) -> None:
    named = a_helpline(pages)
    tell(people, "Where do women sleep?")
    [which] = waiting(pages)
    answer(pages, which, f"Call {NUMBER}")
    kill(pages, named)
    with pages.sessions() as session:
        found = load_left(session)
    assert put_back(pages.sessions) == 1
    answer(pages, which, "That number is dead, come to the station.")
    with pages.sessions.begin() as session:
        assert take_back_left(session, found) == 0
    assert waiting(pages) == []


def test_line_stays_when_the_service_has_another_number_by_now(pages: Pages, people: FlaskClient) -> None:
    service_id, code = a_helpline(pages), tell(people, "Where do women sleep?")
    answer(pages, waiting(pages)[0], f"Call {NUMBER}")
    kill(pages, service_id)
    assert put_back(pages.sessions) == 1
    with pages.sessions.begin() as session:
        moved = session.get_one(Service, service_id)
        moved.number_national, moved.verified_on = OTHER, clock.now().date()
    assert NOT_RIGHT in come_back(people, code)


def test_reports_that_were_answered_alike_are_all_found(pages: Pages, people: FlaskClient) -> None:
    service_id, codes = a_helpline(pages), tell_alike(people)
    answer(pages, waiting(pages)[0], f"Call {NUMBER}", to_alike="y")
    assert waiting(pages) == []
    kill(pages, service_id)
    assert put_back(pages.sessions) == len(codes)
    assert len(waiting(pages)) == len(codes)
    assert [NOT_RIGHT in come_back(people, code) for code in codes] == [True] * len(codes)
