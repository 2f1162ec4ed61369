"""The form of a report: to whom it goes, what is kept of it, and what is shown again when it cannot be taken."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select
from werkzeug.test import TestResponse

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.inbox.complaints.models import ComplaintReader
from campaigns.inbox.duty.models import Duty, DutyMember, Part
from campaigns.inbox.unnamed import service
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import LeakyBucket, Member, Organisation, Role
from campaigns.web.session import database
from tests.inbox.unnamed.test_whole_way import rows, shown_fields, tell
from tests.moments import standing_at
from tests.web.pages import Pages, make_own_pages

TEXT = "Your helper asked me for money"


def send(people: FlaskClient, address: str = "/en/w", **fields: str) -> TestResponse:
    shown = shown_fields(people.get(address).text)
    with standing_at(clock.now() + timedelta(seconds=5)):
        return people.post(address, data=shown | {"text": TEXT} | fields)


def open_pages(pages: Pages, organisation: Organisation, *, is_open: bool = True) -> None:
    with pages.sessions.begin() as session:
        by = pages.member(Role.ADMIN, organisation=organisation).id
        set_profile(
            session,
            organisation.id,
            Profile(is_open=is_open, shown_name="Other House", contact="b@b.example"),
            by=by,
        )


@pytest.mark.parametrize("address", ["/en/pl", "/en/pl-18"])
def test_page_of_a_place_leads_to_the_form_of_it(people: FlaskClient, address: str) -> None:
    links = re.findall(r'href="(/en/[^"]*/w)"', people.get(address).text)
    assert links == [f"{address}/w"]
    assert ("Poland, " in people.get(links[0]).text) is (address == "/en/pl-18")


def test_nothing_leads_to_a_form_that_nobody_reads(pages: Pages) -> None:
    page = pages.client().get("/en/pl").text
    assert 'href="/en/pl/m"' in page
    assert '/w"' not in page


def test_report_goes_to_nobody_but_whom_they_chose(pages: Pages, people: FlaskClient) -> None:
    open_pages(pages, pages.theirs)
    shown = shown_fields(people.get("/en/w").text)
    open_pages(pages, pages.theirs, is_open=False)
    with standing_at(clock.now() + timedelta(seconds=5)):
        answers = [
            people.post("/en/w", data=shown | {"text": TEXT, "to": chosen})
            for chosen in (str(pages.theirs.id), "", "x")
        ]
    assert [each.status_code for each in answers] == [422] * 3
    assert all("reads nothing here any more" in each.text for each in answers)
    assert all(f"{TEXT}</textarea>" in each.text for each in answers)
    assert rows(pages)["UnnamedReport"] == 0


def test_complaint_goes_to_nobody_whom_it_is_about(pages: Pages, people: FlaskClient) -> None:
    refused = send(people, theme="us")
    assert refused.status_code == 422
    assert "Nobody is named there who reads complaints" in refused.text
    assert f"{TEXT}</textarea>" in refused.text
    assert rows(pages)["UnnamedReport"] == 0


def test_longest_text_is_taken_whatever_ends_its_lines(pages: Pages, people: FlaskClient) -> None:
    lines = "\r\n".join(["a b c d"] * (service.LONGEST // 8))
    assert send(people, text=f"  {lines}\r\n \r\n{'x' * (service.LONGEST % 8)} ").status_code == 200
    too_long = send(people, text="x" * (service.LONGEST + 1))
    assert too_long.status_code == 422
    assert "empty or too long" in too_long.text
    assert rows(pages)["UnnamedReport"] == 1


def test_language_is_the_one_they_asked_for(pages: Pages, people: FlaskClient) -> None:
    assert send(people, "/uk/w").status_code == 200
    with pages.sessions() as session:
        assert session.scalars(select(Contact.language)).all() == ["uk"]


def test_nobody_is_promised_who_is_on_no_roster(pages: Pages, people: FlaskClient) -> None:
    unknown, now = "When somebody reads it is not known", "Somebody is there to read it now"
    assert unknown in people.get("/en/w").text
    responder = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        facts = {"name": "Always", "days": "0123456", "begin": 0, "end": 0, "languages": []}
        duty = Duty(organisation_id=pages.ours.id, created_at=clock.now(), **facts)
        session.add(duty)
        session.flush()
        session.add(DutyMember(duty_id=duty.id, member_id=responder.id, part=Part.ANSWERS))
        session.add(ComplaintReader(organisation_id=pages.ours.id, member_id=responder.id))
    assert now in people.get("/en/w").text
    assert unknown in send(people, theme="us", text="").text
    with pages.sessions.begin() as session:
        session.get_one(Member, responder.id).active = False
    assert unknown in people.get("/en/w").text


def test_whoever_is_refused_leaves_nothing_new(pages: Pages, people: FlaskClient) -> None:
    texts = ("the bridge was closed", "my brother has gone", "who pays for bread", "bus nine", "rain came")
    for text in texts:
        tell(people, text)

    def kept() -> int:
        with pages.sessions() as session:
            return session.scalar(select(func.count()).select_from(LeakyBucket)) or 0

    before = kept()
    assert [send(people).status_code for _ in range(3)] == [429] * 3
    assert kept() == before


def test_error_that_is_no_missing_page_does_not_say_so(people: FlaskClient) -> None:
    assert "There is no such page" in people.get("/en/nothing").text
    refused = people.post("/l")
    assert refused.status_code == 405
    assert "There is no such page" not in refused.text


def test_start_and_astray_pages_only_read(sqlite_engine: Engine) -> None:
    said: list[str] = []
    with make_own_pages(sqlite_engine, people_url="https://people.example") as pages:
        with pages.app.app_context():
            engine = database.engine
        event.listen(engine, "before_cursor_execute", lambda *facts: said.append(facts[2]))
        client = pages.client()
        asked = [client.get(path, base_url="https://people.example").status_code for path in ("/", "/inbox")]
    assert asked == [200, 404]
    assert "BEGIN" in said
    assert "BEGIN IMMEDIATE" not in said


def test_asking_for_the_head_of_the_form_is_to_look(people: FlaskClient) -> None:
    assert people.head("/en/w").status_code == people.get("/en/w").status_code
