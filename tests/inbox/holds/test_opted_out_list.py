"""A list of numbers is checked, and opts out contacts and strangers alike, once."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.files.watch import CHECKS_OF_MEMBER, MANY_FILES, Kind, Watched, find_watched
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    Contact,
    ContactImport,
    ImportState,
    SuppressedAddress,
)
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.staff.models import AuditEntry, Role
from tests.audience.reading_worker import tiles
from tests.factories import a_campaign, a_contact, a_delivery, a_run, an_address
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

LIST, FILES = "/audience/contacts/opted-out", "/audience/contacts/files"
OURS, THEIRS, STRANGER = "+380501234567", "+380507654321", "+380509999999"
FEW = "fewer than 20"


def hand_in(client: FlaskClient, text: str | bytes, **fields: str) -> TestResponse:
    content = text.encode() if isinstance(text, str) else text
    data = {"source": "list of the old system", **fields, "file": (io.BytesIO(content), "stops.csv")}
    return client.post(LIST, data=data, content_type="multipart/form-data")


def checked(client: FlaskClient, text: str, **fields: str) -> TestResponse:
    answer = hand_in(client, text, **fields)
    assert answer.status_code == 302
    return client.get(answer.location)


def opt_out(client: FlaskClient, text: str) -> TestResponse:
    path = hand_in(client, text).location
    assert client.post(f"{path}/opt-out").location == path
    return client.get(path)


def marks(pages: Pages) -> int:
    with pages.sessions() as session:
        found = select(func.count()).select_from(SuppressedAddress).where(~SuppressedAddress.is_hold)
        return session.scalar(found) or 0


def test_contacts_and_strangers_opt_out_once(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    member = pages.member()
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        sms = an_address(session, contact, vault, number=OURS)
        an_address(session, contact, vault, number=OURS, channel=Channel.WHATSAPP, rank=1)
        an_address(session, a_contact(session, pages.theirs), vault, number=THEIRS)
        run = a_run(session, a_campaign(session, pages.ours, member))
        delivery_id = a_delivery(session, run, contact_id=contact.id, address_id=sms.id).id
    client, text = client_for(Role.STEWARD), f"Phone\n{OURS}\n{THEIRS}\n\n{STRANGER}\n{OURS}\n"
    first = opt_out(client, text)
    assert tiles(first) == ["4", "3", FEW]
    assert "3 numbers have opted out." in first.text
    assert marks(pages) == 6
    with pages.sessions() as session:
        assert {state for (state,) in session.execute(select(Address.state))} == {AddressState.OPTED_OUT}
        lines = session.scalars(select(Consent).order_by(Consent.id)).all()
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert session.get_one(Delivery, delivery_id).send_state == SendState.SUPPRESSED
    assert sorted((line.kind, line.method) for line in lines) == [("withdrawn", "list")] * 3
    assert {open_evidence(line, vault) for line in lines if line.sealed_evidence} == {"list of the old system"}
    told = [("contacts.check_opt_outs", {"rows": 4}), ("contacts.opt_out", {"rows": 4})]
    assert [(entry.action, entry.detail) for entry in entries] == told
    assert tiles(opt_out(client, text)) == ["4", "3", FEW]
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 3
    for number in (OURS, THEIRS, STRANGER):
        assert number[-7:] not in first.text


@pytest.mark.both_databases
def test_nobody_opts_out_before_somebody_says_so(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        an_address(session, a_contact(session, pages.ours), vault, number=OURS)
    client = client_for(Role.STEWARD)
    path = hand_in(client, f"{OURS}\n{STRANGER}\n").location
    assert "Opt 2 numbers out" in client.get(path).text
    import_id = path.rsplit("/", 1)[1]
    assert client.get(f"{FILES}/{import_id}").status_code == 404
    assert client.post(f"{FILES}/{import_id}/import").status_code == 404
    assert "stops.csv" not in client.get(FILES).text
    assert "stops.csv" in client.get(LIST).text
    client.post(f"{path}/discard")
    client.post(f"{path}/opt-out")
    with pages.sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.ACTIVE
    assert marks(pages) == 0


def test_file_of_contacts_opts_out_nobody(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    answer = hand_in(
        client_for(Role.STEWARD), f"number,language,consent_date,consent_how\n{OURS},uk,2026-02-27,form\n"
    )
    assert (answer.status_code, "This is a file of contacts" in answer.text) == (422, True)


def test_contacts_of_others_are_told_nowhere_and_own_ones_in_tens(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    ours = [f"+3805012345{last:02}" for last in range(24)]
    with pages.sessions.begin() as session:
        for number in ours:
            an_address(session, a_contact(session, pages.ours), vault, number=number)
        an_address(session, a_contact(session, pages.theirs), vault, number=THEIRS)
    client, said = client_for(Role.STEWARD), []
    for text in ("\n".join(ours), THEIRS, STRANGER, ours[0]):
        answer = opt_out(client, text)
        with pages.sessions() as session:
            detail = session.scalars(select(AuditEntry.detail).order_by(AuditEntry.id.desc())).first()
        said.append((tiles(answer)[2], detail))
    assert said == [("20", {"rows": 24, "contacts": 20}), *[(FEW, {"rows": 1})] * 3]


def test_short_lists_count_as_small_files_that_are_checked(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    member = pages.member(Role.STEWARD)
    client = pages.client(member)
    for _ in range(MANY_FILES):
        hand_in(client, STRANGER)
    with pages.sessions.begin() as session:
        found = find_watched(session, pages.ours.id, now=clock.now())
        assert found == [Watched(member.name, Kind.FILES, MANY_FILES)]
        for _ in range(CHECKS_OF_MEMBER - MANY_FILES):
            session.add(
                ContactImport(
                    organisation_id=pages.ours.id,
                    member_id=member.id,
                    state=ImportState.DONE,
                    report={},
                    created_at=clock.now(),
                )
            )
    answer = hand_in(client, STRANGER)
    assert (answer.status_code, f"{CHECKS_OF_MEMBER} contact files checked" in answer.text) == (422, True)


def test_number_of_the_list_is_not_imported_afterwards(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    opt_out(client, f"{STRANGER}\n")
    person = {"number": STRANGER, "channels": ["sms"], "language": "uk", "consent_on": "2026-02-27"}
    client.post("/audience/contacts/new", data=person | {"consent_how": "form"})
    with pages.sessions() as session:
        assert session.scalars(select(Contact)).all() == []


def test_rows_that_are_no_number_are_told_and_hold_up_nobody(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    path = hand_in(client, f"number;note\n{STRANGER};asked by phone\n3.80671E+11;\n0501112233;\n").location
    answer = client.get(path)
    assert tiles(answer) == ["3", "1", FEW]
    assert "2 rows are no numbers" in answer.text
    assert "Line 3, number" in answer.text
    client.post(f"{path}/opt-out")
    assert marks(pages) == 2


def test_local_numbers_are_read_with_the_country_of_the_file(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    assert tiles(checked(client_for(Role.STEWARD), "050 999 99 99\n", country="UA")) == ["1", "1", FEW]


def test_list_says_where_it_comes_from(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    assert hand_in(client_for(Role.STEWARD), f"{STRANGER}\n", source="").status_code == 422
    assert hand_in(client_for(Role.AUTHOR), f"{STRANGER}\n").status_code == 403
    with pages.sessions() as session:
        assert session.scalars(select(SuppressedAddress)).all() == []
