"""Lists are cut by the values that order them: each row stands on one page, and one that goes leaves its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.queries import PER_PAGE
from campaigns.staff.models import Organisation, Role
from campaigns.web.keyed_pages import PER_PAGE as LISTED
from campaigns.web.keyed_pages import KeyedPage
from campaigns.web.ordered_pages import asked_rows
from tests.factories import NOON, a_member, an_organisation
from tests.inbox.escalation.waiting import a_conversation
from tests.web.pages import Pages, client_for, pages
from tests.web.test_keyed_pages import link

__all__ = ["client_for", "pages"]

#: By hours, of which several are alike, and by ids.
HOURS = [3, 1, 2, 3, 1, 3, 0]
Ask = Callable[..., KeyedPage]


@pytest.fixture(params=[False, True], ids=["rising", "falling"])
def is_falling(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def ask(session: Session, is_falling: bool) -> Ask:
    """Cut organisations by the hours of their beginning, three to a page, as an address asks."""
    keys = [Organisation.created_at, Organisation.id]

    def cut(**asked: str) -> KeyedPage:
        with Flask("bare").test_request_context(query_string=asked):
            return asked_rows(session, select(Organisation), keys, words="all", is_falling=is_falling, per_page=3)

    return cut


def begun_at(session: Session, hours: int) -> Organisation:
    return an_organisation(session, created_at=NOON + timedelta(hours=hours, microseconds=7))


@pytest.mark.both_databases
def test_pages_are_all_rows_forwards_and_backwards(session: Session, ask: Ask, is_falling: bool) -> None:
    wanted = sorted(((hours, begun_at(session, hours).id) for hours in HOURS), reverse=is_falling)
    forwards = [ask()]
    while forwards[-1].older is not None:
        forwards.append(ask(all_after=str(forwards[-1].older)))
    assert [row.id for page in forwards for row in page.rows] == [each for _, each in wanted]
    backwards = [forwards[-1]]
    while backwards[-1].newer is not None:
        backwards.append(ask(all_before=str(backwards[-1].newer)))
    assert len(forwards) == len(backwards) == 3
    assert [row.id for row in backwards[-1].rows] == [row.id for row in forwards[0].rows]


def test_next_page_begins_where_a_row_stood_that_went(session: Session, ask: Ask) -> None:
    for hours in HOURS:
        begun_at(session, hours)
    first = ask()
    second = ask(all_after=str(first.older))
    session.delete(first.rows[-1])
    session.flush()
    assert [row.id for row in ask(all_after=str(first.older)).rows] == [row.id for row in second.rows]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "edge",
    ["2", "1~2", "20260329T180000.000000", "20269999T180000.000000~1", "x~y", "~", "1~20260329T180000.000000"],
)
def test_what_writes_no_edge_shows_the_first_page(session: Session, ask: Ask, edge: str) -> None:
    for hours in HOURS:
        begun_at(session, hours)
    assert ask(all_after=edge).rows == ask().rows


@pytest.fixture
def waiting(pages: Pages) -> list[int]:
    """Let more people wait than a page of the queue shows, and return the ids of their conversations in order."""
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        since = clock.now() - timedelta(hours=2)
        return [
            a_conversation(session, ours, since=since + timedelta(minutes=number)).id
            for number in range(PER_PAGE + 2)
        ]


def shown(client: FlaskClient, address: str, ids: list[int]) -> list[int]:
    """Return which of these conversations a page of the queue shows, in its order."""
    found = re.findall(r'name="conversation" value="(\d+)"', client.get(address).text)
    return [int(each) for each in found if int(each) in ids]


def test_next_page_of_the_queue_follows_those_who_were_answered(
    pages: Pages, waiting: list[int], client_for: Callable[..., FlaskClient]
) -> None:
    responder = client_for(Role.RESPONDER)
    # A link by number, of an earlier version, leads to the first page.
    assert shown(responder, "/inbox?languages=all&page=2", waiting) == waiting[:PER_PAGE]
    following = link("next", responder.get("/inbox?languages=all").text)
    assert "languages=all" in following
    assert shown(responder, following, waiting) == waiting[PER_PAGE:]
    with pages.sessions.begin() as session:
        for each in waiting[:PER_PAGE]:
            session.get_one(Conversation, each).waiting_since = None
    assert shown(responder, following, waiting) == waiting[PER_PAGE:]
    nowhere = "/inbox?queue_after=99999999999~20260329T180000.000000~1"
    assert shown(responder, nowhere, waiting) == waiting[PER_PAGE:]


@pytest.mark.one_database
def test_pages_of_members_are_all_members_of_the_organisation(pages: Pages) -> None:
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        ours, theirs = session.merge(pages.ours), an_organisation(session)
        wanted = {a_member(session, ours, name=f"Ana {number:02}").id for number in range(LISTED + 1)}
        a_member(session, theirs, name="Ana 07")
    client = pages.client(admin)
    first = client.get("/settings/members?page=2").text
    second = client.get(link("next", first)).text
    found = [re.findall(r'href="/settings/members/(\d+)"', text) for text in (first, second)]
    assert sorted(map(int, found[0] + found[1])) == sorted(wanted | {admin.id})
    before = client.get(link("prev", second)).text
    assert re.findall(r'href="/settings/members/(\d+)"', before) == found[0]


@pytest.mark.parametrize(
    "address", ["/inbox", "/proposals", "/proposals/together", "/drafts", "/reach/publications/readers"]
)
def test_link_by_number_is_no_error_whatever_stands_in_it(pages: Pages, address: str) -> None:
    client = pages.client(pages.member(*Role))
    answers = [client.get(f"{address}?page={number}") for number in ("2", "0", "x", "9" * 30)]
    assert [answer.status_code for answer in answers] == [200] * 4
