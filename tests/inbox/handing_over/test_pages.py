"""One organisation offers, another decides and confirms: each sees its half, and neither a number."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core.keys.crypto import Vault
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_sender
from tests.inbox.builders import OURS, THEM
from tests.inbox.conversations.test_pages import hear
from tests.web.pages import Pages


@dataclass(frozen=True)
class Halves:
    """Who offers and who receives, and a conversation that is offered."""

    ours: FlaskClient
    theirs: FlaskClient
    which: int


@pytest.fixture
def halves(pages: Pages, vault: Vault) -> Halves:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
    return Halves(
        pages.client(pages.member(Role.RESPONDER)),
        pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs)),
        hear(pages, vault, "Where can we sleep with a child?"),
    )


def test_case_goes_to_another_organisation_and_is_confirmed(pages: Pages, halves: Halves) -> None:
    ours, theirs, which = halves.ours, halves.theirs, halves.which
    url = f"/inbox/{which}/hand-over"
    assert "Theirs" in ours.get(url).text
    assert theirs.get(url).status_code == 404
    told = {"receiver": str(pages.theirs.id), "summary": "Two people need a bed.", "consent": "Yes."}
    assert ours.post(url, data=told | {"consent": " "}).status_code == 422
    offered = ours.post(url, data=told | {"fields": ["topics"]}, follow_redirects=True).text
    with pages.sessions() as session:
        handed = session.scalars(select(HandOver)).one()
        case, code = f"/inbox/handed-over/{handed.id}", handed.code
    assert code in offered
    seen = theirs.get(case).text
    assert "Two people need a bed." in seen
    assert "A place to sleep" in seen
    for secret in (code, THEM, "Where can we sleep", f"/inbox/{which}"):
        assert secret not in seen
    assert theirs.post(f"{case}/accept", follow_redirects=True).status_code == 200
    wrong = theirs.post("/inbox/handed-over/confirm", data={"code": "1", "what": "came"})
    assert (wrong.status_code, "Nobody with this code" in wrong.text) == (422, True)
    theirs.post("/inbox/handed-over/confirm", data={"code": code, "what": "helped"})
    assert "They were helped" in ours.get("/inbox/handed-over").text
    with pages.sessions() as session:
        actions = set(session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("hand_over.%"))))
    assert actions == {"hand_over.offer", "hand_over.read", "hand_over.accept", "hand_over.helped"}


def test_declined_case_is_seen_no_more(pages: Pages, halves: Halves) -> None:
    ours, theirs, which = halves.ours, halves.theirs, halves.which
    told = {"receiver": str(pages.theirs.id), "summary": "Two people need a bed.", "consent": "Yes."}
    ours.post(f"/inbox/{which}/hand-over", data=told)
    with pages.sessions() as session:
        case = f"/inbox/handed-over/{session.scalars(select(HandOver.id)).one()}"
    assert ours.post(f"{case}/accept").status_code == 404
    assert theirs.post(f"{case}/decline", data={"reason": ""}).status_code == 422
    theirs.post(f"{case}/decline", data={"reason": "We are full."})
    assert theirs.get(case).status_code == 404
    assert "We are full." in ours.get(case).text
    assert "Not taken over by another organisation" in ours.get("/inbox").text
    with pages.sessions() as session:
        assert session.scalars(select(HandOver.state)).one() == OfferState.DECLINED
