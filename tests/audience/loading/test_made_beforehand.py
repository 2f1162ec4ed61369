"""Rows that were made before anybody waits come to the same as any import, and a stop meanwhile wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.files.import_report import Report
from campaigns.audience.files.staging import Doing
from campaigns.audience.grouping import create_group
from campaigns.audience.loading import contact_writer, made_beforehand
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    Contact,
    ContactGroup,
    GroupedContact,
    GroupKind,
)
from campaigns.audience.service import import_file
from campaigns.core.database import make_sessions
from campaigns.core.errors import RowsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.places.geography.cells import cell_of
from campaigns.places.models import Place
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned
from tests.factories import NOON, a_contact, a_member, a_place, an_address, an_organisation

HEADER = "number,whatsapp,viber,language,group,consent_date,consent_how,place,position_date\n"
NEW, STOPPED, KNOWN, OTHER, LAST = (f"+3805012345{number}" for number in range(67, 72))
LINES = [
    f"{NEW},{NEW},,uk,Teachers",
    f"{STOPPED},,,uk,",
    f",{KNOWN},,ar,Teachers",
    f"{OTHER} ::: {STOPPED},,,uk,",
    f"{LAST},,,uk,",
    f",{LAST},,uk,Teachers",
]
#: Called once the rows of a file are made, where they are, and before anything is written.
Meanwhile = Callable[[], object]


def refused(session: Session, vault: Vault, number: str, refuse: Callable[..., object]) -> None:
    handle = HashedHandle(vault.lookup_hash(Channel.SMS, number), Channel.SMS, vault.number_hash(number))
    refuse(session, handle, Declaration("keyword", "STOP", NOON))


@pytest.fixture
def sessions(sqlite_engine: Engine) -> sessionmaker[Session]:
    """Sessions on SQLite alone: nothing is made beforehand on PostgreSQL."""
    return make_sessions(sqlite_engine)


@pytest.fixture
def ours(sessions: sessionmaker[Session], vault: Vault) -> Organisation:
    """An organisation with a group, a contact with one number, and a stop by another one."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        by = a_member(session, organisation).id
        create_group(session, organisation.id, kind=GroupKind.PROGRAMME, name="Teachers", by=by)
        an_address(session, a_contact(session, organisation), vault, number=KNOWN)
        refused(session, vault, STOPPED, withdraw_everywhere)
    return organisation


def bring_in(
    sessions: sessionmaker[Session],
    ours: Organisation,
    vault: Vault,
    lines: Sequence[str],
    *,
    meanwhile: Meanwhile = lambda: None,
    at_once: bool = False,
    place: str = "",
) -> Report:
    """Import lines of people at a place; `at_once`: in a transaction, so that nothing is made beforehand."""

    def tell(doing: Doing, _rows: int, _share: float) -> None:
        if doing is Doing.MAKING:
            meanwhile()

    ending = f"2026-02-01,form,{place},{place and '2026-02-01'}"
    data = (HEADER + "".join(f"{line},{ending}\n" for line in lines)).encode()
    with sessions() as session:
        if at_once:
            session.connection()
        settings = load_settings({})
        report = import_file(session, ours.id, "f.csv", data, by=None, vault=vault, settings=settings, tell=tell)
        session.commit()
    return report


def people(session: Session, vault: Vault) -> list[tuple[object, ...]]:
    """Return what is there of each address: whose it is, whether they are in a group, and how it stands."""
    rows = session.execute(
        select(Address, Contact.language, GroupedContact.group_id, Consent)
        .join(Contact, Contact.id == Address.contact_id)
        .outerjoin(GroupedContact, GroupedContact.contact_id == Contact.id)
        .outerjoin(Consent, Consent.address_id == Address.id)
        .order_by(Address.number, Address.channel, Consent.id)
    ).all()
    return [
        (
            vault.open(row.Address.ciphertext, table="address", column="ciphertext", row_id=row.Address.id),
            *(row.Address.channel, row.Address.state, row.Address.rank, row.Address.country),
            *(row.Address.is_shared, row.language, row.group_id is not None),
            row.Consent and (row.Consent.kind, row.Consent.given_at, row.Consent.sealed_evidence is not None),
            sum(other.Address.contact_id == row.Address.contact_id for other in rows),
        )
        for row in rows
    ]


@pytest.fixture(params=[0, 20])
def spare_ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_beforehand, "SPARE_IDS", request.param)


@pytest.mark.usefixtures("spare_ids")
def test_what_is_made_beforehand_is_as_in_any_import(
    sessions: sessionmaker[Session],
    ours: Organisation,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sessions() as session:
        # The same as a twin that was begun in a transaction, which is taken back.
        monkeypatch.setattr(session, "commit", session.flush)
        one = partial(bring_in, lambda: session, ours, vault, LINES)  # type: ignore[arg-type]
        monkeypatch.setattr(session, "close", lambda: None)
        expected = one(at_once=True), people(session, vault)
        session.rollback()
    made = bring_in(sessions, ours, vault, LINES)
    with sessions() as session:
        assert (made, people(session, vault)) == expected
    assert (made.added, made.updated) == (4, 2)


def states(session: Session, vault: Vault) -> dict[str, str]:
    return {str(number): str(state) for number, _channel, state, *_rest in people(session, vault)}


def test_who_said_stop_while_rows_were_made_stays_out(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    def say() -> None:
        with sessions.begin() as session:
            refused(session, vault, NEW, withdraw_everywhere)
            refused(session, vault, LAST, hold_everywhere)
            refused(session, vault, OTHER, withdraw_everywhere)

    lines = [f"{NEW},,,uk,", f"{KNOWN} ::: {OTHER},,,ar,Teachers", f"{LAST},,,uk,Teachers"]
    bring_in(sessions, ours, vault, lines, meanwhile=say)
    with sessions() as session:
        found = states(session, vault)
        assert found == {KNOWN: AddressState.ACTIVE, LAST: AddressState.HELD}
        assert [person[6] for person in people(session, vault) if person[0] == KNOWN] == ["uk"]


@pytest.mark.usefixtures("spare_ids")
def test_who_was_added_while_rows_were_made_is_not_added_twice(
    sessions: sessionmaker[Session],
    ours: Organisation,
    vault: Vault,
) -> None:
    """Without spare ids whoever was added has one of those that were made use of: nothing made is written."""

    def add() -> None:
        with sessions.begin() as session:
            an_address(session, a_contact(session, session.merge(ours)), vault, number=NEW)

    report = bring_in(sessions, ours, vault, [f"{NEW},,,ar,Teachers", f"{LAST},,,uk,"], meanwhile=add)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 3
        found = {person[0]: (person[6], person[7]) for person in people(session, vault)}
    assert (report.added, report.updated) == (1, 1)
    assert (found[NEW], found[LAST]) == (("ar", True), ("uk", False))


def test_group_that_is_gone_once_rows_are_made_is_told(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    def remove() -> None:
        with sessions.begin() as session:
            session.delete(session.scalars(select(ContactGroup)).one())

    with pytest.raises(RowsError, match="Teachers"):
        bring_in(sessions, ours, vault, [f"{NEW},,,uk,Teachers"], meanwhile=remove)
    with sessions() as session:
        assert states(session, vault).keys() == {KNOWN}


@pytest.fixture
def medyka(sessions: sessionmaker[Session], ours: Organisation) -> int:
    """The id of a hotspot of theirs, whose key is "medyka"."""
    with sessions.begin() as session:
        return a_place(session, session.merge(ours), key="medyka", name="Medyka").id


def test_place_that_is_gone_once_rows_are_made_is_told(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault, medyka: int
) -> None:
    def remove() -> None:
        with sessions.begin() as session:
            session.delete(session.get_one(Place, medyka))

    with pytest.raises(RowsError, match="medyka"):
        bring_in(sessions, ours, vault, [f"{NEW},,,uk,"], meanwhile=remove, place="medyka")
    with sessions() as session:
        assert states(session, vault).keys() == {KNOWN}


def test_who_names_a_place_that_was_moved_while_rows_were_made_stands_where_it_is_now(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault, medyka: int
) -> None:
    point = (24.03, 49.84)

    def move() -> None:
        with sessions.begin() as session:
            session.get_one(Place, medyka).geometry = {"type": "Point", "coordinates": point}

    bring_in(sessions, ours, vault, [f"{NEW},,,uk,"], meanwhile=move, place="Medyka")
    with sessions() as session:
        cells = session.scalars(select(Contact.cell).where(Contact.cell.is_not(None))).all()
    assert cells == [cell_of(*point)]


def test_who_is_known_to_another_organisation_alone_is_made_ready_unless_they_said_stop_there(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        others = an_organisation(session)
        for number in (NEW, LAST):
            an_address(session, a_contact(session, others), vault, number=number)
    late = list[str]()
    apart = contact_writer.apart

    def note(rows: Sequence[ContactRow]) -> list[list[ContactRow]]:
        late.extend(handle.text for row in rows for handle in row.handles)
        return apart(rows)

    monkeypatch.setattr(contact_writer, "apart", note)

    def stop() -> None:
        with sessions.begin() as session:
            refused(session, vault, LAST, withdraw_everywhere)

    report = bring_in(sessions, ours, vault, [f"{NEW},,,uk,", f"{LAST},,,uk,"], meanwhile=stop)
    assert (report.added, report.updated, late) == (2, 0, [LAST])
    with sessions() as session:
        written = owned(select(Address.number), Address, ours.id)
        assert set(session.scalars(written)) == {vault.number_hash(each) for each in (NEW, KNOWN)}
