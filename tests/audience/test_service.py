"""A contact file is imported whole or not at all; it never brings back somebody who said stop."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.consent.ledger import find_suppressed, withdraw_everywhere
from campaigns.audience.consent.sealed_words import open_about, open_evidence
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.file_telling import FileTelling
from campaigns.audience.files.contact_reader import BATCH, ContactFile
from campaigns.audience.files.contact_reader import read_contacts as read_people
from campaigns.audience.files.import_report import Report
from campaigns.audience.loading.contact_writer import take_in
from campaigns.audience.models import Address, AddressState, Channel, Consent, Contact, ContactImport, ImportState
from campaigns.audience.positions import Placing, Standing
from campaigns.audience.rules import AudienceRule
from campaigns.audience.service import (
    cancel_import,
    confirm_import,
    create_audience,
    import_file,
    keep_file,
    open_file,
    update_audience,
)
from campaigns.audience.taking_in import dry_run
from campaigns.core import clock
from campaigns.core.errors import (
    AudienceRuleError,
    FileFormatError,
    InputError,
    RowsError,
    TooManyRowsError,
    TransitionError,
)
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings, load_settings
from campaigns.staff.models import AuditEntry, Organisation
from tests.audience.people import person
from tests.audience.sheets import read_contacts, read_out
from tests.factories import NOON, a_contact, a_member, a_place, a_region, an_address, an_organisation

pytestmark = pytest.mark.one_database

HEADER = "number,language,latitude,longitude,place,position_date,consent_date,consent_how"
ONE = "+380501234567,uk,49.80,22.94,,2026-03-01,2026-02-01,form A"
TWO = "+380671234567,ru,,,Medyka,2026-03-01,2026-02-01,form A"


@pytest.fixture
def settings() -> Settings:
    return replace(load_settings({}), import_max_rows=1000, import_max_megabytes=1)


@pytest.fixture
def organisation(session: Session) -> Organisation:
    a_region(session)
    return an_organisation(session)


def a_file(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines]).encode()


def bring_in(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings, *lines: str
) -> Report:
    data = a_file(*lines)
    return import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)


def read(file: BinaryIO, settings: Settings, country: str | None = None) -> ContactFile:
    rows = settings.import_max_rows
    return read_out(read_people(file, telling=FileTelling(country), max_rows=rows, now=clock.now()))


def check_file(
    session: Session,
    organisation_id: int,
    name: str,
    data: bytes,
    *,
    by: int | None,
    vault: Vault,
    settings: Settings,
) -> ContactImport:
    """Check a file as the page does, but for the child that reads it."""
    found = read(io.BytesIO(data), settings)
    report = dry_run(session, organisation_id, found, vault=vault)
    return keep_file(session, organisation_id, name, data, found=found, report=report, by=by, vault=vault)


def confirm(
    session: Session, waiting: ContactImport, *, by: int | None, vault: Vault, settings: Settings
) -> Report:
    """Import a file that was checked, as the page does."""
    file = io.BytesIO()
    country = open_file(waiting, file, vault=vault).default_country
    return confirm_import(session, waiting, found=read(file, settings, country), by=by, vault=vault)


def count(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_people_are_imported_sealed(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    a_place(session, organisation, region_id=None)
    assert bring_in(session, organisation, vault, settings, ONE, TWO).added == 2
    address = session.scalars(select(Address).order_by(Address.id)).first()
    assert address is not None
    assert (address.state, address.country) == (AddressState.ACTIVE, "UA")
    opened = vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    assert opened == "+380501234567"
    assert count(session, Consent) == 2


def test_place_gives_the_region_it_states(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    stated = a_region(session, code="PL-06", name="Lubelskie")
    a_place(session, organisation, region_id=stated.id)
    bring_in(session, organisation, vault, settings, TWO)
    contact = session.scalars(select(Contact)).one()
    assert contact.region_id == stated.id
    assert contact.time_zone == "Europe/Warsaw"


def test_one_bad_row_imports_nothing(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    with pytest.raises(RowsError, match="Line 3"):
        bring_in(session, organisation, vault, settings, ONE, "nonsense,uk,,,,,2026-02-01,form")
    assert count(session, Contact) == 0


def test_dry_run_changes_nothing_and_counts(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    data = a_file(ONE, "nonsense,uk,,,,,2026-02-01,form", TWO)
    waiting = check_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
    assert count(session, Contact) == 0
    assert (waiting.report["rows"], waiting.report["bad_rows"]) == (3, 2)
    assert "50123" not in str(waiting.report)


def test_checked_file_is_imported_once(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    data = a_file(ONE)
    waiting = check_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
    assert b"380501234567" not in (waiting.sealed_file or b"")
    assert confirm(session, waiting, by=None, vault=vault, settings=settings).added == 1
    assert (waiting.state, waiting.sealed_file) == (ImportState.DONE, None)
    with pytest.raises(TransitionError):
        confirm(session, waiting, by=None, vault=vault, settings=settings)


def test_cancelled_file_is_gone(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    waiting = check_file(session, organisation.id, "f.csv", a_file(ONE), by=None, vault=vault, settings=settings)
    cancel_import(session, waiting, by=1, vault=vault)
    assert (waiting.state, waiting.sealed_file, count(session, Contact)) == (ImportState.CANCELLED, None, 0)


@pytest.mark.both_databases
def test_import_never_lifts_a_stop(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    lookup = vault.lookup_hash(Channel.SMS, "+380501234567")
    withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS), Declaration("keyword", "STOP", NOON))
    report = bring_in(session, organisation, vault, settings, ONE)
    assert (report.added, report.updated, count(session, Address)) == (1, 0, 0)


@pytest.mark.both_databases
def test_one_handle_counts_per_channel(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, "+380501234567"), vault.number_hash("+380501234567")
    withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS, number), Declaration("keyword", "STOP", NOON))
    header = f"channel,{HEADER}"
    lines = [header, f"sms,{ONE}", f"whatsapp,{ONE}", f"telegram,{ONE.replace('+380501234567', '77')}"]
    data = "\n".join(lines).encode()
    report = import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
    assert report.rows == report.added + report.updated == 3
    rows = session.execute(select(Address.channel, Address.country).order_by(Address.id)).all()
    assert [tuple(row) for row in rows] == [("telegram", None)]
    assert set(session.scalars(select(Consent.channel))) == {Channel.TELEGRAM}


@pytest.mark.both_databases
def test_one_phone_on_two_lines_is_one_contact(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    header, again = f"channel,{HEADER}", ONE.replace("+380501234567", "+380501234568")
    lines = [header, f"sms,{ONE}", f"whatsapp,{ONE}", f"sms,{again}"]
    data = "\n".join(lines).encode()
    for added, updated in ((2, 1), (0, 3)):
        checked = check_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
        assert (checked.report["added"], checked.report["updated"]) == (added, updated)
        report = import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
        assert (report.added, report.updated) == (added, updated)
    rows = session.execute(
        select(Address.contact_id, Address.channel).order_by(Address.contact_id, Address.channel)
    )
    first, second = sorted(session.scalars(select(Contact.id)))
    assert [tuple(row) for row in rows] == [(first, "sms"), (first, "whatsapp"), (second, "sms")]
    assert not any(session.scalars(select(Address.is_shared)))


@pytest.mark.both_databases
def test_second_import_moves_known_people(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    bring_in(session, organisation, vault, settings, ONE)
    before = session.scalars(select(Contact.cell)).one()
    newer = ONE.replace("49.80,22.94", "50.06,19.95").replace("2026-03-01", "2026-03-02").replace(",uk,", ",pl,")
    report = bring_in(session, organisation, vault, settings, newer)
    session.expire_all()
    contact = session.scalars(select(Contact)).one()
    assert (report.added, report.updated, contact.language) == (0, 1, "pl")
    assert contact.cell != before
    assert count(session, Consent) == 1


def test_older_position_does_not_replace_a_newer(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    bring_in(session, organisation, vault, settings, ONE)
    before = session.scalars(select(Contact.cell)).one()
    bring_in(
        session, organisation, vault, settings, ONE.replace("49.80", "50.00").replace("2026-03-01", "2026-02-01")
    )
    session.expire_all()
    assert session.scalars(select(Contact.cell)).one() == before


def test_people_beyond_one_batch_are_imported(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    lines = [ONE.replace("1234567", f"{number:07}") for number in range(BATCH + 1)]
    more = replace(settings, import_max_rows=BATCH + 1)
    assert bring_in(session, organisation, vault, more, *lines).added == BATCH + 1
    assert bring_in(session, organisation, vault, more, *lines).updated == BATCH + 1


@pytest.mark.parametrize("fault", ["nonsense", "+380500000000"])
def test_late_fault_takes_back_earlier_batches(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings, fault: str
) -> None:
    lines = [ONE.replace("1234567", f"{number:07}") for number in range(BATCH + 1)]
    lines.append(ONE.replace("+380501234567", fault))
    with pytest.raises(RowsError, match=f"Line {BATCH + 3}, number"):
        bring_in(session, organisation, vault, replace(settings, import_max_rows=BATCH + 2), *lines)
    assert (count(session, Contact), count(session, Address), count(session, Consent)) == (0, 0, 0)


class StopMeanwhile(Placing):
    """A placing that hears a stop after the people of the file were looked up and before they are written."""

    def hear(self, say_stop: Callable[[], object]) -> None:
        self._say_stop = say_stop

    def standing_of(self, row: ContactRow) -> Standing:
        self._say_stop()
        return super().standing_of(row)


def test_stop_during_an_import_holds(sessions: sessionmaker[Session], vault: Vault) -> None:
    text = "number,language,consent_date,consent_how\n+380501234567,uk,2026-02-01,form\n"
    rows = read_contacts(text, default_country=None, max_rows=9, now=NOON).rows
    lookup = vault.lookup_hash(Channel.SMS, "+380501234567")
    with sessions.begin() as session:
        organisation = an_organisation(session)
    with sessions.begin() as importing:
        placing = StopMeanwhile(importing, organisation.id)
        placing.place(rows)
        # SQLite has one writer, so there it can only be said inside the same transaction.
        alone = importing.get_bind().dialect.name == "sqlite"
        where = nullcontext(importing) if alone else sessions.begin()
        placing.hear(partial(_say_no, where, lookup, withdraw_everywhere))
        counts = take_in(importing, organisation.id, [rows], placing=placing, vault=vault)
    assert (counts.added, counts.said_stop) == (0, 1)
    with sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.OPTED_OUT


def _say_no(transaction: AbstractContextManager[Session], lookup: bytes, refuse: Callable[..., list[int]]) -> None:
    with transaction as session:
        refuse(session, HashedHandle(lookup, Channel.SMS), Declaration("keyword", "reply 1", NOON))


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_stop_of_somebody_a_file_brings_consent_of_waits_for_no_import(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    """An import that locked their address would wait for the gate, which their stop holds and waits within."""
    header = "number,language,consent_date,consent_how\n"
    people = ("+380501234567,uk,2026-02-01,form\n", "+380501234568,uk,2026-02-01,form\n")
    rows = read_contacts(header + "".join(people), default_country=None, max_rows=9, now=NOON).rows
    lookup = vault.lookup_hash(Channel.SMS, "+380501234567")
    with sessions.begin() as session:
        organisation = an_organisation(session)
        an_address(session, a_contact(session, organisation), vault, state=AddressState.PENDING)
    with ThreadPoolExecutor() as pool, sessions.begin() as importing:
        placing = Placing(importing, organisation.id)
        placing.place(rows)

        def batches() -> Iterator[Sequence[ContactRow]]:
            yield rows
            importing.flush()
            pool.submit(_say_no, sessions.begin(), lookup, withdraw_everywhere).result(timeout=5)

        take_in(importing, organisation.id, batches(), placing=placing, vault=vault)
    with sessions() as session:
        states = session.scalars(select(Address.state).order_by(Address.id)).all()
        assert states == [AddressState.OPTED_OUT, AddressState.ACTIVE]
        kinds = session.execute(select(Consent.kind).order_by(Consent.id)).scalars().all()
        assert sorted(kinds) == ["granted", "withdrawn"]


def test_consent_that_a_file_brings_counts_for_somebody_known(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    text = "number,language,consent_date,consent_how\n+380501234567,uk,2026-02-01,form\n"
    rows = read_contacts(text, default_country=None, max_rows=9, now=NOON).rows
    with sessions.begin() as session:
        organisation = an_organisation(session)
        an_address(session, a_contact(session, organisation), vault, state=AddressState.PENDING)
    with sessions.begin() as importing:
        placing = Placing(importing, organisation.id)
        placing.place(rows)
        take_in(importing, organisation.id, [rows, rows], placing=placing, vault=vault)
    with sessions() as session:
        assert session.scalars(select(Address.state)).all() == [AddressState.ACTIVE]
        line = session.scalars(select(Consent)).one()
        assert (line.kind, open_evidence(line, vault)) == ("granted", "form")


@pytest.mark.both_databases
@pytest.mark.parametrize("said_on", [Channel.WHATSAPP, Channel.TELEGRAM])
def test_stop_on_another_channel_during_an_import_holds(
    sessions: sessionmaker[Session], vault: Vault, said_on: Channel
) -> None:
    """By the phone's WhatsApp, which we do not know, or by the chat to which the file adds the number."""
    header = "number,telegram,language,consent_date,consent_how,latitude,longitude,position_date\n"
    text = header + "+380501234567,77,uk,2026-02-01,form,49.8,22.9,2026-02-01\n"
    rows = read_contacts(text, default_country=None, max_rows=9, now=NOON).rows
    number = vault.number_hash("+380501234567")
    handle = "77" if said_on is Channel.TELEGRAM else "+380501234567"
    lookup = vault.lookup_hash(said_on, handle)
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contact = a_contact(session, organisation)
        an_address(session, contact, vault, channel=Channel.TELEGRAM, number="77", country=None)
    with sessions.begin() as importing:
        placing = StopMeanwhile(importing, organisation.id)
        placing.place(rows)
        alone = importing.get_bind().dialect.name == "sqlite"

        def say_stop() -> None:
            with nullcontext(importing) if alone else sessions.begin() as session:
                key = number if said_on is Channel.WHATSAPP else None
                said = Declaration("keyword", "STOP", NOON)
                withdraw_everywhere(session, HashedHandle(lookup, said_on, key), said)

        placing.hear(say_stop)
        take_in(importing, organisation.id, [rows], placing=placing, vault=vault)
    with sessions() as session:
        states = dict(session.execute(select(Address.channel, Address.state)).all())
        assert states[Channel.SMS] == AddressState.OPTED_OUT
        assert (number, Channel.SMS) in find_suppressed(session, [number])


def test_stop_elsewhere_keeps_a_person_out(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    other = person(session, an_organisation(session), vault)
    [address] = other.addresses
    withdraw_everywhere(session, HashedHandle(address.lookup, Channel.SMS), Declaration("keyword", "STOP", NOON))
    number = vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    report = bring_in(session, organisation, vault, settings, ONE.replace("+380501234567", number))
    assert (report.added, count(session, Contact)) == (1, 1)


@pytest.mark.both_databases
def test_import_ends_no_hold(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, "+380501234567"), vault.number_hash("+380501234567")
    hold_everywhere(session, HashedHandle(lookup, Channel.SMS, number), Declaration("keyword", "reply 1", NOON))
    report = bring_in(session, organisation, vault, settings, ONE, TWO.replace("Medyka,2026-03-01", ","))
    assert (report.added, report.updated) == (2, 0)
    # The chat is new, and of somebody who is on hold.
    bring_in_handles(session, organisation, vault, settings, "+380501234567,+380501234567,77")
    states = session.execute(select(Address.channel, Address.country, Address.state).order_by(Address.id))
    held = AddressState.HELD
    assert list(map(tuple, states)) == [
        ("sms", "UA", held),
        ("sms", "UA", AddressState.ACTIVE),
        ("whatsapp", "UA", held),
        ("telegram", None, held),
    ]


def test_hold_during_an_import_counts(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
    text = "number,language,consent_date,consent_how\n+380501234567,uk,2026-02-01,form\n"
    rows = read_contacts(text, default_country=None, max_rows=9, now=NOON).rows
    lookup = vault.lookup_hash(Channel.SMS, "+380501234567")
    with sessions.begin() as importing:
        placing = StopMeanwhile(importing, organisation.id)
        placing.place(rows)
        alone = importing.get_bind().dialect.name == "sqlite"
        where = nullcontext(importing) if alone else sessions.begin()
        placing.hear(partial(_say_no, where, lookup, hold_everywhere))
        take_in(importing, organisation.id, [rows], placing=placing, vault=vault)
    with sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.HELD


@pytest.mark.both_databases
def test_every_act_leaves_one_entry_without_address(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    by = a_member(session, organisation).id
    common: dict[str, Any] = {"by": by, "vault": vault, "settings": settings}
    waiting = check_file(session, organisation.id, "f.csv", a_file(ONE), **common)
    confirm(session, waiting, **common)
    another = check_file(session, organisation.id, "f.csv", a_file(ONE), **common)
    cancel_import(session, another, by=by, vault=vault)
    import_file(session, organisation.id, "f.csv", a_file(ONE), **common)
    audience = create_audience(session, organisation.id, name="All", rule=AudienceRule(), by=by)
    update_audience(session, audience, name="Some", rule=AudienceRule(languages=("uk",)), by=by)
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == [
        *("contacts.check", "contacts.import", "contacts.check", "contacts.cancel", "contacts.import"),
        *("audience.create", "audience.update"),
    ]
    assert "50123" not in str([entry.detail for entry in entries])


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_audience_needs_a_name(session: Session, organisation: Organisation, name: str) -> None:
    with pytest.raises(InputError):
        create_audience(session, organisation.id, name=name, rule=AudienceRule(), by=None)


def test_audience_names_only_what_exists(session: Session, organisation: Organisation) -> None:
    with pytest.raises(AudienceRuleError, match="place 7"):
        create_audience(session, organisation.id, name="Here", rule=AudienceRule(place_ids=(7,)), by=None)


def test_unknown_place_and_region_are_row_problems(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    header = HEADER.replace("latitude", "region")
    lines = [header, ONE.replace("49.80,22.94", "XX-9,"), TWO.replace("Medyka", "+380671234567")]
    waiting = check_file(
        session, organisation.id, "f.csv", "\n".join(lines).encode(), by=None, vault=vault, settings=settings
    )
    session.expire(waiting)
    problems = open_about(waiting, vault).problems
    assert [str(problem) for problem in problems] == [
        "Line 2, region: there is no region XX-9.",
        "Line 3, place: there is no place “…”.",
    ]
    assert "1234567" not in str(problems)


def test_name_of_several_places_is_taken_for_none_of_them(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    a_place(session, organisation, key="medyka")
    second = a_place(
        session, organisation, key="medyka-2", geometry={"type": "Point", "coordinates": [23.1, 49.8]}
    )
    files = [a_file(TWO.replace("Medyka", name)) for name in ("MEDYKA", "medyka-2")]
    told = [
        open_about(
            check_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings), vault
        ).problems
        for data in files
    ]
    several = "Line 2, place: several places are called MEDYKA. Give each a name of its own first."
    assert [[str(problem) for problem in problems] for problems in told] == [[several], []]
    # Two that stand at one spot are one.
    second.geometry = {"type": "Point", "coordinates": [22.94, 49.8]}
    session.flush()
    again = check_file(session, organisation.id, "f.csv", files[0], by=None, vault=vault, settings=settings)
    assert not open_about(again, vault).problems


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "cp1251"])
def test_usual_encodings_are_read_and_told(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings, coding: str
) -> None:
    data = a_file(ONE.replace("form A", "анкета")).decode().encode(coding)
    report = import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)
    assert report.encoding == coding.removesuffix("-sig")
    assert open_evidence(session.scalars(select(Consent)).one(), vault) == "анкета"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FileFormatError),
        (b"PK\x03\x04 a workbook", FileFormatError),
        (b"\x00\x01\x02\x03", FileFormatError),
        (b"x" * 2_000_000, TooManyRowsError),
    ],
)
def test_rubbish_is_one_clear_error(
    session: Session,
    organisation: Organisation,
    vault: Vault,
    settings: Settings,
    data: bytes,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)


def bring_in_handles(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings, *handles: str
) -> Report:
    lines = ["number,whatsapp,telegram,language,consent_date,consent_how"]
    data = "\n".join([*lines, *(f"{each},uk,2026-02-01,form" for each in handles)]).encode()
    return import_file(session, organisation.id, "f.csv", data, by=None, vault=vault, settings=settings)


@pytest.mark.both_databases
def test_person_of_several_channels_is_one_contact(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    report = bring_in_handles(session, organisation, vault, settings, "+380501234567,+380501234567,77")
    assert (report.added, count(session, Contact), count(session, Consent)) == (1, 1, 3)
    assert list(session.scalars(select(Address.channel).order_by(Address.rank))) == [
        Channel.SMS,
        Channel.WHATSAPP,
        Channel.TELEGRAM,
    ]


@pytest.mark.both_databases
def test_known_person_gains_the_channels_they_lack(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    bring_in_handles(session, organisation, vault, settings, "+380501234567,,", ",,88")
    report = bring_in_handles(
        session, organisation, vault, settings, "+380501234567,UA.a1,88", "+380501234568,,99", ",UA.b2,"
    )
    assert (report.added, report.updated) == (2, 1)
    first = select(Address.channel).where(Address.contact_id == session.scalar(select(func.min(Contact.id))))
    # The chat belongs to somebody we know already, so it stays theirs.
    assert set(session.scalars(first)) == {Channel.SMS, Channel.WHATSAPP}


def test_stop_on_one_channel_keeps_the_others_out(
    session: Session, organisation: Organisation, vault: Vault, settings: Settings
) -> None:
    lookup = vault.lookup_hash(Channel.WHATSAPP, "+380501234567")
    withdraw_everywhere(session, HashedHandle(lookup, Channel.WHATSAPP), Declaration("keyword", "STOP", NOON))
    report = bring_in_handles(session, organisation, vault, settings, "+380501234567,+380501234567,77")
    assert (report.added, report.updated, count(session, Address)) == (1, 0, 0)
