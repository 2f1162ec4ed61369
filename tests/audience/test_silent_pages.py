"""A page says who is silent, who was asked and when, and leads to an audience of silent people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.audience.models import AskedContact, Audience, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.delivery.builders import people
from tests.web.pages import Pages

LONG_AGO = timedelta(days=200)


@pytest.fixture
def silent(pages: Pages, vault: Vault) -> list[int]:
    with pages.sessions.begin() as session:
        return people(session, pages.ours.id, vault, count=5, created_at=clock.now() - LONG_AGO)


def test_page_says_who_is_silent_and_who_was_asked(pages: Pages, silent: list[int]) -> None:
    with pages.sessions.begin() as session:
        asked = [
            {"contact_id": each, "organisation_id": pages.ours.id, "run_id": 7, "asked_at": clock.now()}
            for each in silent[:3]
        ]
        session.add_all(AskedContact(**each) for each in asked)
        session.execute(update(Contact).where(Contact.id == silent[0]).values(silent_since=clock.now()))
    page = pages.client(pages.member(Role.STEWARD)).get("/audience/silent").text
    assert "<dd>2</dd>" in page
    assert "<dd>1</dd>" in page
    assert "Without an answer: 3. Left out: 1." in page
    author, viewer = (pages.member(role, email=f"{role}@example.org") for role in (Role.AUTHOR, Role.VIEWER))
    assert "fewer than 20" in pages.client(author).get("/audience/silent").text
    assert pages.client(viewer).get("/audience/silent").status_code == 403


@pytest.mark.usefixtures("silent")
def test_audience_of_silent_people_is_saved_and_read_again(pages: Pages) -> None:
    client = pages.client(pages.member(Role.AUTHOR))
    form = client.get("/audience/new?silent=180").text
    assert 'value="180"' in form
    data = {"name": "Silent", "silent_days": "180", "save": "1"}
    assert client.post("/audience/new", data=data).status_code == 302
    with pages.sessions() as session:
        assert session.scalars(select(Audience.rule)).one() == {"silent_days": 180}
    refused = client.post("/audience/new", data=data | {"silent_days": "0"})
    assert refused.status_code == 422


def test_who_is_left_out_is_told_in_the_preview(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        many = people(session, pages.ours.id, vault, count=50)
        session.execute(update(Contact).where(Contact.id.in_(many[:25])).values(silent_since=clock.now()))
    page = pages.client(pages.member(Role.AUTHOR)).get("/audience/preview").text
    assert "Silent for long, and did not answer whether to go on" in page
