"""Administrators keep the roster; everybody of the organisation sees it, with its gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.inbox.duty.models import Duty, DutyMember, Part, Team
from campaigns.staff.models import AuditEntry, Member, Role
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


def fields(who: Member, **changes: Any) -> dict[str, Any]:
    whole = {"name": "Day", "days": ["0", "1"], "begin": "08:00", "end": "20:00", "answering": [who.id]}
    return whole | {"lead": who.id, "reserve": [who.id], "languages": ["uk"]} | changes


def test_duty_is_added_changed_and_removed(pages: Pages, client_for: Clients) -> None:
    who, client = pages.member(Role.RESPONDER, name="Olena"), client_for(Role.ADMIN)
    assert "There is no roster yet." in client.get("/settings/duty").text
    assert client.post("/settings/duty/add", data=fields(who)).status_code == 302
    page = client_for(Role.VIEWER).get("/settings/duty").text
    assert "Olena" in page
    assert "08:00–20:00" in page
    assert "Nobody is on duty" in page
    with pages.sessions() as session:
        duty = session.scalars(select(Duty)).one()
        assert (duty.days, duty.begin, duty.end, duty.languages) == ("01", 480, 1200, ["uk"])
        assert {row.part for row in session.scalars(select(DutyMember))} == set(Part)
    assert 'value="08:00"' in client.get(f"/settings/duty/{duty.id}").text
    changed = fields(who, days=list("0123456"), begin="00:00", end="00:00", lead="", reserve=[], languages=[])
    assert client.post(f"/settings/duty/{duty.id}", data=changed).status_code == 302
    page = client.get("/settings/duty").text
    assert "There is no gap in the next seven days." in page
    assert client.post(f"/settings/duty/{duty.id}/remove").status_code == 302
    with pages.sessions() as session:
        assert session.scalars(select(Duty)).all() == []
        about_duty = select(AuditEntry.action).where(AuditEntry.subject_type == "duty")
        acts = session.scalars(about_duty.order_by(AuditEntry.id)).all()
        assert acts == ["duty.add", "duty.change", "duty.remove"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"days": []}, "Choose at least one day of the week."),
        ({"days": ["9"]}, "choices"),
        ({"begin": "25:00"}, "Not a valid time value."),
        ({"answering": []}, "a duty that nobody keeps is a gap"),
        ({"answering": ["999999"]}, "choices"),
        ({"name": "  "}, "A name is needed."),
        ({"lead": "nobody"}, "Not a valid choice"),
    ],
)
def test_duty_that_nobody_could_keep_is_refused(
    pages: Pages, client_for: Clients, changes: dict[str, Any], told: str
) -> None:
    who = pages.member(Role.RESPONDER)
    answer = client_for(Role.ADMIN).post("/settings/duty/add", data=fields(who, **changes))
    assert answer.status_code == 422
    assert told in answer.text
    with pages.sessions() as session:
        assert session.scalars(select(Duty)).all() == []


def test_who_answers_no_more_leaves_a_gap(pages: Pages, client_for: Clients) -> None:
    who, client = pages.member(Role.RESPONDER, languages=["uk"]), client_for(Role.ADMIN)
    client.post("/settings/duty/add", data=fields(who, days=list("0123456"), begin="00:00", end="00:00"))
    assert "There is no gap" in client.get("/settings/duty").text
    with pages.sessions.begin() as session:
        session.get_one(Member, who.id).active = False
    page = client.get("/settings/duty").text
    assert "There is no gap" not in page
    assert "Nobody on duty reads" in page


def test_nobody_of_another_organisation_is_on_duty_here(pages: Pages, client_for: Clients) -> None:
    stranger = pages.member(Role.RESPONDER, organisation=pages.theirs)
    answer = client_for(Role.ADMIN).post("/settings/duty/add", data=fields(stranger))
    assert answer.status_code == 422


@pytest.mark.both_databases
def test_roster_is_shown_of_one_team_with_its_gaps(pages: Pages, client_for: Clients) -> None:
    day, night = (pages.member(Role.RESPONDER, name=name) for name in ("Day nurse", "Night nurse"))
    admin = client_for(Role.ADMIN)
    every = {"days": list("0123456"), "lead": "", "reserve": [], "languages": []}
    admin.post("/settings/duty/add", data=fields(day, name="By day", **every))
    admin.post("/settings/duty/add", data=fields(night, name="By night", begin="20:00", end="08:00", **every))
    for name, who in (("Nurses", day), ("Nobody here", pages.member(Role.RESPONDER))):
        admin.post("/settings/teams", data={"name": name, "members": [who.id]})
    with pages.sessions() as session:
        nurses, idle = session.scalars(select(Team.id).order_by(Team.name.desc()))
    assert "There is no gap in the next seven days." in admin.get("/settings/duty").text
    page = admin.get(f"/settings/duty?team={nurses}").text
    assert ("By day" in page, "By night" in page) == (True, False)
    assert "Nobody of this team is on duty" in page
    assert "Others may be on duty in these hours." in page
    assert "Nobody of this team is on the roster." in admin.get(f"/settings/duty?team={idle}").text
    assert "By night" in admin.get("/settings/duty?team=999999").text
