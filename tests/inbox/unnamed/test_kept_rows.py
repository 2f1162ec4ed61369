"""Whoever gets disk, backup and logs without the keys can name no visitor, number, code or text of a report."""

from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, LargeBinary, select

from campaigns.inbox.unnamed.models import SentForm
from campaigns.schema import metadata
from campaigns.staff.models import LeakyBucket
from tests.inbox.unnamed.test_likeness import answer, waiting
from tests.inbox.unnamed.test_whole_way import act, come_back, enter, shown_fields, tell
from tests.web.pages import Pages

#: What nobody may find: where they came from, with what, what they wrote, and how they can be reached.
VISITOR = {
    "REMOTE_ADDR": "198.51.100.77",
    "HTTP_USER_AGENT": "Zhuravel/9",
    "HTTP_REFERER": "https://kanaryna.example/",
}
SAID, REACH, ADDED = "They took our passports in Jaworzno", "+48 500 900 100", "The door is locked at night"
NAMES = ("198.51.100", "Zhuravel", "kanaryna", "Jaworzno", "passports", "500 900 100", "500900100", "at night")
#: In clear stands what the team works with, and no more; each column of a new table has to be thought of.
IN_CLEAR = {
    "sent_form": {"conversation_id", "sent_at"},
    "unnamed_report": {"conversation_id", "may_answer", "country", "same_as_id", "contact_reply_id"},
    "left_answer_service": {"answer_id", "service_id", "named_at", "died_at"},
    "unclean_pages": {"id"},
}


def test_disk_backup_and_logs_name_nobody(
    pages: Pages, people: FlaskClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    people.environ_base |= VISITOR
    codes = [tell(people, SAID), tell(people, "A quite different thing was seen at the station")]
    act(people, codes[0], "reach", text=REACH)
    act(people, codes[0], "add", text=ADDED)
    answer(pages, waiting(pages)[0])
    come_back(people, codes[0])
    enter(people, "1" * 16, VISITOR["REMOTE_ADDR"])
    act(people, codes[1], "erase")
    engine = pages.sessions.kw["bind"]
    kept = kept_on_disk(Path(engine.url.database), tmp_path) if engine.name == "sqlite" else kept_in_rows(engine)
    everywhere = f"{kept}\n{caplog.text}"
    assert [name for name in (*NAMES, *codes) if name in everywhere] == []
    assert not digits_of_codes(everywhere) & set(codes)


def kept_on_disk(file: Path, folder: Path) -> str:
    """Return all that stands in a database of SQLite, in a backup of it and in the log that is written ahead."""
    backup = folder / "backup.db"
    with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(backup)) as copy:
        database.backup(copy)
        dump = "\n".join(database.iterdump())
    disk = b"".join(path.read_bytes() for path in (backup, file.with_name(f"{file.name}-wal")) if path.exists())
    return f"{dump}\n{disk.decode(errors='replace')}"


def kept_in_rows(engine: Engine) -> str:
    """Return all rows of all tables, each value as text."""
    with engine.connect() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    values = (value for row in rows for value in row)
    return "\n".join(each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in values)


def digits_of_codes(text: str) -> set[str]:
    """Every sixteen digits in a text, also in groups and across one another."""
    return set(re.findall(r"(?=(\d{16}))", re.sub(r"(?<=\d)[ -](?=\d)", "", text)))


@pytest.mark.parametrize("table", IN_CLEAR)
def test_tables_of_reports_keep_in_clear_what_is_listed(table: str) -> None:
    columns = metadata.tables[table].columns
    # The rest are keyed hashes; `likeness` is one as a number.
    hidden = {each.name for each in columns if isinstance(each.type, LargeBinary)} | {"likeness"}
    assert {each.name for each in columns} - hidden == IN_CLEAR[table]


def test_of_a_network_nothing_is_left_but_a_bucket_that_leaks(pages: Pages, people: FlaskClient) -> None:
    people.environ_base |= VISITOR
    shown = shown_fields(people.get("/en/w").text)
    with pages.sessions() as session:
        # Whoever opens a page leaves nothing at all.
        assert session.scalars(select(LeakyBucket)).all() == []
        assert session.scalars(select(SentForm)).all() == []
    assert shown
    tell(people, SAID)
    with pages.sessions() as session:
        keys = session.scalars(select(LeakyBucket.key)).all()
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in keys)
