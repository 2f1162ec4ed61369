"""Who said stop is in the journal before anybody is answered, and a restored database learns it again."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.models import Address, AddressState, Channel, Consent, SuppressedAddress
from campaigns.continuity.journal import KEY, Journal, Said, read_journal
from campaigns.core import clock
from campaigns.core.errors import FileFormatError, SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.restoring.replaying import replay
from tests.delivery.builders import a_running_run

SMS = Channel.SMS


def said_now() -> Declaration:
    return Declaration("keyword", "STOP", clock.now())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "stops")


@pytest.fixture
def kept(sessions: sessionmaker[Session], journal: Journal) -> sessionmaker[Session]:
    """Sessions of a process that keeps the journal."""
    return sessionmaker(sessions.kw["bind"], expire_on_commit=False, info={KEY: journal})


def handle(number: int) -> str:
    return f"+38067{number:07}"


def hashes(vault: Vault, number: int) -> tuple[bytes, bytes | None]:
    """Return the keyed hashes of a person's handle and of their number."""
    return vault.lookup_hash(SMS, handle(number)), number_key(vault, SMS, handle(number))


def stop(kept: sessionmaker[Session], vault: Vault, number: int) -> None:
    lookup, key = hashes(vault, number)
    with kept.begin() as session:
        ledger.withdraw_everywhere(session, HashedHandle(lookup, SMS, key), said_now())


def start(kept: sessionmaker[Session], vault: Vault, number: int) -> None:
    lookup, key = hashes(vault, number)
    with kept.begin() as session:
        ledger.restore(session, HashedHandle(lookup, SMS, key), said_now())


def forget(sessions: sessionmaker[Session]) -> None:
    """Let the database be as it was before anybody said anything."""
    with sessions.begin() as session:
        session.execute(delete(Consent))
        session.execute(delete(SuppressedAddress))
        session.execute(update(Address).values(state=AddressState.ACTIVE))


def states(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return [str(state) for state in session.scalars(select(Address.state).order_by(Address.id))]


@pytest.fixture
def run_id(sessions: sessionmaker[Session], vault: Vault) -> int:
    """A run of three people with queued messages."""
    with sessions.begin() as session:
        return a_running_run(session, vault, count=3).id


def test_stop_is_in_the_journal_before_its_commit(
    kept: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    lookup, key = hashes(vault, 1)
    with kept() as session:
        ledger.withdraw_everywhere(session, HashedHandle(lookup, SMS, key), said_now())
        (entry,) = [each for path in journal.files() for each in read_journal(path)]
        session.rollback()
    assert entry is not None
    assert entry.said is Said.STOP
    assert (key or lookup, "sms") in entry.marks


def test_line_is_on_the_disk_when_it_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is the name of a new file, by its folder."""
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def note_fsync(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), os.fstat(descriptor).st_size))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    journal = Journal(tmp_path / "stops")
    (path,) = journal.files()
    assert [name for name, _ in synced] == [str(path), str(tmp_path)]
    synced.clear()
    journal.note(Said.STOP, [(b"h" * 32, "sms")])
    assert synced == [(str(path), path.stat().st_size)]


def test_no_handle_is_in_the_journal(
    kept: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(kept, vault, 1)
    (path,) = journal.files()
    assert handle(1)[1:] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_restored_database_learns_all_that_was_said(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(kept, vault, 1)
    lookup, key = hashes(vault, 2)
    with kept.begin() as session:
        hold_everywhere(session, HashedHandle(lookup, SMS, key), said_now())
    forget(sessions)
    replay(sessions, journal.files())
    assert states(sessions) == ["opted_out", "held", "active"]
    with sessions() as session:
        assert progress_of(session, run_id)[SendState.SUPPRESSED] >= 1


def test_replaying_twice_changes_nothing(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(kept, vault, 1)
    forget(sessions)
    first, second = replay(sessions, journal.files()), replay(sessions, journal.files())
    assert (first.stops > 0, second.stops) == (True, 0)
    with sessions() as session:
        assert len(session.scalars(select(Consent)).all()) == 1


def test_last_word_counts(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(kept, vault, 1)
    start(kept, vault, 1)
    stop(kept, vault, 2)
    start(kept, vault, 2)
    stop(kept, vault, 2)
    forget(sessions)
    replay(sessions, journal.files())
    assert states(sessions) == ["active", "opted_out", "active"]


def hold(sessions: sessionmaker[Session], vault: Vault, person: int) -> None:
    lookup, key = hashes(vault, person)
    with sessions.begin() as session:
        hold_everywhere(session, HashedHandle(lookup, SMS, key), said_now())


def test_hold_outweighs_no_stop_before_it(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(kept, vault, 1)
    hold(kept, vault, 1)
    stop(kept, vault, 2)
    start(kept, vault, 2)
    hold(kept, vault, 2)
    hold(kept, vault, 3)
    start(kept, vault, 3)
    forget(sessions)
    replay(sessions, journal.files())
    assert states(sessions) == ["opted_out", "held", "active"]


def test_start_after_the_backup_lifts_the_stop_before_it(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    stop(sessions, vault, 1)
    start(kept, vault, 1)
    forget(sessions)
    an_hour_ago = clock.now() - timedelta(hours=1)
    with clock.running_on(lambda: an_hour_ago):
        stop(sessions, vault, 1)
    assert states(sessions)[0] == "opted_out"
    replay(sessions, journal.files())
    assert states(sessions)[0] == "active"


def test_start_of_the_journal_lifts_no_later_stop(
    kept: sessionmaker[Session], sessions: sessionmaker[Session], vault: Vault, journal: Journal, run_id: int
) -> None:
    start(kept, vault, 1)
    stop(sessions, vault, 1)
    replay(sessions, journal.files())
    assert states(sessions)[0] == "opted_out"


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_line_cut_off_by_a_crash_costs_no_other(
    kept: sessionmaker[Session],
    sessions: sessionmaker[Session],
    vault: Vault,
    journal: Journal,
    run_id: int,
    cut: int,
) -> None:
    stop(kept, vault, 1)
    stop(kept, vault, 2)
    (path,) = journal.files()
    path.write_bytes(path.read_bytes()[:-cut])
    stop(kept, vault, 3)
    forget(sessions)
    replayed = replay(sessions, journal.files())
    assert replayed.damaged == (0 if cut == 1 else 1)
    assert states(sessions)[0] == states(sessions)[2] == "opted_out"


def test_another_file_is_no_journal(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    (tmp_path / "other").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(FileFormatError, match="not a journal"):
        replay(sessions, [tmp_path / "other"])


def test_journal_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="journal of opt-outs"):
        Journal(tmp_path / "file" / "stops")


def test_line_that_is_taken_in_parts_is_written_whole(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full takes a part of what it is given, and raises nothing."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))
    journal.note(Said.STOP, [(b"h" * 32, "sms")])
    (path,) = journal.files()
    (entry,) = read_journal(path)
    assert entry is not None
    assert entry.marks == ((b"h" * 32, "sms"),)


def test_full_disk_holds_up_no_stop(
    kept: sessionmaker[Session],
    sessions: sessionmaker[Session],
    vault: Vault,
    run_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Journal, "_append", staticmethod(full))
    stop(kept, vault, 1)
    assert states(sessions)[0] == "opted_out"
