"""Every page tells who answers that somebody waits, and everybody when nobody answered for an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.inbox.escalation.waits import MOST, count_urgent
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Membership, Role
from tests.inbox.escalation.waiting import a_conversation
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


def wait(pages: Pages, minutes: int, urgency: Urgency = Urgency.DANGER, **changes: object) -> None:
    with pages.sessions.begin() as session:
        a_conversation(session, pages.ours, urgency, since=clock.now() - timedelta(minutes=minutes), **changes)


@pytest.mark.parametrize("page", ["/", "/inbox", "/settings", "/inbox/alerts"])
def test_responder_is_told_on_every_page(pages: Pages, client_for: Clients, page: str) -> None:
    client = client_for(Role.RESPONDER)
    assert "urgent conversation" not in client.get(page).text
    wait(pages, 1)
    assert "1 urgent conversation" in client.get(page).text
    assert "Answer until" in client.get(page).text
    wait(pages, 20)
    assert "2 urgent conversations" in client.get(page).text
    assert "Overdue since" in client.get(page).text


def test_everybody_is_told_after_an_hour_and_of_no_number(pages: Pages, client_for: Clients) -> None:
    viewer = client_for(Role.VIEWER)
    wait(pages, 59)
    assert "urgent" not in viewer.get("/inbox/alerts").text
    wait(pages, 61)
    page = viewer.get("/").text
    assert "Somebody has waited for an urgent answer for more than an hour." in page
    assert "urgent conversation" not in page


def test_other_organisations_and_who_does_not_wait_are_not_told(pages: Pages, client_for: Clients) -> None:
    wait(pages, 5, Urgency.DAY)
    wait(pages, 5, snoozed_until=clock.now() + timedelta(hours=1))
    with pages.sessions.begin() as session:
        a_conversation(session, pages.theirs)
    assert "urgent" not in client_for(Role.RESPONDER).get("/inbox/alerts").text


def test_member_of_two_organisations_is_told_of_both(pages: Pages) -> None:
    member = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        session.add(Membership(member_id=member.id, organisation_id=pages.theirs.id, roles=[Role.RESPONDER]))
        a_conversation(session, pages.theirs, since=clock.now())
    told = pages.client(member).get("/inbox/alerts").text
    assert "1 urgent conversation" in told
    assert "Theirs" in told


def test_strangers_are_told_nothing(pages: Pages) -> None:
    wait(pages, 90)
    assert "urgent" not in pages.client().get("/sign-in").text


def test_flood_is_counted_to_its_bound_and_the_first_is_known(pages: Pages, client_for: Clients) -> None:
    client, now = client_for(Role.RESPONDER), clock.now()
    # Asked days ago, and in danger since some minutes: the longest wait is another's.
    wait(pages, 10, waiting_since=now - timedelta(days=2))
    wait(pages, 14)
    with pages.sessions.begin() as session:
        for _ in range(MOST - 3):
            a_conversation(session, pages.ours, since=now - timedelta(minutes=3))
        assert count(session, pages) == (MOST - 1, timedelta(minutes=14))
    assert f"{MOST - 1} urgent conversations" in client.get("/inbox/alerts").text
    wait(pages, 2)
    wait(pages, 1)
    with pages.sessions() as session:
        assert count(session, pages) == (MOST, timedelta(minutes=14))
    assert f"{MOST - 1}+ urgent conversations" in client.get("/inbox/alerts").text


def count(session: Session, pages: Pages) -> tuple[int, timedelta]:
    (urgent,) = count_urgent(session, [pages.ours.id, pages.theirs.id], now=clock.now())
    return urgent.count, timedelta(minutes=round((urgent.now - urgent.since).total_seconds() / 60))
