"""The audit trail tells who was refused and who took files out, without a line for each try."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from campaigns.core.errors import ApprovalError, UnavailableError
from campaigns.staff import event_notes
from campaigns.staff.models import AuditEntry, Member, Role
from tests.factories import a_campaign, a_run
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


def entries(pages: Pages, action: str) -> list[AuditEntry]:
    with pages.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_forbidden_pages_are_told_once_for_each(pages: Pages) -> None:
    viewer = pages.member(Role.VIEWER)
    client = pages.client(viewer)
    for _ in range(3):
        assert client.get("/settings/members").status_code == 403
        assert client.post("/settings/members/add").status_code == 403
    told = entries(pages, "access.refuse")
    assert [(each.detail, each.member_id, each.organisation_id) for each in told] == [
        ({"times": 1, "what": "members.index"}, viewer.id, pages.ours.id),
        ({"times": 1, "what": "members.add_member"}, viewer.id, pages.ours.id),
    ]


def test_files_that_are_taken_out_are_told(pages: Pages) -> None:
    author = pages.member(Role.AUTHOR)
    for _ in range(2):
        assert pages.client(author).get("/places/locations.csv").status_code == 200
    (entry,) = entries(pages, "file.export")
    assert (entry.member_id, entry.detail) == (author.id, {"times": 1, "what": "/places/locations.csv"})


def test_refused_approvals_are_told(pages: Pages) -> None:
    member: Member = pages.member(Role.AUTHOR, Role.APPROVER)
    with pages.sessions.begin() as session:
        campaign_id = a_campaign(session, pages.ours, member, state="submitted").id
    pages.client(member).post(f"/campaigns/{campaign_id}/approve", data={"digest": "other"})
    (entry,) = entries(pages, "approval.refuse")
    assert (entry.subject_type, entry.subject_id, entry.member_id) == ("campaign", campaign_id, member.id)
    assert entry.detail == {"times": 1, "what": "planning.approve"}


def test_approvals_that_a_verb_refuses_are_told_as_well(own_pages: Pages) -> None:
    def refuse() -> str:
        raise ApprovalError("Another member has to agree.")

    own_pages.app.add_url_rule("/agree", "agree", refuse)
    member = own_pages.member(Role.APPROVER)
    assert own_pages.client(member).get("/agree").status_code == 409
    assert own_pages.client().get("/agree").status_code == 409
    (entry,) = entries(own_pages, "approval.refuse")
    assert (entry.member_id, entry.detail) == (member.id, {"times": 1, "what": "agree"})


def test_what_succeeds_tells_nothing_more(pages: Pages) -> None:
    member = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        run_id = a_run(session, a_campaign(session, pages.ours, member)).id
    client = pages.client(member)
    assert client.get("/settings").status_code == 200
    assert client.post(f"/delivery/runs/{run_id}/stop").status_code == 302
    assert entries(pages, "access.refuse") + entries(pages, "file.export") == []


@pytest.mark.both_databases
def test_what_cannot_be_noted_is_not_given(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise UnavailableError("the database is away")

    monkeypatch.setattr(event_notes, "note", fail)
    pages.app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        answer = pages.client(pages.member(Role.AUTHOR)).get("/places/locations.csv")
    finally:
        pages.app.config["PROPAGATE_EXCEPTIONS"] = None
    assert answer.status_code == 500
    assert "attachment" not in answer.headers.get("Content-Disposition", "")
