"""Whoever complained without a name is told who reads it, whenever they come back by their code."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core.keys.crypto import Vault
from campaigns.inbox.complaints.models import Complaint, ComplaintReader
from campaigns.inbox.complaints.passing_complaints import give_on
from campaigns.inbox.complaints.readers import Reading
from campaigns.inbox.complaints.service import ReadBy
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.models import Conversation, Outcome
from campaigns.messages.help_numbers import KnownHelp
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Member, Role
from campaigns.web.people.public_words import public_words
from tests.inbox.unnamed.test_whole_way import come_back, tell
from tests.web.pages import Pages

OURS, OTHER = "Somebody of the organisation whom it is not about reads it.", "Another organisation reads it now"
SOUGHT = "Nobody reads it at present."
NOTHING = KnownHelp([], {}, fresh_days=30)


@pytest.fixture
def reader(pages: Pages) -> Member:
    reader = pages.member(Role.VIEWER)
    with pages.sessions.begin() as session:
        session.add(ComplaintReader(organisation_id=pages.ours.id, member_id=reader.id))
    return reader


def give(pages: Pages, reader: Member, chosen: ReadBy) -> None:
    with pages.sessions.begin() as session:
        complaint = session.scalars(select(Complaint)).one()
        give_on(session, complaint, chosen, who=Reading(reader.id, pages.ours.id, answers=False))


@pytest.mark.parametrize(
    ("shown", "said"), [("Anna’s House", f"{OTHER}: <bdi>Anna’s House</bdi>."), ("", f"{OTHER}.")]
)
def test_who_complained_reads_to_whom_it_was_given_on(
    pages: Pages, people: FlaskClient, reader: Member, shown: str, said: str
) -> None:
    helper = pages.member(Role.RESPONDER, organisation=pages.theirs)
    code = tell(people, "Your helper asked me for money", theme="us")
    assert OURS in come_back(people, code)
    with pages.sessions.begin() as session:
        profile = Profile(is_open=bool(shown), shown_name=shown, contact="a@b.example")
        set_profile(session, pages.theirs.id, profile, by=helper.id)
    give(pages, reader, ReadBy(organisation_id=pages.theirs.id))
    page = come_back(people, code)
    assert said in page
    assert OURS not in page
    # Nobody sees it who is called the team of the organisation.
    assert "of the team" not in page


def test_who_complained_reads_that_nobody_has_it_yet(pages: Pages, people: FlaskClient, reader: Member) -> None:
    code = tell(people, "Your helper asked me for money", theme="us")
    give(pages, reader, ReadBy())
    assert SOUGHT in come_back(people, code)


def test_what_is_done_with_a_complaint_is_not_called_the_teams(
    pages: Pages, people: FlaskClient, reader: Member, vault: Vault
) -> None:
    code = tell(people, "Your helper asked me for money", theme="us")
    with pages.sessions.begin() as session:
        conversation = session.scalars(select(Conversation)).one()
        seen = service.seen_now(session, conversation)
        service.answer(
            session, conversation, "We look into it.", by=reader.id, seen=seen, vault=vault, known=NOTHING
        )
    assert "You have an answer." in (page := come_back(people, code))
    assert "The team" not in page
    with pages.sessions.begin() as session:
        conversation = session.scalars(select(Conversation)).one()
        seen = service.seen_now(session, conversation)
        service.close(session, conversation, Outcome.INFORMED, by=reader.id, seen=seen)
    assert "This is closed. You may write again." in (page := come_back(people, code))
    assert "The team" not in page


def test_of_what_is_no_complaint_no_reader_is_told(pages: Pages, people: FlaskClient) -> None:
    page = come_back(people, tell(people))
    said = [text for name, text in public_words("en").items() if name.startswith("told_reader_")]
    assert [text for text in said if text.partition("{")[0] in page] == []
