"""One contact is added with proof and changed by hand, and nobody learns who opted out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.by_hand.number_search import MOST_NUMBERS
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.models import Address, AddressState, Channel, Consent, Contact, PositionSource
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import NOON, a_contact, a_place, an_address
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

ADD = "/audience/contacts/new"
NUMBER = "+380501234567"
PERSON: dict[str, Any] = {
    "number": NUMBER,
    "channels": ["sms", "whatsapp"],
    "language": "uk",
    "consent_on": "2026-02-27",
    "consent_how": "form at the reception desk",
}


@pytest.mark.both_databases
def test_person_who_agreed_is_added_with_the_proof(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        place_id = a_place(session, pages.ours).id
    given = PERSON | {"place_id": place_id, "seen_on": "2026-03-01"}
    assert client_for(Role.STEWARD).post(ADD, data=given).status_code == 302
    with pages.sessions() as session:
        contact = session.scalars(select(Contact)).one()
        addresses = session.scalars(select(Address).order_by(Address.rank)).all()
        line, _other = session.scalars(select(Consent)).all()
        entry = session.scalars(select(AuditEntry)).one()
    assert (contact.language, contact.position_source) == ("uk", PositionSource.IMPORT)
    assert contact.cell is not None
    assert [(one.channel, one.state) for one in addresses] == [("sms", "active"), ("whatsapp", "active")]
    assert (line.method, open_evidence(line, vault)) == ("import", "form at the reception desk")
    assert (entry.action, entry.subject_type, entry.detail) == ("contact.add", "organisation", {})


def test_answer_is_the_same_for_whoever_opted_out(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    stopped = "+380507654321"
    with pages.sessions.begin() as session:
        elsewhere = an_address(session, a_contact(session, pages.theirs), vault, number=stopped)
        said = Declaration("keyword", "reply 1", clock.now())
        withdraw_everywhere(session, HashedHandle(elsewhere.lookup, Channel.SMS, elsewhere.number), said)
    client, answers = client_for(Role.STEWARD), []
    for number in (stopped, NUMBER):
        answer = client.post(ADD, data=PERSON | {"number": number})
        with client.session_transaction() as cookie:
            answers.append((answer.status, answer.location, cookie.pop("_flashes")))
    assert answers[0] == answers[1]
    with pages.sessions() as session:
        ours = session.scalars(select(Address).where(Address.organisation_id == pages.ours.id)).all()
    assert {one.state for one in ours} == {AddressState.ACTIVE}
    assert len({one.contact_id for one in ours}) == 1


@pytest.mark.parametrize(("day", "status"), [("2026-04-02", 302), ("2026-04-03", 422)])
def test_day_is_that_of_the_organisation(
    pages: Pages, client_for: Callable[..., FlaskClient], day: str, status: int
) -> None:
    """It is the second of April in Kyiv, and the first by UTC."""
    half_past_midnight = datetime(2026, 4, 1, 21, 30, tzinfo=UTC)
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.ours.id).time_zone = "Europe/Kyiv"
        place_id = a_place(session, pages.ours).id
        contact_id = a_contact(session, pages.ours).id
    client, seen = client_for(Role.STEWARD), {"place_id": place_id, "seen_on": day}
    with standing_at(half_past_midnight):
        assert client.post(ADD, data=PERSON | {"consent_on": day} | seen).status_code == status
        change = client.post(f"/audience/contacts/{contact_id}/change", data={"language": "uk"} | seen)
        assert change.status_code == status
    with pages.sessions() as session:
        moments = [*session.scalars(select(Contact.position_at)), *session.scalars(select(Consent.given_at))]
        assert all(moment is None or moment <= half_past_midnight for moment in moments)


def test_nobody_is_added_without_proof_and_no_number_comes_back(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    tomorrow = (clock.now() + timedelta(days=2)).date().isoformat()
    refused: list[dict[str, Any]] = [{"consent_how": ""}, {"consent_on": tomorrow}, {"channels": []}]
    for wrong in refused:
        answer = client.post(ADD, data=PERSON | wrong)
        assert answer.status_code == 422, wrong
        assert NUMBER not in answer.text
    assert "no phone can have this number" in client.post(ADD, data=PERSON | {"number": "+38050123"}).text
    with pages.sessions() as session:
        assert session.scalars(select(Contact)).all() == []
        assert session.scalars(select(AuditEntry)).all() == []


def test_added_numbers_count_as_those_that_are_looked_for(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    for _ in range(MOST_NUMBERS):
        client.post("/audience/contacts/find", data={"number": NUMBER})
    answer = client.post(ADD, data=PERSON)
    assert (answer.status_code, f"may type {MOST_NUMBERS} numbers" in answer.text) == (422, True)


def test_language_and_place_of_a_contact_are_changed(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        contact_id, place_id = a_contact(session, pages.ours).id, a_place(session, pages.ours).id
        foreign = a_place(session, pages.theirs).id
    client, path = client_for(Role.STEWARD), f"/audience/contacts/{contact_id}/change"
    assert re.search(r'<option selected value="uk"', client.get(path).text)
    today = clock.now().date().isoformat()
    given = {"language": "ar", "other_language": "uk", "place_id": place_id, "seen_on": today}
    for wrong in ({"place_id": foreign}, {"seen_on": ""}, {"language": "xx"}, {"seen_on": "2020-01-01"}):
        assert client.post(path, data=given | wrong).status_code == 422, wrong
    assert client.post(path, data=given).location == f"/audience/contacts/{contact_id}"
    with pages.sessions() as session:
        contact = session.get_one(Contact, contact_id)
        entry = session.scalars(select(AuditEntry)).one()
    assert (contact.language, contact.other_language) == ("ar", "uk")
    assert contact.position_source == PositionSource.TOLD_US
    assert contact.position_at is not None
    assert contact.position_at > NOON
    assert contact.cell is not None
    assert entry.detail == {"what": ["language", "other_language", "place"]}


def test_erased_contact_is_changed_no_more(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        contact_id = a_contact(session, pages.ours, erased_at=NOON).id
    client = client_for(Role.STEWARD)
    assert client.post(f"/audience/contacts/{contact_id}/change", data={"language": "ar"}).status_code == 302
    with pages.sessions() as session:
        assert session.get_one(Contact, contact_id).language == "uk"
