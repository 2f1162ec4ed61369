"""The member's language wins over the browser's, and a page runs the way it is read."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns.staff.models import AuditEntry, Member
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("asked", "opening"),
    [
        ("uk-UA,uk;q=0.9,en;q=0.8", '<html lang="uk" dir="ltr">'),
        ("ar-SY,ar;q=0.9", '<html lang="ar" dir="rtl">'),
        ("am", '<html lang="en" dir="ltr">'),
        ("", '<html lang="en" dir="ltr">'),
    ],
)
def test_browser_is_followed_where_possible(pages: Pages, asked: str, opening: str) -> None:
    assert opening in pages.client().get("/sign-in", headers={"Accept-Language": asked}).text


def test_choice_before_sign_in_is_kept(pages: Pages) -> None:
    client = pages.client()
    answer = client.get("/language", query_string={"language": "ar", "next": "/sign-in"})
    assert answer.location == "/sign-in"
    assert '<html lang="ar" dir="rtl">' in client.get("/sign-in").text


def test_member_keeps_their_choice_on_every_device(pages: Pages) -> None:
    member = pages.member()
    pages.client(member).post("/language", data={"language": "uk"})
    assert '<html lang="uk"' in pages.client(member).get("/").text
    with pages.sessions() as session:
        assert session.get_one(Member, member.id).locale == "uk"
        assert session.scalars(select(AuditEntry.action)).all() == ["member.set_locale"]


def test_address_of_the_choice_changes_nothing_of_a_member(pages: Pages) -> None:
    """A link that somebody sends must not change another's language."""
    client = pages.client(pages.member())
    assert client.get("/language?language=ar&next=/settings").location == "/settings"
    assert '<html lang="en"' in client.get("/settings").text


def test_unknown_language_changes_nothing(pages: Pages) -> None:
    client = pages.client()
    client.post("/language", data={"language": "tlh"})
    assert '<html lang="en"' in client.get("/sign-in").text
