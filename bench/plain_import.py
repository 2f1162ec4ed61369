"""What a user would write to load a contact file: it checks, seals and inserts each row, and looks for nobody.

Processes parse and check numbers, days and languages, hash and seal; one inserts while they go on. It knows no
stop, no number that stands twice and nobody who is there already, and takes the place of each row for granted; a
wrong row ends it half done. `python -m bench.plain_import FILE PROCESSES` loads one.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

import phonenumbers
from sqlalchemy import Connection, Table, insert, select

from campaigns.audience.models import Address, Consent, Contact
from campaigns.core.database import Base, make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import all_languages
from campaigns.core.settings import load_settings
from campaigns.staff.models import Organisation

Values = tuple[Any, ...]
#: Rows that a process takes at once.
BATCH = 2000
COLUMNS: dict[type[Base], tuple[str, ...]] = {
    Contact: ("id", "organisation_id", "language", "cell", "position_source", "position_at", "created_at"),
    Address: (
        *("id", "organisation_id", "contact_id", "channel", "ciphertext", "lookup", "number"),
        *("country", "state", "rank", "created_at"),
    ),
    Consent: (
        *("address_id", "contact_id", "channel", "purpose", "kind", "method", "wording"),
        *("sealed_evidence", "given_at", "recorded_at"),
    ),
}
#: Of one place, as each row has one.
CELL = 608819013597790207
_vault: list[Vault] = []


def begin(vault: Vault) -> None:
    """Keep what seals, in one of the processes."""
    _vault.append(vault)


def rows_of(first: int, organisation_id: int, records: list[list[str]]) -> tuple[list[Values], ...]:
    """Return what is inserted of some rows, by tables; ids are counted from `first`."""
    [vault], now = _vault, datetime.now(UTC)
    contacts: list[Values] = []
    addresses: list[Values] = []
    consents: list[Values] = []
    for row_id, record in enumerate(records, start=first):
        written, language, _other, _place, seen_on, agreed_on, how = record
        parsed = phonenumbers.parse(written)
        assert phonenumbers.is_valid_number(parsed)
        assert language in all_languages()
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        sealed = vault.seal(number, table="address", column="ciphertext", row_id=row_id)
        evidence = vault.seal(how, table="consent", column="sealed_evidence", row_id=row_id)
        hashes = vault.lookup_hash("sms", number), vault.number_hash(number)
        country = phonenumbers.region_code_for_number(parsed)
        contacts.append((row_id, organisation_id, language, CELL, "import", _moment(seen_on), now))
        known = (row_id, organisation_id, row_id, "sms", sealed, *hashes, country)
        addresses.append((*known, "active", 0, now))
        line = (row_id, row_id, "sms", "safety_messages", "granted", "import", "", evidence)
        consents.append((*line, _moment(agreed_on), now))
    return contacts, addresses, consents


def _moment(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)


def load(path: Path, processes: int) -> int:
    """Load a file into the database that the settings name, in one transaction; return how many people it has."""
    settings = load_settings()
    engine = make_engine(settings.database_url)
    spawning = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, spawning, initializer=begin, initargs=(settings.vault(),))
    with pool, path.open(newline="") as file, engine.begin() as connection:
        organisation_id = connection.scalars(select(Organisation.id)).one()
        records = csv.reader(file)
        next(records)
        count = 0
        for tables in _in_order(pool, organisation_id, records):
            for mapped, rows in zip(COLUMNS, tables, strict=True):
                insert_rows(connection, cast(Table, mapped.__table__), COLUMNS[mapped], rows)
            count += len(tables[0])
    engine.dispose()
    return count


def _in_order(
    pool: ProcessPoolExecutor, organisation_id: int, records: Iterator[list[str]]
) -> Iterator[tuple[list[Values], ...]]:
    waiting: deque[Future[tuple[list[Values], ...]]] = deque()
    first = 1
    while part := list(islice(records, BATCH)):
        waiting.append(pool.submit(rows_of, first, organisation_id, part))
        first += len(part)
        if len(waiting) == 6:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: list[Values]) -> None:
    """Insert rows of some columns by the quickest means of the database: COPY, or one `executemany`."""
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def main() -> None:
    """Load the file that the command line names, and print what that took as one line of JSON."""
    started = time.perf_counter()
    count = load(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"count": count, "seconds": round(time.perf_counter() - started, 3)}))


if __name__ == "__main__":
    main()
