"""A complaint is given on to another reader, and back to the team where two readers say that it is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.core.errors import TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.complaints.models import Complaint
from campaigns.inbox.complaints.passing_complaints import give_on
from campaigns.inbox.complaints.readers import Reading
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import AuditEntry, Member, Role
from tests.inbox.complaints.test_complaints import WORDS, answering, mark, name_readers, which
from tests.inbox.conversations.test_pages import fields_of, hear
from tests.postgres import is_waited_for
from tests.web.pages import Pages

__all__ = ["answering", "which"]
HERE = "/complaints/1"


@dataclass
class Case:
    """A complaint that the lead reads, and who may have to do with it."""

    pages: Pages
    which: int
    about: Member
    lead: Member

    def client(self, member: Member) -> FlaskClient:
        return self.pages.client(member)

    def give(self, by: Member, reader: str) -> int:
        return self.client(by).post(f"{HERE}/give-on", data={"reader": reader}).status_code

    def sees(self, member: Member) -> bool:
        answer = self.client(member).get(HERE)
        assert answer.status_code in (200, 404)
        return WORDS in answer.text

    def doubt(self, by: Member) -> None:
        self.client(by).post(f"{HERE}/doubt", data={"why": "mistake"})

    def acts(self) -> list[str]:
        with self.pages.sessions() as session:
            found = select(AuditEntry.action).where(AuditEntry.action.like("complaint.%")).order_by(AuditEntry.id)
            said = session.scalars(found.order_by(AuditEntry.id)).all()
        return [each.removeprefix("complaint.") for each in said if each not in ("complaint.read",)]


@pytest.fixture
def case(pages: Pages, which: int, answering: Member) -> Case:
    lead = pages.member(Role.VIEWER, name="Lead")
    name_readers(pages, lead)
    mark(pages, which, answering)
    return Case(pages, which, answering, lead)


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("act", ["answer", "close", "give-on", "doubt", "keep", "give-back"])
def test_whoever_waited_while_it_was_given_on_decides_nothing_any_more(case: Case, act: str) -> None:
    """On SQLite nobody reads a complaint to act on it while another one writes."""
    second = case.pages.member(Role.VIEWER)
    name_readers(case.pages, case.lead, second)
    if act in ("keep", "give-back"):
        case.doubt(case.lead)
    client, before = case.client(second), case.acts()
    seen = fields_of(client.get(HERE).text)
    data = seen | {"words": "We are sorry.", "outcome": "informed", "reader": "instance", "why": "mistake"}
    with ThreadPoolExecutor(1) as threads, case.pages.sessions.begin() as session:
        conversation = session.get_one(Conversation, case.which, with_for_update=True)
        state = conversation.state
        session.get_one(Complaint, 1).receiver_id = case.pages.theirs.id
        session.flush()
        answered = threads.submit(client.post, f"{HERE}/{act}", data=data)
        assert is_waited_for(case.pages.sessions)
        session.commit()
        assert answered.result().status_code == 404
    with case.pages.sessions() as session:
        complaint, conversation = session.get_one(Complaint, 1), session.get_one(Conversation, case.which)
        assert (complaint.receiver_id, conversation.state) == (case.pages.theirs.id, state)
    assert case.acts() == before


@pytest.mark.one_database
def test_reader_gives_it_on_to_a_member_and_reads_it_no_more(case: Case) -> None:
    board, colleague = case.pages.member(Role.AUTHOR, name="Board"), case.pages.member(Role.RESPONDER)
    offered = case.client(case.lead).get(f"{HERE}/give-on").text
    assert f'value="member:{board.id}"' in offered
    for kept_out in (case.about, colleague):
        # Neither whom it is about nor anybody of the team that answers.
        assert f'value="member:{kept_out.id}"' not in offered
        assert case.give(case.lead, f"member:{kept_out.id}") == 422
    assert case.give(case.about, f"member:{board.id}") == 404
    assert case.give(case.lead, f"member:{board.id}") == 302
    assert [case.sees(each) for each in (case.lead, case.about, colleague, board)] == [False, False, False, True]
    # Whom the setting names gets it back.
    assert case.give(board, "setting") == 302
    assert [case.sees(case.lead), case.sees(board)] == [True, False]
    assert case.acts() == ["readers", "mark", "give_on", "give_on"]


def test_reader_of_a_partner_gives_it_on_and_sees_no_names_of_members(case: Case) -> None:
    partner = case.pages.member(Role.RESPONDER, organisation=case.pages.theirs)
    assert case.give(case.lead, f"organisation:{case.pages.theirs.id}") == 302
    assert case.sees(partner)
    offered = case.client(partner).get(f"{HERE}/give-on").text
    assert "Lead" not in offered
    assert case.give(partner, f"member:{case.lead.id}") == 422
    assert case.give(partner, f"organisation:{case.pages.ours.id}") == 422
    assert case.give(partner, "setting") == 302
    assert [case.sees(case.lead), case.sees(partner)] == [True, False]


def test_whoever_reads_it_already_is_not_given_it_again(case: Case) -> None:
    offered = case.client(case.lead).get(f"{HERE}/give-on").text
    assert ('value="setting"' in offered, f"member:{case.lead.id}" in offered) == (False, False)
    assert case.give(case.lead, "setting") == 422
    with case.pages.sessions() as session, pytest.raises(TransitionError, match="read this complaint already"):
        give_on(
            session,
            session.get_one(Complaint, 1),
            None,
            who=Reading(case.lead.id, case.pages.ours.id, answers=False),
        )
    assert case.acts() == ["readers", "mark"]


@pytest.mark.one_database
def test_two_readers_give_back_what_is_no_complaint(case: Case, vault: Vault) -> None:
    second = case.pages.member(Role.VIEWER)
    name_readers(case.pages, case.lead, second)
    team, lead = case.client(case.about), case.client(case.lead)
    case.doubt(case.lead)
    assert "A second reader has to agree" in case.client(second).get("/complaints").text
    alone = lead.post(f"{HERE}/give-back", follow_redirects=True).text
    assert "Another reader has to agree." in alone
    assert team.get(f"/inbox/{case.which}").status_code == 404
    case.client(second).post(f"{HERE}/give-back")
    assert WORDS in team.get(f"/inbox/{case.which}").text
    assert f"/inbox/{case.which}" in team.get("/inbox?languages=all").text
    assert lead.get(HERE).status_code == 404
    with case.pages.sessions() as session:
        conversation = session.get_one(Conversation, case.which)
        assert (conversation.state, conversation.owner_id) == (ConversationState.NEW, None)
        assert "complaint" not in [each["heading"] for each in conversation.reasons]
        detail = session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "complaint.give_back")).one()
        assert detail == {"why": "mistake", "first": case.lead.id}
    hear(case.pages, vault, "Thank you.")
    assert "Thank you." in team.get(f"/inbox/{case.which}").text
    # It may become one again.
    mark(case.pages, case.which, case.about)


@pytest.mark.parametrize("act", ["", "answer", "close"])
def test_what_is_given_back_waits_though_a_reader_ended_it_and_is_as_urgent_as_its_words(
    case: Case, act: str
) -> None:
    second = case.pages.member(Role.VIEWER)
    name_readers(case.pages, case.lead, second)
    lead = case.client(case.lead)
    if act:
        seen = fields_of(lead.get(HERE).text)
        lead.post(f"{HERE}/{act}", data=seen | {"words": "We are sorry.", "outcome": "informed"})
    case.doubt(case.lead)
    case.client(second).post(f"{HERE}/give-back")
    with case.pages.sessions() as session:
        conversation = session.get_one(Conversation, case.which)
        assert (conversation.state, conversation.urgency) == (ConversationState.NEW, Urgency.QUESTION)
        assert conversation.waiting_since is not None
        assert (conversation.outcome, conversation.closed_at) == (None, None)
    team = case.client(case.about)
    assert f"/inbox/{case.which}" in team.get("/inbox?languages=all").text
    told = "Two readers say that it is no complaint"
    assert (told in team.get(f"/inbox/{case.which}").text) == bool(act)


def test_doubt_goes_with_a_complaint_that_is_given_on_and_is_taken_back(case: Case) -> None:
    board = case.pages.member(Role.AUTHOR)
    case.doubt(case.lead)
    assert case.give(case.lead, f"member:{board.id}") == 302
    assert "I agree: it is no complaint" in case.client(board).get(HERE).text
    case.client(board).post(f"{HERE}/keep")
    assert "I agree: it is no complaint" not in case.client(board).get(HERE).text
    assert "Nobody says" in case.client(board).post(f"{HERE}/give-back", follow_redirects=True).text
    assert case.acts()[2:] == ["doubt", "give_on", "keep"]


def test_what_the_person_called_a_complaint_themselves_never_goes_back(case: Case) -> None:
    with case.pages.sessions.begin() as session:
        session.execute(update(Complaint).values(marked_by_id=None))
    assert "never goes back to the team" in case.client(case.lead).get(HERE).text
    case.doubt(case.lead)
    with case.pages.sessions() as session:
        assert session.scalars(select(Complaint.doubt)).all() == [None]
    assert case.acts() == ["readers", "mark"]
