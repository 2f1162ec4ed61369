"""An administrator gets from one to two by a link: it works once, for a few days, and for nobody else."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.members import invitations
from campaigns.staff.models import Member, Role
from tests.web.pages import Pages

PASSWORD = {"password": "violet cupboards drift north"}


def invite(client: FlaskClient, email: str = "marek@example.org") -> str:
    """Add a second administrator who approves, and return the path of the invitation."""
    added = {"name": "Marek", "email": email, "roles": ["admin", "approver"]}
    found = re.search(r'id="invitation" href="([^"]+)"', client.post("/settings/members/add", data=added).text)
    assert found is not None
    return urlsplit(unescape(found[1])).path


@pytest.mark.both_databases
def test_second_administrator_comes_by_a_link(pages: Pages) -> None:
    path = invite(pages.client(pages.member(Role.ADMIN, Role.AUTHOR)))
    guest = pages.client()
    page = guest.get(path)
    assert (page.status_code, "Welcome, Marek" in page.text) == (200, True)
    assert guest.post(path, data=PASSWORD).location == "/"
    assert "Marek" in guest.get("/").text
    # The organisation has two now, as the roles say.
    assert guest.get("/settings/members").status_code == 200
    # Once is enough, for whoever has the link.
    for client in (guest, pages.client()):
        assert client.get(path).status_code == 403
        assert client.post(path, data=PASSWORD | {"password": "three patient herons wading"}).status_code == 403
    with pages.sessions() as session:
        marek = session.scalars(select(Member).where(Member.email == "marek@example.org")).one()
        assert not marek.password_is_temporary


def test_opening_a_link_changes_nothing(pages: Pages) -> None:
    """Mail servers open what they are to deliver."""
    path = invite(pages.client(pages.member(Role.ADMIN)))
    assert [pages.client().get(path).status_code for _ in range(3)] == [200, 200, 200]
    assert pages.client().post(path, data=PASSWORD).location == "/"


def test_new_one_time_password_ends_the_link_before(pages: Pages) -> None:
    admin = pages.client(pages.member(Role.ADMIN))
    path = invite(admin)
    with pages.sessions() as session:
        marek = session.scalars(select(Member).where(Member.email == "marek@example.org")).one()
        marek.password = "another"
        session.commit()
    assert pages.client().get(path).status_code == 403


def test_weak_password_stands_beside_its_field_and_the_link_goes_on(pages: Pages) -> None:
    path = invite(pages.client(pages.member(Role.ADMIN)))
    answer = pages.client().post(path, data={"password": "fingerpost fingerpost"})
    assert (answer.status_code, 'id="password-error">This is easily guessed' in answer.text) == (422, True)
    assert pages.client().post(path, data=PASSWORD).location == "/"


def test_old_or_forged_link_is_refused(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    path = invite(pages.client(pages.member(Role.ADMIN)))
    assert pages.client().get(path[:-2] + "xx").status_code == 403
    monkeypatch.setattr(invitations, "VALID_DAYS", -1)
    answer = pages.client().get(path)
    assert (answer.status_code, "Ask your administrator for a new one" in answer.text) == (403, True)


def test_barred_member_has_no_invitation(pages: Pages) -> None:
    path = invite(pages.client(pages.member(Role.ADMIN)))
    with pages.sessions.begin() as session:
        session.scalars(select(Member).where(Member.email == "marek@example.org")).one().active = False
    assert pages.client().post(path, data=PASSWORD).status_code == 403
