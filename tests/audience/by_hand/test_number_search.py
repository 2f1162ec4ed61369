"""A number finds contacts of one's own organisation, and tells nothing of anybody else's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from campaigns.audience.by_hand.number_search import FIND, MOST_NUMBERS, WHILE
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import AuditEntry, Role
from campaigns.web.session import database
from tests.factories import a_contact, an_address
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

FIND_PAGE = "/audience/contacts/find"
OURS, THEIRS, UNKNOWN = "+380501234567", "+380507654321", "+380509999999"


@pytest.fixture
def contact_id(pages: Pages, vault: Vault) -> int:
    """A contact of ours; another organisation has one, too."""
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        an_address(session, contact, vault, number=OURS)
        an_address(session, a_contact(session, pages.theirs), vault, number=THEIRS)
        return contact.id


@contextmanager
def statements_of(pages: Pages) -> Iterator[list[str]]:
    """Collect what the application asks of people and writes into the audit, without the values."""
    asked: list[str] = []
    with pages.app.app_context():
        engine = database.engine

    def note(*said: object) -> None:
        if "address" in str(said[2]) or "audit_entry" in str(said[2]):
            asked.append(str(said[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def searches(pages: Pages) -> list[AuditEntry]:
    with pages.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == FIND).order_by(AuditEntry.id)))


def bare(page: str) -> str:
    """Take out of a page the tokens of its forms: they are others each second."""
    return re.sub(r"<input[^>]*csrf[^>]*>|hx-headers='[^']*'", "", page)


def test_number_however_typed_leads_to_its_contact(
    pages: Pages, client_for: Callable[..., FlaskClient], contact_id: int
) -> None:
    for typed in (OURS, "00380 50 123-45-67", "+38 (050) 1234567"):
        answer = client_for(Role.STEWARD).post(FIND_PAGE, data={"number": typed})
        assert answer.location == f"/audience/contacts/{contact_id}"
    assert [entry.detail for entry in searches(pages)] == [{"contacts": [contact_id]}] * 3


def test_unknown_number_and_one_of_another_organisation_are_alike(
    pages: Pages, client_for: Callable[..., FlaskClient], contact_id: int
) -> None:
    client, said = client_for(Role.STEWARD), []
    client.post(FIND_PAGE, data={"number": UNKNOWN})
    for number in (THEIRS, UNKNOWN):
        with statements_of(pages) as statements:
            answer = client.post(FIND_PAGE, data={"number": number})
        said.append((answer.status, bare(answer.text), statements))
    assert said[0][2]
    assert said[0] == said[1]
    assert "None of your contacts has this number." in said[0][1]
    told = {(entry.subject_type, entry.subject_id, str(entry.detail)) for entry in searches(pages)}
    assert told == {("organisation", pages.ours.id, "{'contacts': []}")}


def test_whoever_handles_no_contacts_or_belongs_elsewhere_learns_nothing(
    pages: Pages, client_for: Callable[..., FlaskClient], contact_id: int
) -> None:
    for role in set(Role) - {Role.STEWARD}:
        assert client_for(role).post(FIND_PAGE, data={"number": OURS}).status_code == 403
    assert searches(pages) == []
    elsewhere = pages.client(pages.member(Role.STEWARD, organisation=pages.theirs))
    answer = elsewhere.post(FIND_PAGE, data={"number": OURS})
    assert "None of your contacts has this number." in answer.text
    assert f"/contacts/{contact_id}" not in answer.text


def test_member_types_twenty_numbers_an_hour(
    pages: Pages, client_for: Callable[..., FlaskClient], contact_id: int
) -> None:
    client, start = client_for(Role.STEWARD), clock.now()
    # What is no number is not looked for, and counts for nothing.
    assert "country code" in client.post(FIND_PAGE, data={"number": "0501234567"}).text
    for _ in range(MOST_NUMBERS):
        assert client.post(FIND_PAGE, data={"number": UNKNOWN}).status_code == 200
    for number in (OURS, UNKNOWN):
        refused = client.post(FIND_PAGE, data={"number": number})
        assert refused.status_code == 422
        assert f"may type {MOST_NUMBERS} numbers" in refused.text
        assert number[-9:] not in refused.text
    # Another member has a limit of their own.
    assert client_for(Role.STEWARD).post(FIND_PAGE, data={"number": OURS}).status_code == 302
    with standing_at(start + WHILE + timedelta(minutes=1)):
        assert client.post(FIND_PAGE, data={"number": OURS}).status_code == 302
