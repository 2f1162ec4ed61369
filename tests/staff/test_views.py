"""The settings pages: members, organisations and the audit trail."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import BusyError
from campaigns.staff import audit
from campaigns.staff.act_names import ACTS
from campaigns.staff.audit import LOOKED_FOR
from campaigns.staff.models import AuditEntry, Member, Organisation, Role
from campaigns.staff.service import add_membership
from tests.web.pages import Pages


def test_new_member_signs_in_with_the_shown_password(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    answer = client_for(Role.ADMIN).post(
        "/settings/members/add", data={"name": "Jan", "email": "jan@example.org", "roles": ["author", "viewer"]}
    )
    shown = re.search(r'class="secret"[^>]*>([^<]+)<', answer.text)
    assert shown is not None
    client = pages.client()
    client.post("/sign-in", data={"email": "jan@example.org", "password": shown[1]})
    assert client.get("/").location == "/settings/password"


@pytest.mark.both_databases
def test_refused_member_leaves_nothing_behind(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    answer = client_for(Role.ADMIN).post("/settings/members/add", data={"name": "Jan", "email": "jan"})
    assert answer.status_code == 422
    assert "This is not an e-mail address." in answer.text
    with pages.sessions() as session:
        assert session.scalar(select(Member).where(Member.name == "Jan")) is None
        assert session.scalars(select(AuditEntry)).all() == []


def test_own_roles_change_without_signing_out(pages: Pages) -> None:
    member = pages.member(Role.ADMIN)
    client = pages.client(member)
    answer = client.post(f"/settings/members/{member.id}", data={"roles": ["admin", "author"]})
    assert answer.location == "/settings/members"
    assert client.get("/settings/members").location is None


def test_member_works_in_one_organisation_at_a_time(pages: Pages) -> None:
    member = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        add_membership(session, session.merge(pages.theirs), session.get_one(Member, member.id), roles=["viewer"])
    client = pages.client(member)
    assert client.get("/settings/members").status_code == 200
    assert client.post("/organisation", data={"organisation_id": pages.theirs.id}).status_code == 302
    assert client.get("/settings/members").status_code == 403
    assert client.post("/organisation", data={"organisation_id": 999_999}).status_code == 404


def test_a_list_without_an_empty_answer_is_not_called_optional(client_for: Callable[..., FlaskClient]) -> None:
    page = client_for(Role.ADMIN).get("/settings/organisation").text
    assert re.search(r'<label for="time_zone">Time zone</label>', page)
    # Whoever leaves it empty covers the whole country.
    assert "optional" in client_for(Role.AUTHOR).get("/directory/new").text


@pytest.mark.both_databases
def test_audit_page_finds_a_changed_entry(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.ADMIN)
    client.post("/settings/organisation", data={"name": "Ours", "time_zone": "Europe/Kyiv"})
    assert f'<td data-label="Act">{ACTS["organisation.update"]}</td>' in client.get("/settings/audit").text
    assert "The chain is whole" in client.get("/settings/audit/check").text
    with pages.sessions.begin() as session:
        session.execute(update(AuditEntry).values(detail={}))
    later = clock.now() + LOOKED_FOR
    with clock.running_on(lambda: later):
        assert "The chain breaks at entry" in client.get("/settings/audit/check").text


@pytest.mark.both_databases
def test_audit_log_is_read_in_words_and_of_one_kind_of_thing(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.ADMIN)
    client.post("/settings/organisation", data={"name": "Ours", "time_zone": "Europe/Kyiv"})
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        facts: dict[str, Any] = {"people": 12_345, "moved": True, "roles": ["author"], "newer_key": "x"}
        audit.record(session, "newer.act", subject=ours, organisation_id=ours.id, **facts)
    page = client.get("/settings/audit?about=organisation").text
    for told in (
        "newer.act",
        f"Organisation <bdi>{pages.ours.id}</bdi>",
        "People: ",
        "Moved: <bdi>Yes",
        "newer key",
    ):
        assert told in page, told
    assert "12,345" not in page
    assert "Nothing was done to that yet." in client.get("/settings/audit?about=place").text
    assert "newer.act" in client.get("/settings/audit?about=nothing").text


@pytest.mark.both_databases
def test_whole_chain_is_read_once_for_many_clicks(
    client_for: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr(audit, "verify_chain", looks.append)
    client = client_for(Role.ADMIN)
    for _ in range(5):
        assert client.get("/settings/audit/check").status_code == 200
    assert len(looks) == 1


def test_whole_chain_is_read_for_one_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = audit.ChainLooks()

    def look_again(_: Session) -> None:
        with pytest.raises(BusyError):
            looking.look(session)

    monkeypatch.setattr(audit, "verify_chain", look_again)
    assert looking.look(session).broken is None
