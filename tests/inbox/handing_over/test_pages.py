"""One organisation offers, another decides and confirms: each sees its half, and neither a number."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from datetime import timedelta

import pyrage
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.audience.models import Contact
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.models import Team
from campaigns.inbox.handing_over import service, views
from campaigns.inbox.handing_over.exporting import export_keys
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_region, a_sender, an_organisation
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
    accepted = theirs.post(f"{case}/accept", follow_redirects=True).text
    # No machine tells them.
    assert "The person was told" not in accepted
    assert "Whoever offered it tells the person" in accepted
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


def test_region_is_told_by_its_name(pages: Pages, halves: Halves) -> None:
    with pages.sessions.begin() as session:
        region = a_region(session)
        name = region.name
        contact = session.get_one(Contact, session.get_one(Conversation, halves.which).contact_id)
        contact.region_id = region.id
    told = {"receiver": str(pages.theirs.id), "summary": "A bed.", "consent": "Yes.", "fields": ["place"]}
    page = halves.ours.post(f"/inbox/{halves.which}/hand-over", data=told, follow_redirects=True)
    assert (page.status_code, name in page.text) == (200, True)


def test_accepted_case_is_taken_along_once_a_key_is_confirmed(pages: Pages, halves: Halves) -> None:
    told = {"receiver": str(pages.theirs.id), "summary": "Two people need a bed.", "consent": "Yes."}
    halves.ours.post(f"/inbox/{halves.which}/hand-over", data=told)
    with pages.sessions() as session:
        case = f"/inbox/handed-over/{session.scalars(select(HandOver.id)).one()}"
    halves.theirs.post(f"{case}/accept")
    assert "It can be read here only" in halves.theirs.get(case).text
    refused = halves.theirs.post(f"{case}/export/pdf", follow_redirects=True).text
    assert "Nothing is exported without a key" in refused
    admin = pages.client(pages.member(Role.ADMIN, organisation=pages.theirs))
    identity = pyrage.x25519.Identity.generate()
    assert admin.post("/settings/export-key", data={"recipient": "age1"}).status_code == 422
    admin.post("/settings/export-key", data={"recipient": str(identity.to_public())})
    page = html.unescape(admin.get("/settings/export-key").text)
    armoured = page[page.index("-----BEGIN AGE") :].partition("</pre>")[0]
    word = pyrage.decrypt(armoured.encode(), [identity]).decode()
    assert admin.post("/settings/export-key/confirm", data={"word": "nothing"}).status_code == 422
    assert admin.post("/settings/export-key/confirm", data={"word": word}).status_code == 302
    file = halves.theirs.post(f"{case}/export/json")
    assert file.headers["Content-Disposition"] == "attachment; filename=file.json.age"
    assert json.loads(pyrage.decrypt(file.data, [identity]))["summary"] == told["summary"]
    paper = halves.theirs.post(f"{case}/export/pdf", headers={"Accept-Language": "ar"})
    assert pyrage.decrypt(paper.data, [identity]).startswith(b"%PDF")
    assert halves.ours.post(f"{case}/export/pdf").status_code == 404
    assert halves.theirs.post(f"{case}/export/exe").status_code == 404
    halves.ours.post(f"{case}/take-back")
    assert halves.theirs.post(f"{case}/export/pdf").status_code == 404
    admin.post("/settings/export-key/remove")
    assert admin.post("/settings/export-key/remove").status_code == 404


def accepted(pages: Pages, halves: Halves, vault: Vault) -> str:
    """Let the receiver accept something and confirm a key; return the address of its export."""
    told = {"receiver": str(pages.theirs.id), "summary": "Two people need a bed.", "consent": "Yes."}
    halves.ours.post(f"/inbox/{halves.which}/hand-over", data=told)
    by, own = pages.member(Role.ADMIN, organisation=pages.theirs).id, pyrage.x25519.Identity.generate()
    with pages.sessions.begin() as session:
        handed = session.scalars(select(HandOver)).one()
        service.accept(session, handed, by=by)
        key = export_keys.add_key(session, pages.theirs.id, str(own.to_public()), by=by, vault=vault)
        word = pyrage.decrypt(key.encrypted_word.encode(), [own]).decode()
        export_keys.confirm_key(session, key, word, by=by, vault=vault)
        return f"/inbox/handed-over/{handed.id}/export"


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_others_write_while_it_is_set_on_paper(
    pages: Pages, halves: Halves, vault: Vault, monkeypatch: pytest.MonkeyPatch, is_taken_back: bool
) -> None:
    address = accepted(pages, halves, vault)

    def set_on_paper(*told: object, **facts: object) -> bytes:
        with pages.sessions.begin() as session:
            session.execute(update(HandOver).values(state=after))
        return b"%PDF"

    after = OfferState.TAKEN_BACK if is_taken_back else OfferState.ACCEPTED
    monkeypatch.setattr(views, "set_on_paper", set_on_paper)
    answer = halves.theirs.post(f"{address}/pdf")
    assert answer.status_code == (302 if is_taken_back else 200)
    with pages.sessions() as session:
        lines = session.scalars(select(AuditEntry.id).where(AuditEntry.action == "hand_over.export")).all()
    assert len(lines) == (0 if is_taken_back else 1)


def test_nothing_is_passed_on_unasked_by_one_member(pages: Pages, halves: Halves) -> None:
    url, told = f"/inbox/{halves.which}/hand-over-unasked", {"summary": "Two people need a bed."}
    told["receiver"] = str(pages.theirs.id)
    form = halves.ours.get(url).text
    assert ("Ask a second member" in form, ">Offer<" in form) == (True, False)
    assert halves.ours.post(url, data=told).status_code == 422
    assert halves.ours.post(url, data=told | {"override": "because"}).status_code == 422
    assert (
        halves.ours.post(f"/inbox/{halves.which}/hand-over", data=told | {"override": "life"}).status_code == 422
    )
    with pages.sessions() as session:
        assert session.scalars(select(HandOver.id)).all() == []
    own = halves.ours.post(url, data=told | {"override": "child"}, follow_redirects=True).text
    assert ("Waits for a second member" in own, "Agree: offer it unasked" in own) == (True, False)
    with pages.sessions() as session:
        case = f"/inbox/handed-over/{session.scalars(select(HandOver.id)).one()}"
    assert "Another member has to agree." in halves.ours.post(f"{case}/agree", follow_redirects=True).text
    assert halves.theirs.get(case).status_code == 404
    assert halves.theirs.post(f"{case}/agree").status_code == 404
    second = pages.client(pages.member(Role.RESPONDER, name="Second"))
    waits = [client.get("/inbox").text.count("1 waits for you") for client in (second, halves.ours, halves.theirs)]
    assert waits == [1, 0, 0]
    assert "A second member has to agree" in second.get("/inbox/handed-over").text
    assert "Agree: offer it unasked" in second.get(case).text
    agreed = second.post(f"{case}/agree", follow_redirects=True).text
    assert "It is offered." in agreed
    assert "Second" in agreed
    waits = [client.get("/inbox").text.count("1 waits for you") for client in (second, halves.ours, halves.theirs)]
    assert waits == [0, 0, 1]
    seen = halves.theirs.get(case).text
    assert ("A child is in danger" in seen, "Second" in seen) == (True, False)
    assert "to be reviewed" not in second.get("/inbox/handed-over").text
    with pages.sessions.begin() as session:
        handed = session.scalars(select(HandOver)).one()
        assert handed.agreed_at
        handed.agreed_at -= timedelta(days=1)
    assert "Passed on unasked, to be reviewed" in second.get("/inbox/handed-over").text
    second.post(f"{case}/review")
    assert "Passed on unasked, to be reviewed" not in second.get("/inbox/handed-over").text


def test_conversation_goes_to_a_team(pages: Pages, halves: Halves) -> None:
    admin, anna = pages.client(pages.member(Role.ADMIN)), pages.member(Role.RESPONDER, name="Anna")
    assert admin.post("/settings/teams", data={"name": "Night"}).status_code == 422
    admin.post("/settings/teams", data={"name": "Night", "members": [str(anna.id)]})
    with pages.sessions() as session:
        team = session.scalars(select(Team.id)).one()
    page = admin.get("/settings/teams").text
    assert ("Night" in page, "Anna" in page) == (True, True)
    url, hers = f"/inbox/{halves.which}/hand-over-within", pages.client(anna)
    assert "Team: Night" in halves.ours.get(url).text
    assert halves.ours.post(url, data={"to": "team-99", "note": "I am ill."}).status_code == 422
    offered = halves.ours.post(url, data={"to": f"team-{team}", "note": "I am ill."}, follow_redirects=True).text
    assert ("Night" in offered, "I take it" in offered) == (True, False)
    for which, shown in ((team, True), (team + 1, False)):
        assert (f'href="/inbox/{halves.which}"' in halves.ours.get(f"/inbox?team={which}").text) == shown
    with pages.sessions() as session:
        case = f"/inbox/handed-over/{session.scalars(select(HandOver.id)).one()}"
    other = pages.client(pages.member(Role.RESPONDER))
    for client, is_offered in ((other, False), (hers, True)):
        assert (case in client.get("/inbox/handed-over").text.split("Offered by you")[0]) == is_offered
    refused = halves.ours.post(f"{case}/accept", follow_redirects=True).text
    assert "This was offered to somebody else." in refused
    taken = hers.post(f"{case}/accept")
    assert taken.headers["Location"] == f"/inbox/{halves.which}"
    assert "Anna" in halves.ours.get(f"/inbox/{halves.which}").text
    assert admin.get(f"/settings/teams/{team}").status_code == 200
    admin.post(f"/settings/teams/{team}", data={"name": "Nights", "members": [str(anna.id)]})
    assert "Nights" in halves.ours.get(case).text
    admin.post(f"/settings/teams/{team}/remove")
    assert halves.ours.get(case).status_code == 200


def test_nobody_else_learns_that_there_is_an_offer(pages: Pages, halves: Halves) -> None:
    told = {"receiver": str(pages.theirs.id), "summary": "Two people need a bed.", "consent": "Yes."}
    halves.ours.post(f"/inbox/{halves.which}/hand-over", data=told)
    with pages.sessions.begin() as session:
        which = session.scalars(select(HandOver.id)).one()
        third = an_organisation(session, name="Third", slug="third")
        session.expunge(third)
    others = (
        (pages.member(*Role, organisation=third), 404),
        # Roles are asked before anything is looked for: there and not there answer alike.
        (pages.member(Role.ADMIN), 403),
        (pages.member(Role.ADMIN, organisation=pages.theirs), 403),
    )
    acts = ("accept", "decline", "take-back", "agree", "review", "export/pdf", "export/json")
    for member, status in others:
        client = pages.client(member)
        for key in (which, which + 1):
            case = f"/inbox/handed-over/{key}"
            answers = [client.get(case), *(client.post(f"{case}/{act}") for act in acts)]
            assert {answer.status_code for answer in answers} == {status}
        for own in ("hand-over", "hand-over-unasked", "hand-over-within"):
            assert client.get(f"/inbox/{halves.which}/{own}").status_code == status
