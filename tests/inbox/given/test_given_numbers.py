"""One list has everybody who got a number, by campaign or in a conversation, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, FormerText, RunText
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.given import given_numbers
from campaigns.inbox.given.given_numbers import (
    MOST_MESSAGES,
    count_people,
    find_runs,
    select_conversations,
    select_people,
)
from campaigns.inbox.service import receive_inbound
from campaigns.messages.queries import load_help
from campaigns.planning.models import Run
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import a_running_run
from tests.factories import a_member, a_sender, a_service, an_organisation
from tests.inbox.builders import came_over
from tests.web.pages import Pages

NUMBER = "+48 22 628 01 20"
UNCOUNTED = "the people who got it are not counted here"


def a_run_that_named(session: Session, vault: Vault, service: Service) -> tuple[Run, list[int]]:
    """A run to five people; return those who got the number: one of them before its text was rendered anew."""
    run = a_running_run(session, vault, count=5)
    now = clock.now()
    texts = [RunText(run_id=run.id, language=code, body="Call", parts=1) for code in ("uk", "ru", "pl")]
    named, former, other = texts
    named.service_ids, former.service_ids, other.service_ids = [7 + service.id, service.id], [], [service.id + 10]
    session.add_all(texts)
    session.flush()
    session.add(FormerText(text_id=former.id, until=now, service_ids=[service.id], body="Call", parts=1))
    rows = session.scalars(select(Delivery).filter_by(run_id=run.id).order_by(Delivery.id)).all()
    facts = [
        (named, SendState.ACCEPTED, now),
        (named, SendState.FAILED, now),
        (former, SendState.UNKNOWN, now - timedelta(hours=1)),
        (former, SendState.ACCEPTED, now + timedelta(hours=1)),
        (other, SendState.ACCEPTED, now),
    ]
    for row, (text, state, at) in zip(rows, facts, strict=True):
        row.text_id, row.send_state, row.intent_at = text.id, state, at
    session.flush()
    return run, [rows[0].contact_id, rows[2].contact_id]


def be_given(session: Session, vault: Vault, organisation: Organisation, *, who: str, words: str, by: int) -> int:
    """Let somebody ask and be answered; return the id of their contact."""
    inbound = Inbound(f"SM{who[1:]:>032}", who, "+48500100100", "Where can we sleep?", "sms")
    reply = receive_inbound(session, inbound, vault, account=came_over(session, owners=[organisation.id]))
    assert reply is not None
    conversation = session.scalars(select(Conversation).filter_by(contact_id=reply.contact_id)).one()
    known = load_help(session, organisation.id, fresh_days=180)
    seen = conversations.seen_now(session, conversation)
    written = conversations.answer(session, conversation, words, by=by, seen=seen, vault=vault, known=known)
    sent = update(Delivery).where(Delivery.run_id == written.run_id)
    session.execute(sent.values(send_state=SendState.ACCEPTED))
    return conversation.contact_id


def test_everybody_who_got_it_and_nobody_else(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation = an_organisation(session, slug="theirs")
    probe = a_service(session, organisation, number_national="+48 22 111 22 33", verified_on=clock.now().date())
    run, by_campaign = a_run_that_named(session, vault, probe)
    probe.organisation_id = run.organisation_id
    ours = session.get_one(Organisation, run.organisation_id)
    service = probe
    service.number_national = NUMBER
    a_sender(session, organisation_id=ours.id, identity="+48500100100", name="Ours")
    member = a_member(session, ours, email="responder@example.org").id
    session.flush()
    given = be_given(session, vault, ours, who="+380670000001", words=f"Call {NUMBER}", by=member)
    be_given(session, vault, ours, who="+380670000002", words="In the church", by=member)
    assert set(session.scalars(select_people(service))) == {*by_campaign, given}
    assert [each.contact_id for each in session.scalars(select_conversations(service))] == [given]
    [found] = find_runs(session, service)
    assert (found.run_id, found.people, found.correction_id) == (run.id, 2, None)
    assert count_people(session, service) == len({*by_campaign, given})
    run.planned = 2
    session.flush()
    with monkeypatch.context() as patch:
        patch.setattr(given_numbers, "MOST_IN_ALL", 1)
        assert [each.people for each in find_runs(session, service)] == [None]
    run.planned = MOST_MESSAGES + 1
    session.flush()
    [found] = find_runs(session, service)
    assert (found.run_id, found.people, found.planned) == (run.id, None, MOST_MESSAGES + 1)


def test_page_lists_them_for_those_who_answer(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        ours, theirs = (session.get_one(Organisation, each.id) for each in (pages.ours, pages.theirs))
        today = {"verified_on": clock.now().date()}
        service, other = a_service(session, ours, **today), a_service(session, theirs, **today)
        a_sender(session, organisation_id=ours.id, identity="+48500100100")
        member = a_member(session, ours, email="asked@example.org").id
        be_given(session, vault, ours, who="+380670000001", words=f"Call {service.number_national}", by=member)
        service_id, other_id = service.id, other.id
    client = pages.client(pages.member(Role.RESPONDER))
    assert f"/inbox/given/{service_id}" in client.get(f"/directory/{service_id}").text
    page = client.get(f"/inbox/given/{service_id}").text
    assert "Where can we sleep?" in page
    assert "No campaign named it to anybody." in page
    assert client.get(f"/inbox/given/{other_id}").status_code == 404
    assert UNCOUNTED not in page
    with pages.sessions.begin() as session:
        run, _people = a_run_that_named(session, vault, session.get_one(Service, service_id))
        run.organisation_id, run.planned = pages.ours.id, MOST_MESSAGES + 1
    assert UNCOUNTED in client.get(f"/inbox/given/{service_id}").text
