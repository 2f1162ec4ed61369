"""A file is known to its last row before anything of it is written, whoever reads it and whatever happens."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, event, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.files import contact_reader, reading_processes, staging
from campaigns.audience.files.contact_reader import Ending
from campaigns.audience.files.staged_rows import StagedRows
from campaigns.audience.files.staging import Doing, Staged, staged
from campaigns.audience.loading import table_loading
from campaigns.audience.models import Contact
from campaigns.audience.service import import_file
from campaigns.core.database import make_sessions
from campaigns.core.errors import FileFormatError, RowsError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from tests.audience.sheets import read_contacts
from tests.factories import NOON, an_organisation

HEADER = (
    "number,whatsapp,telegram,language,latitude,longitude,region,position_date,group,consent_date,consent_how\n"
)
NOBODY = "nonsense,,,uk,,,,,,2026-02-01,form\n"


def person(number: int) -> str:
    return (
        f"+38050{number:07},,{number},uk,49.8000{number},22.9437,PL-18,2026-02-28,A;B,2026-02-01,form {number}\n"
    )


def a_file(*lines: str) -> io.BytesIO:
    return io.BytesIO((HEADER + "".join(lines)).encode())


def read_staged(file: io.BytesIO, *, processes: int = 1) -> tuple[list[ContactRow], Ending]:
    with staged(file, default_country=None, max_rows=99, now=NOON, processes=processes, batch=2) as people:
        once, again = (list(chain.from_iterable(people.batches())) for _ in range(2))
        assert once == again
        return once, people.ending


LINES = [person(1), NOBODY, person(2), person(3), NOBODY, person(1), person(4)]


def test_staged_people_are_those_of_the_file() -> None:
    rows, ending = read_staged(a_file(*LINES))
    sheet = read_contacts(a_file(*LINES).read().decode(), default_country=None, max_rows=9, now=NOON, batch=2)
    assert (rows, ending.problems) == (sheet.rows, sorted(sheet.problems, key=lambda problem: problem.line))
    assert [problem.line for problem in ending.problems] == [3, 6, 7, 7]
    assert (ending.rows, ending.good_rows, ending.bad_rows) == (7, 5, 3)
    assert [(cause.count, cause.lines) for cause in ending.causes] == [(2, (3, 6)), (1, (7,))]


def test_several_processes_read_what_one_does() -> None:
    """It is slow because it starts them, which no other test does: nothing that they hand back is lost."""
    lines = [*LINES, person(5).replace(",", " ::: +380671234567,", 1), person(6).replace("+380", "none ::: +380")]
    several, one = (read_staged(a_file(*lines), processes=each) for each in (2, 1))
    assert several == one
    rows, ending = one
    assert [handle.text for row in rows for handle in row.beside] == ["+380671234567"]
    assert (ending.other_numbers, ending.later_taken) == (2, [10])


def die(records: object) -> None:
    """Be a process that the system ends."""
    os._exit(9)


@pytest.mark.long
def test_process_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_processes, "read_told", die)
    with pytest.raises(UnavailableError, match="Nothing was changed"):
        read_staged(a_file(*LINES), processes=2)


def test_what_waits_is_legible_to_nobody() -> None:
    rows, _ = read_staged(a_file(person(1)))
    sealed = StagedRows.new().sealed(rows)
    assert b"500000001" not in sealed
    assert b"form" not in sealed


def test_full_disk_is_one_sentence() -> None:
    rows = StagedRows.new()
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(UnavailableError, match="no room"):
        Staged(full, rows).keep(iter([rows.sealed([])]), lambda: pytest.fail("it was read to its end"))


def test_endless_line_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_reader, "LONGEST_LINE", 500)
    with pytest.raises(FileFormatError, match="Line 3 has more than 500"):
        read_staged(a_file(person(1), "x" * 501))


@pytest.fixture
def written(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the statements of the session that write, and the tables that are copied into beside them."""
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "SAVEPOINT")):
            statements.append(statement)

    def copy(connection: Connection, table: Table, *rest: Any) -> None:
        # The driver's own cursor, which no event tells of.
        statements.append(f"COPY {table.name}")
        load(connection, table, *rest)

    load = table_loading._copy
    monkeypatch.setattr(table_loading, "_copy", copy)
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.both_databases
@pytest.mark.parametrize("last", [NOBODY, person(2).replace("PL-18", "XX-9"), person(2).replace("A;B", "C")])
def test_fault_in_the_last_row_is_known_before_anything_is_written(
    session: Session, vault: Vault, written: list[str], last: str
) -> None:
    organisation = an_organisation(session)
    written.clear()
    lines = [person(1).replace("PL-18", "").replace("A;B", ""), last]
    with pytest.raises(RowsError, match="Line 3"):
        bring_in(session, organisation.id, vault, lines)
    assert written == []


def test_more_names_than_are_kept_are_looked_for_row_by_row(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MOST_NAMES", 0)
    organisation = an_organisation(session)
    sound = person(1).replace("PL-18", "").replace("A;B", "")
    bring_in(session, organisation.id, vault, [sound])
    with pytest.raises(RowsError, match="Line 3"):
        bring_in(session, organisation.id, vault, [sound, person(2).replace("A;B", "")])


@pytest.mark.both_databases
def test_how_far_it_is_is_told_of_reading_and_of_writing(
    session: Session, vault: Vault, written: list[str]
) -> None:
    organisation = an_organisation(session)
    lines = [person(number).replace("PL-18", "").replace("A;B", "") for number in range(1, 4)]
    told = bring_in(session, organisation.id, vault, lines)
    assert told == [(Doing.READING, 3, 1.0), (Doing.WRITING, 3, 1.0)]
    assert session.scalar(select(func.count()).select_from(Contact)) == 3
    assert any(statement.startswith(("COPY contact", "INSERT INTO contact (")) for statement in written)


def test_what_is_made_ready_is_not_told_as_written(sqlite_engine: Engine, vault: Vault) -> None:
    """Who is known, and not made ready as a row, counts as well."""
    with make_sessions(sqlite_engine)() as session:
        organisation_id = an_organisation(session).id
        session.commit()
        lines = [person(number).replace("PL-18", "").replace("A;B", "") for number in range(1, 3)]
        bring_in(session, organisation_id, vault, lines[:1])
        session.commit()
        told = bring_in(session, organisation_id, vault, lines)
    assert told == [(Doing.READING, 2, 1.0), (Doing.MAKING, 2, 1.0), (Doing.WRITING, 2, 1.0)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_stop_waits_for_no_check_of_a_file(sessions: sessionmaker[Session], vault: Vault) -> None:
    """SQLite has one writer: a file is looked through, and its rows are made, before anything is written."""
    with sessions.begin() as session:
        organisation_id = an_organisation(session).id
    begun: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("BEGIN"):
            begun.append(statement)

    with sessions() as session:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        with pytest.raises(RowsError):
            bring_in(session, organisation_id, vault, [person(1)])
        assert begun == ["BEGIN"]
        bring_in(session, organisation_id, vault, [person(1).replace("PL-18", "").replace("A;B", "")])
        event.remove(engine, "before_cursor_execute", note)
        assert (begun.index("BEGIN IMMEDIATE"), begun.count("BEGIN IMMEDIATE")) == (len(begun) - 1, 1)


def bring_in(
    session: Session, organisation_id: int, vault: Vault, lines: Sequence[str]
) -> list[tuple[Doing, int, float]]:
    told: list[tuple[Doing, int, float]] = []
    import_file(
        session,
        organisation_id,
        "f.csv",
        a_file(*lines),
        by=None,
        vault=vault,
        settings=load_settings({}),
        tell=lambda *what: told.append(what),
    )
    return told
