"""Whatever becomes of an import, nothing of it is half done, and the same file is imported whole afterwards."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.files.import_report import Report
from campaigns.audience.loading import table_loading
from campaigns.audience.models import Address, Consent, Contact, ContactImport
from campaigns.audience.service import import_file
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.outages import Cause, cause_of
from campaigns.core.settings import load_settings
from tests.audience.files.killed_import import POINTS
from tests.factories import an_organisation
from tests.starting import start

pytestmark = pytest.mark.both_databases

HEADER = "number,language,consent_date,consent_how\n"


def a_file(*numbers: int) -> bytes:
    people = (f"+3805012345{number:02},uk,2026-02-01,form {number}\n" for number in numbers)
    return (HEADER + "".join(people)).encode()


def bring_in(session: Session, organisation_id: int, vault: Vault, data: bytes) -> Report:
    settings = load_settings({})
    return import_file(session, organisation_id, "f.csv", data, by=None, vault=vault, settings=settings)


def ours(sessions: sessionmaker[Session]) -> int:
    with sessions.begin() as session:
        return an_organisation(session).id


def counts(sessions: sessionmaker[Session]) -> list[int]:
    """Return how many contacts, addresses, lines of the ledger and files there are."""
    with sessions() as session:
        tables = (Contact, Address, Consent, ContactImport)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_import_that_is_killed_at_any_point_leaves_nothing(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, tmp_path: Path
) -> None:
    organisation_id, data = ours(sessions), a_file(1, 2, 3)
    (tmp_path / "f.csv").write_bytes(data)
    url = engine.url.render_as_string(hide_password=False)
    for point in POINTS:
        given = (url, str(organisation_id), str(tmp_path / "f.csv"), point)
        child = start("tests.audience.files.killed_import:main", *given, environ={}, log=tmp_path / "log")
        assert child.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
        assert counts(sessions) == [0, 0, 0, 0], point
    with sessions.begin() as session:
        assert bring_in(session, organisation_id, vault, data).added == 3
    assert counts(sessions) == [3, 3, 3, 1]


def test_two_imports_at_once_add_nobody_twice(sessions: sessionmaker[Session], vault: Vault) -> None:
    organisation_id = ours(sessions)

    def bring_in_others() -> Report:
        with sessions.begin() as session:
            return bring_in(session, organisation_id, vault, a_file(2, 3, 4))

    with ThreadPoolExecutor() as threads, sessions() as one:
        assert bring_in(one, organisation_id, vault, a_file(1, 2, 3)).added == 3
        other = threads.submit(bring_in_others)
        # It has read its file, and waits for the one that writes.
        assert not wait([other], timeout=0.3).done
        one.commit()
        report = other.result(timeout=10)
    assert (report.added, report.updated) == (1, 2)
    assert counts(sessions) == [4, 4, 4, 2]


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_import_whose_server_goes_away_is_taken_up_again(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the connection within a COPY: the same session imports the same file a moment later."""
    organisation_id, load, ended = ours(sessions), table_loading.converted, list[str]()
    with make_sessions(engine)() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))

        def end(*given: object) -> object:
            table = given[0]
            if isinstance(table, Table) and table.name == "address" and not ended:
                with engine.connect() as other:
                    other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
                ended.append(table.name)
            return load(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(table_loading, "converted", end)
        with pytest.raises(OperationalError) as told:
            bring_in(session, organisation_id, vault, a_file(1, 2, 3))
        assert (told.value.connection_invalidated, cause_of(told.value)) == (True, Cause.AWAY)
        session.rollback()
        assert counts(sessions) == [0, 0, 0, 0]
        assert bring_in(session, organisation_id, vault, a_file(1, 2, 3)).added == 3
        session.commit()
    assert (ended, counts(sessions)) == (["address"], [3, 3, 3, 1])
