"""Lists are cut by the names or ids of their rows: each row stands on one page, whatever comes meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning.models import CampaignState
from campaigns.staff.models import Organisation, Role
from campaigns.web.keyed_pages import KeyedPage, asked_names, asked_part
from tests.factories import a_campaign, a_message, a_sender, an_audience, an_organisation
from tests.web.pages import Pages, client_for, pages

__all__ = ["client_for", "pages"]

#: Those that are called alike are told apart by their ids.
NAMES = ["Chop", "Medyka", "Ubla", "Chop", "Zosin", "Chop", "Dorohusk"]
Ask = Callable[..., KeyedPage]


@pytest.fixture
def ask(session: Session) -> Ask:
    """Cut organisations by their names, three to a page, as an address asks."""
    statement = select(Organisation)

    def cut(**asked: int) -> KeyedPage:
        with Flask("bare").test_request_context(query_string=asked):
            return asked_names(session, statement, Organisation.name, Organisation.id, words="all", per_page=3)

    return cut


@pytest.mark.both_databases
def test_pages_by_name_are_all_rows_forwards_and_backwards(session: Session, ask: Ask) -> None:
    wanted = sorted((name, an_organisation(session, name=name).id) for name in NAMES)
    forwards = [ask()]
    while forwards[-1].older is not None:
        forwards.append(ask(all_after=forwards[-1].older))
    assert [(row.name, row.id) for page in forwards for row in page.rows] == wanted
    backwards = [forwards[-1]]
    while backwards[-1].newer is not None:
        backwards.append(ask(all_before=backwards[-1].newer))
    assert len(backwards) == len(forwards) == 3
    assert [row.id for row in backwards[-1].rows] == [row.id for row in forwards[0].rows]


def test_what_comes_meanwhile_shifts_nothing(session: Session, ask: Ask) -> None:
    for name in NAMES:
        an_organisation(session, name=name)
    first = ask()
    second = ask(all_after=first.older)
    an_organisation(session, name="Bila Tserkva")
    assert [row.id for row in ask(all_after=first.older).rows] == [row.id for row in second.rows]


def test_list_begins_where_it_is_asked_to(session: Session, ask: Ask) -> None:
    made = {name: an_organisation(session, name=name).id for name in NAMES}
    page = ask(all_from=made["Ubla"])
    assert [row.name for row in page.rows] == ["Ubla", "Zosin"]
    assert (page.newer, page.older) == (made["Ubla"], None)
    assert ask(all_from=ask().rows[0].id) == ask()
    assert ask(all_from=999_999).rows == ask().rows


@pytest.mark.parametrize("way", ["after", "before"])
def test_first_page_is_shown_where_nothing_is_left_of_the_one_asked_for(
    session: Session, ask: Ask, way: str
) -> None:
    made = sorted((name, an_organisation(session, name=name).id) for name in NAMES)
    edge = made[-1 if way == "after" else 0][1]
    page = ask(**{f"all_{way}": edge})
    assert (page, page.is_whole) == (ask(), False)


def part(names: list[str], **asked: str) -> KeyedPage:
    with Flask("bare").test_request_context(query_string=asked):
        return asked_part(names, str, words="all", per_page=3)


def test_list_in_memory_is_cut_forwards_and_backwards() -> None:
    names = [f"{number:02}" for number in range(8)]
    assert part(names) == KeyedPage(["00", "01", "02"], "02", None)
    assert part(names, all_after="02") == KeyedPage(["03", "04", "05"], "05", "03")
    assert part(names, all_after="05") == KeyedPage(["06", "07"], None, "06")
    assert part(names, all_before="06") == part(names, all_after="02")
    assert part(names, all_before="01") == part(names)


@pytest.mark.parametrize("asked", [{"all_after": "gone"}, {"all_before": "gone"}, {"all_after": "07"}])
def test_first_part_is_shown_where_the_row_is_gone(asked: dict[str, str]) -> None:
    names = [f"{number:02}" for number in range(8)]
    assert part(names, **asked) == part(names)
    assert part([], **asked) == KeyedPage([], None, None)


def test_next_page_of_campaigns_keeps_which_and_stays(pages: Pages) -> None:
    author = pages.client(member := pages.member(Role.AUTHOR))
    with pages.sessions.begin() as session:
        shared = {
            "message": a_message(session, pages.ours),
            "audience": an_audience(session, pages.ours),
            "sender": a_sender(session),
            "state": CampaignState.ARCHIVED,
        }
        for number in range(22):
            a_campaign(session, pages.ours, member, name=f"Old {number:02}", **shared)
    following = link("next", author.get("/campaigns?archived=1").text)
    assert "archived=1" in following
    second = names_of(author, following)
    assert second == ["Old 01", "Old 00"]
    with pages.sessions.begin() as session:
        a_campaign(
            session,
            pages.ours,
            member,
            name="New",
            message=session.merge(shared["message"]),
            sender=a_sender(session),
        )
    assert names_of(author, following) == second
    assert names_of(author, link("prev", author.get(following).text))[0] == "Old 21"


def link(relation: str, page: str) -> str:
    found = re.search(rf'rel="{relation}" href="([^"]+)"', page)
    assert found, f"no link to the {relation} page"
    return found[1].replace("&amp;", "&")


def names_of(client: FlaskClient, address: str) -> list[str]:
    return re.findall(r"<bdi>(Old \d+|New)</bdi>", client.get(address).text)
