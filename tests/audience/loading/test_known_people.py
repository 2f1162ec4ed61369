"""Who said stop stays out by each number that a file has of them, taken or not."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.consent.ledger import grant, withdraw_everywhere
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.file_telling import NOTHING_TOLD, FileTelling, WhichLine
from campaigns.audience.files.contact_reader import ContactFile, read_contacts
from campaigns.audience.grouping import create_group
from campaigns.audience.loading.contact_writer import take_in
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Contact,
    GroupedContact,
    GroupKind,
    SuppressedAddress,
)
from campaigns.audience.positions import Placing, Standing
from campaigns.audience.service import import_file
from campaigns.audience.taking_in import import_people
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.staff.models import Organisation
from tests.audience.sheets import read_out
from tests.factories import NOON, a_contact, a_member, an_address, an_organisation

pytestmark = pytest.mark.both_databases

STOPPED = "+380501234567"
OTHER = "+380671234567"
END = "uk,2026-02-01,form"


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


def say(session: Session, vault: Vault, *, refuse: Callable[..., object] = withdraw_everywhere) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, STOPPED), vault.number_hash(STOPPED)
    told = HashedHandle(lookup, Channel.SMS, number), Declaration("keyword", "STOP", NOON)
    refuse(session, *told)


def people_of(header: str, *lines: str, telling: FileTelling = NOTHING_TOLD) -> ContactFile:
    data = "\n".join([f"{header},language,consent_date,consent_how", *(f"{line},{END}" for line in lines)])
    return read_out(read_contacts(io.BytesIO(data.encode()), max_rows=9, now=NOON, telling=telling))


def states(session: Session) -> Sequence[str]:
    return session.scalars(select(Address.state).order_by(Address.id)).all()


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Phone 1 - Value,Phone 2 - Value", f"{OTHER},{STOPPED}"),
        ("number", f"{OTHER} ::: {STOPPED}"),
        ("number,telegram,whatsapp", f",77,{OTHER} ::: {STOPPED}"),
    ],
)
def test_stop_on_a_number_that_is_not_taken_is_heeded(
    session: Session, organisation: Organisation, vault: Vault, header: str, line: str
) -> None:
    say(session, vault)
    report = import_people(session, organisation.id, people_of(header, line), vault=vault)
    assert (report.added, states(session)) == (1, [])


def test_stop_on_a_number_that_is_not_taken_is_heeded_of_a_file_read_at_once(
    session: Session, organisation: Organisation, vault: Vault
) -> None:
    say(session, vault)
    data = f"number,language,consent_date,consent_how\n{OTHER} ::: {STOPPED},{END}\n".encode()
    import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=load_settings({}))
    assert states(session) == []


@pytest.mark.parametrize("which", list(WhichLine))
def test_stop_in_a_line_that_is_left_out_is_heeded(
    session: Session, organisation: Organisation, vault: Vault, which: WhichLine
) -> None:
    say(session, vault)
    lines = (f"{OTHER},77", f"{STOPPED},77")
    ordered = lines if which is WhichLine.FIRST else lines[::-1]
    found = people_of("number,telegram", *ordered, telling=NOTHING_TOLD.counting(which))
    report = import_people(session, organisation.id, found, vault=vault)
    assert (report.left_out, states(session)) == (1, [])


class SaidMeanwhile(Placing):
    """A placing that hears something after the people of the file were looked up and before they are written."""

    def standing_of(self, row: ContactRow) -> Standing:
        self.hear()
        return super().standing_of(row)

    hear: partial[None]


@pytest.mark.parametrize(
    ("refuse", "state"), [(withdraw_everywhere, AddressState.OPTED_OUT), (hold_everywhere, AddressState.HELD)]
)
def test_stop_on_a_number_that_is_not_taken_is_heeded_during_an_import(
    session: Session, organisation: Organisation, vault: Vault, refuse: Callable[..., object], state: AddressState
) -> None:
    [rows] = people_of("number", f"{OTHER} ::: {STOPPED}", "+380631234567").people
    placing = SaidMeanwhile(session, organisation.id)
    placing.place(rows)
    placing.hear = partial(say, session, vault, refuse=refuse)
    take_in(session, organisation.id, [rows], placing=placing, vault=vault)
    assert states(session) == [state, AddressState.ACTIVE]


@pytest.mark.parametrize("is_of_earlier_version", [False, True])
@pytest.mark.parametrize(("is_hold", "state"), [(False, AddressState.OPTED_OUT), (True, AddressState.HELD)])
def test_stop_by_one_address_is_heeded_of_all_addresses_that_the_import_brings(
    session: Session,
    organisation: Organisation,
    vault: Vault,
    is_hold: bool,
    state: AddressState,
    is_of_earlier_version: bool,
) -> None:
    mark = vault.lookup_hash(Channel.SMS, STOPPED) if is_of_earlier_version else vault.number_hash(STOPPED)

    def stop() -> None:
        session.merge(SuppressedAddress(lookup=mark, channel=Channel.SMS, since=NOON, is_hold=is_hold))
        session.flush()

    [rows] = people_of("number,telegram", f"{STOPPED},77", "+380631234567,78").people
    placing = SaidMeanwhile(session, organisation.id)
    placing.place(rows)
    placing.hear = partial(stop)
    take_in(session, organisation.id, [rows], placing=placing, vault=vault)
    assert states(session) == [state, state, AddressState.ACTIVE, AddressState.ACTIVE]


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.HELD])
def test_who_joins_by_another_channel_during_an_import_is_not_stopped_by_it(
    session: Session, organisation: Organisation, vault: Vault, state: AddressState
) -> None:
    """They asked for messages there, knowing what they had said elsewhere; the file brings nothing of theirs."""
    known = a_contact(session, organisation)
    an_address(session, known, vault, number=OTHER, country="UA", state=state)
    [rows] = people_of("number", "+380631234567", "+380991234567").people
    batches = iter([rows[:1]])

    def join() -> Iterator[Sequence[ContactRow]]:
        yield next(batches)
        joined = an_address(session, known, vault, channel=Channel.WHATSAPP, number=OTHER, country="UA")
        grant(session, joined, Declaration("join", "MEDYKA", NOON))
        placing.place(rows[1:])
        yield rows[1:]

    placing = Placing(session, organisation.id)
    placing.place(rows[:1])
    take_in(session, organisation.id, join(), placing=placing, vault=vault)
    assert states(session) == [state, AddressState.ACTIVE, AddressState.ACTIVE, AddressState.ACTIVE]


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.HELD])
def test_further_address_of_whoever_said_stop_by_another_one_is_not_written_to(
    session: Session, organisation: Organisation, vault: Vault, state: AddressState
) -> None:
    known = a_contact(session, organisation)
    an_address(session, known, vault, number=OTHER, country="UA")
    an_address(session, known, vault, channel=Channel.TELEGRAM, number="77", country=None).state = state
    import_people(session, organisation.id, people_of("number,whatsapp", f"{OTHER},{OTHER}"), vault=vault)
    assert states(session) == [AddressState.ACTIVE, state, state]


REFUSALS = pytest.mark.parametrize("refuse", [withdraw_everywhere, hold_everywhere])


def a_known_person(session: Session, organisation: Organisation, vault: Vault, state: AddressState) -> Contact:
    contact = a_contact(session, organisation)
    an_address(session, contact, vault, number=OTHER, state=state)
    return contact


@REFUSALS
def test_stop_on_a_number_that_is_not_taken_keeps_a_known_person_without_consent(
    session: Session, organisation: Organisation, vault: Vault, refuse: Callable[..., object]
) -> None:
    a_known_person(session, organisation, vault, AddressState.PENDING)
    say(session, vault, refuse=refuse)
    import_people(session, organisation.id, people_of("number", f"{OTHER} ::: {STOPPED}"), vault=vault)
    assert states(session) == [AddressState.PENDING]


@REFUSALS
def test_stop_beside_a_known_person_is_heeded_during_an_import(
    session: Session, organisation: Organisation, vault: Vault, refuse: Callable[..., object]
) -> None:
    a_known_person(session, organisation, vault, AddressState.PENDING)
    # Another known person, of whom nothing is beside, has the consent of the file written down.
    another = an_address(session, a_contact(session, organisation), vault, number="+380631234567", country="UA")
    another.state = AddressState.PENDING
    [rows] = people_of("number", f"{OTHER} ::: {STOPPED}", "+380631234567", "+380991234567").people
    placing = SaidMeanwhile(session, organisation.id)
    placing.place(rows)
    placing.hear = partial(say, session, vault, refuse=refuse)
    take_in(session, organisation.id, [rows], placing=placing, vault=vault)
    assert states(session) == [AddressState.PENDING, AddressState.ACTIVE, AddressState.ACTIVE]


def test_who_said_stop_by_a_number_that_is_not_taken_gets_into_no_group(
    session: Session, organisation: Organisation, vault: Vault
) -> None:
    known = a_known_person(session, organisation, vault, AddressState.ACTIVE)
    by = a_member(session, organisation).id
    create_group(session, organisation.id, kind=GroupKind.COHORT, name="Course", by=by)
    say(session, vault)
    lines = (f"{OTHER} ::: {STOPPED},Course", "+380631234567 ::: +380991234567,Course")
    import_people(session, organisation.id, people_of("number,group", *lines), vault=vault)
    assert states(session) == [AddressState.ACTIVE, AddressState.ACTIVE]
    [grouped] = session.scalars(select(GroupedContact.contact_id))
    assert grouped != known.id
