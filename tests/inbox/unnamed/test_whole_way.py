"""Somebody reports something without a name, is answered, and comes back by a code: no script, no cookie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.models import Reply
from campaigns.public_pages.service import set_profile
from campaigns.staff.models import Role
from tests.inbox.conversations.test_pages import fields_of
from tests.moments import standing_at
from tests.web.pages import Pages

TEXT = "They took our passports, the room is locked at night. Jaworzno, the white house."


@pytest.fixture
def people(pages: Pages) -> FlaskClient:
    """Somebody who reads the pages of `ours`, which are open."""
    with pages.sessions.begin() as session:
        by = pages.member(Role.ADMIN).id
        set_profile(session, pages.ours.id, is_open=True, shown_name="Anna House", contact="a@b.example", by=by)
    return pages.client()


def shown_fields(text: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))


def tell(people: FlaskClient, text: str = TEXT, address: str = "/en/pl/w", **fields: str) -> str:
    """Report something, and return the code."""
    stamp = shown_fields(people.get(address).text)
    with standing_at(clock.now() + timedelta(seconds=5)):
        page = people.post(address, data=stamp | {"text": text, "answer": "yes"} | fields)
    assert page.status_code == 200, page.text
    return "".join(re.findall(r"\d{4}(?= |</p>)", page.text.partition('class="tel" dir="ltr">')[2])[:4])


def come_back(people: FlaskClient, code: str, **fields: str) -> str:
    return people.post("/en/n", data=fields | {"code": code}).text


def act(people: FlaskClient, code: str, name: str, **fields: str) -> str:
    shown = shown_fields(come_back(people, code))
    with standing_at(clock.now() + timedelta(seconds=5)):
        return come_back(people, **shown | {"act": name} | fields)


def rows(pages: Pages) -> Mapping[str, int]:
    counted = (Contact, Conversation, Reply, UnnamedReport)
    with pages.sessions() as session:
        return {each.__name__: session.scalar(select(func.count()).select_from(each)) or 0 for each in counted}


def test_report_is_answered_and_read_by_its_code(pages: Pages, people: FlaskClient) -> None:
    form = people.get("/en/pl/w")
    assert "Anna House" in form.text
    assert form.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in form.headers
    code = tell(people)
    assert re.fullmatch(r"\d{16}", code)
    assert "Nobody has read it yet" in come_back(people, code)
    member = pages.client(pages.member(Role.RESPONDER))
    assert "They took our passports" in member.get("/inbox").text
    with pages.sessions() as session:
        address = f"/inbox/{session.scalars(select(Conversation.id)).one()}"
    shown = member.get(address).text
    assert "Without a name" in shown
    assert "/audience/contacts" not in shown
    sent = member.post(f"{address}/answer", data={"words": "Stay inside, we call."} | fields_of(shown))
    assert sent.status_code == 302
    assert "They find it by their code." in member.get(address).text
    thread = come_back(people, code)
    assert "Stay inside, we call." in thread
    assert "The team has answered" in thread
    assert "It has arrived." in act(people, code, "add", text="Thank you, they are back")
    assert "Thank you, they are back" in member.get("/inbox").text
