"""Whoever steals the database reads nothing that members or files say of people in their own words."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import open_about, open_evidence
from campaigns.audience.loading.resealing import seal_old_words
from campaigns.audience.models import (
    Address,
    AddressState,
    Consent,
    ConsentKind,
    Contact,
    ContactImport,
    ImportState,
)
from campaigns.core.keys.crypto import Vault
from campaigns.schema import metadata
from campaigns.staff.models import Role
from tests.factories import NOON, a_contact, a_member, add, an_address, an_organisation
from tests.web.pages import Pages

NAME = "Olena Kovalenko"
HEAD = "number,language,consent_date,consent_how\n"
GOOD = f"+380671234567,uk,2026-02-01,form signed by {NAME}\n"


@pytest.fixture
def steward(pages: Pages) -> FlaskClient:
    return pages.client(pages.member(Role.STEWARD, Role.RESPONDER, Role.ADMIN))


def everything_in(sessions: sessionmaker[Session]) -> str:
    """Return every value of every row."""

    def values() -> Iterator[str]:
        with sessions() as session:
            for table in metadata.sorted_tables:
                for row in session.execute(select(table)):
                    yield from (repr(bytes(value) if isinstance(value, memoryview) else value) for value in row)

    return "\n".join(values())


def send(steward: FlaskClient, text: str) -> str:
    """Check a contact file that bears a person's name, and return the address of its page."""
    data = {"file": (io.BytesIO(text.encode()), f"{NAME}.csv")}
    return str(steward.post("/audience/contacts/files", data=data).location)


def test_nothing_said_of_a_person_is_in_the_database_in_clear(pages: Pages, steward: FlaskClient) -> None:
    good, bad = send(steward, HEAD + GOOD), send(steward, HEAD + GOOD + f"+380671234568,{NAME},2026-02-01,form\n")
    assert steward.post(f"{good}/import").status_code == 302
    with pages.sessions() as session:
        contact_id = session.scalars(select(Contact.id)).one()
    contact = f"/audience/contacts/{contact_id}"
    for act in ("hold", "end-hold", "hold", "opt-out"):
        assert steward.post(f"{contact}/{act}", data={"reason": f"{NAME} asked, {act}"}).status_code == 302
    lifted = {"channel": "sms", "evidence": f"letter of {NAME}"}
    assert steward.post(f"{contact}/lift-stop", data=lifted).status_code == 302
    assert NAME.split()[1] not in everything_in(pages.sessions)
    # Those who may read it still do.
    assert f"form signed by {NAME}" in steward.get(contact).text
    assert f"letter of {NAME}" in steward.get(contact).text
    assert f"{NAME} is no language we know" in steward.get(bad).text
    assert f"{NAME}.csv" in steward.get("/audience/contacts/files").text
    assert f"{NAME} asked, opt-out" in steward.get("/settings/audit").text


def test_wrong_cells_are_gone_once_the_file_is_decided(pages: Pages, steward: FlaskClient, vault: Vault) -> None:
    bad = send(steward, HEAD + f"+380671234568,{NAME},2026-02-01,form\n")
    steward.post(f"{bad}/discard")
    with pages.sessions() as session:
        assert open_about(session.scalars(select(ContactImport)).one(), vault).problems == []
    assert steward.get(bad).status_code == 200


@pytest.mark.parametrize("batch", [1, 100])
def test_words_of_an_earlier_version_are_sealed(sessions: sessionmaker[Session], vault: Vault, batch: int) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        address = an_address(session, a_contact(session, organisation), vault, state=AddressState.HELD)
        for method, kind in (
            ("import", "granted"),
            ("member", "held"),
            ("keyword", "withdrawn"),
            ("import", "held"),
        ):
            add(session, a_line(address, method, ConsentKind(kind)))
        add(session, an_old_file(organisation.id, a_member(session, organisation).id))
    assert seal_old_words(sessions, vault, batch=batch) == 3
    assert seal_old_words(sessions, vault, batch=batch) == 0
    with sessions() as session:
        lines = session.scalars(select(Consent).order_by(Consent.id)).all()
        assert [line.wording for line in lines] == ["", "", "by keyword", "by import"]
        assert [open_evidence(line, vault) for line in lines] == ["by import", "by member", "", ""]
        about = open_about(session.scalars(select(ContactImport)).one(), vault)
        assert (about.name, about.problems[0].values) == (f"{NAME}.csv", {"text": NAME})
    assert NAME.split()[1] not in everything_in(sessions)


def a_line(address: Address, method: str, kind: ConsentKind) -> Consent:
    return Consent(
        contact_id=address.contact_id,
        address_id=address.id,
        channel=address.channel,
        kind=kind,
        method=method,
        wording=f"by {method}",
        given_at=NOON,
        recorded_at=NOON,
    )


def an_old_file(organisation_id: int, member_id: int) -> ContactImport:
    problem = {"line": 2, "column": "language", "template": "%(text)s is none.", "values": {"text": NAME}}
    return ContactImport(
        organisation_id=organisation_id,
        member_id=member_id,
        file_name=f"{NAME}.csv",
        state=ImportState.CHECKED,
        report={"rows": 1, "bad_rows": 1, "problems": [problem]},
        created_at=NOON,
    )
