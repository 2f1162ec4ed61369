"""A worker reads a long contact file: a member sees how far it is, and whatever happens, nothing is half done."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.audience.consent.sealed_words import open_about
from campaigns.audience.file_telling import FileTelling
from campaigns.audience.files import worker_reading
from campaigns.audience.files.worker_reading import CLAIMED_FOR
from campaigns.audience.models import Contact, ContactImport, ImportState
from campaigns.audience.unread_files import check_files, how_far, import_files
from campaigns.core import clock
from campaigns.core.errors import DamagedDataError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited import parent
from campaigns.core.limited.child_limits import DISK_FULL
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.staff.models import AuditEntry, Role
from tests.audience.reading_worker import (
    POLL,
    READ,
    UNTAKEN,
    Meanwhile,
    dies_and_leaves_it,
    stops_and_gives_it_back,
    tiles,
    two_read_one_each,
    workbook,
)
from tests.factories import a_contact
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

FILES = "/audience/contacts/files"
HEADER = "number,language,consent_date,consent_how\n"
TWO = HEADER + "+380501234567,uk,2026-02-01,form\n+380501234568,ru,2026-02-01,form\n"
WRONG = HEADER + "+380501234567,uk,2026-02-01,form\n12,uk,2026-02-01,form\n"
ClientFor = Callable[..., FlaskClient]
#: Starts a child as an instance does.
RUN = parent._run


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_reading, "SHORT", 0)
    monkeypatch.setattr(worker_reading, "TOLD_EVERY", 0)


def hand_in(client: FlaskClient, content: str | bytes, to: str = FILES) -> TestResponse:
    data = {"file": (io.BytesIO(content.encode() if isinstance(content, str) else content), "people.csv")}
    return client.post(to, data=data, content_type="multipart/form-data")


def check(pages: Pages, vault: Vault, stopping: Meanwhile | None = None, *, most: int = 99) -> int:
    return check_files(pages.sessions, vault, most, stopping or Meanwhile())


def states(pages: Pages) -> dict[str, ImportState]:
    with pages.sessions() as session:
        rows = session.execute(select(ContactImport.id, ContactImport.state).order_by(ContactImport.id))
        return {f"{FILES}/{row.id}": row.state for row in rows}


def people(pages: Pages) -> int:
    with pages.sessions() as session:
        return session.scalar(select(func.count(Contact.id))) or 0


@pytest.mark.both_databases
def test_long_file_is_read_by_a_worker_and_imported_as_every_other(pages: Pages, vault: Vault) -> None:
    member = pages.member(Role.STEWARD)
    client = pages.client(member)
    path = hand_in(client, TWO).location
    assert READ in client.get(path).text
    assert READ in client.get(path, headers=POLL).text
    assert client.post(f"{path}/import", follow_redirects=True).text.count("This file is still being read.") == 1
    far: list[str] = []
    assert check(pages, vault, Meanwhile(lambda: far.append(client.get(path, headers=POLL).text))) == 1
    assert "are looked up" in far[0]
    assert client.get(path, headers=POLL).headers["HX-Refresh"] == "true"
    assert tiles(client.get(path)) == ["2", "2", "0"]
    assert (check(pages, vault), people(pages)) == (0, 0)
    client.post(f"{path}/import")
    # What may take long to read is not read by the request either that imports it.
    assert (people(pages), import_files(pages.sessions, vault, 99, Meanwhile())) == (0, 1)
    assert (people(pages), states(pages)) == (2, {path: ImportState.DONE})
    with pages.sessions() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    acts = [entry.action for entry in entries]
    assert acts == ["contacts.hand_in", "contacts.check", "contacts.confirm", "contacts.import"]
    assert {entry.member_id for entry in entries} == {member.id}


def test_how_far_a_child_is_shows_while_it_reads(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "_run", RUN)
    monkeypatch.setattr(parent, "LOOK_SECONDS", 0.01)
    path, seen = hand_in(client_for(Role.STEWARD), TWO).location, list[dict[str, Any]]()

    class Looking(Meanwhile):
        def is_set(self) -> bool:
            with pages.sessions() as session:
                seen.append(session.scalars(select(ContactImport.report)).one())
            return False

    assert check(pages, vault, Looking()) == 1
    told = {(report.get("doing"), report["all"]) for report in seen if "far" in report}
    assert told >= {("reading", 2), ("looking_up", 2)}
    assert states(pages) == {path: ImportState.CHECKED}


def test_speed_and_seconds_that_are_left_are_told_once_they_are_known() -> None:
    assert how_far({"far": 0, "all": 0}) is None
    begun = how_far({"far": 0, "all": 900, "seconds": 0.1, "doing": "reading"})
    assert begun is not None
    assert (begun.speed, begun.seconds_left, begun.doing) == (None, None, "reading")
    going = how_far({"far": 300, "all": 900, "seconds": 2.0, "doing": "looking_up"})
    assert going is not None
    assert (going.speed, going.seconds_left, going.doing) == (150, 4, "looking_up")


@pytest.mark.parametrize(
    ("content", "told"),
    [("number\n" + "+380501234567\n" * 3, "more than 2 rows"), (b"PK\x03\x04", "not a workbook")],
)
def test_file_that_is_none_says_why_and_is_not_kept(
    pages: Pages, client_for: ClientFor, vault: Vault, content: str | bytes, told: str
) -> None:
    client = client_for(Role.STEWARD)
    text = HEADER + TWO.partition("\n")[2] * 2 if isinstance(content, str) else content
    path = hand_in(client, text).location
    assert check(pages, vault, most=2) == 1
    assert client.get(path, headers=POLL).headers["HX-Refresh"] == "true"
    page = client.get(path).text
    assert (told in page, "Another file" in page) == (True, True)
    assert "Not taken" in client.get(FILES).text
    client.post(f"{path}/import")
    with pages.sessions() as session:
        assert session.scalars(select(ContactImport)).one().sealed_file is None
    assert (states(pages), people(pages)) == ({path: ImportState.REFUSED}, 0)


def test_wrong_file_is_replaced_by_a_corrected_one_that_waits_likewise(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    path = hand_in(client, WRONG).location
    assert check(pages, vault) == 1
    assert "1 row is wrong" in client.get(path).text
    corrected = hand_in(client, TWO, to=f"{path}/again").location
    assert states(pages) == {path: ImportState.CHECKED, corrected: ImportState.READING}
    assert (check(pages, vault), tiles(client.get(corrected))) == (1, ["2", "2", "0"])
    assert states(pages) == {path: ImportState.CANCELLED, corrected: ImportState.CHECKED}


def test_file_that_is_not_taken_leaves_the_one_before_it_and_what_was_said(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    said = {"country": "PL", "language": "uk", "consent_on": "2026-02-01", "consent_how": "form at the desk"}
    data = {"file": (io.BytesIO(b"number,place\n501234567,Medyka\n"), "people.csv"), **said}
    path = client.post(FILES, data=data, content_type="multipart/form-data").location
    assert check(pages, vault) == 1
    data = {"file": (io.BytesIO(b"PK\x03\x04"), "people.csv"), "column": "place", "cell": "Medyka", "meant": "-"}
    refused = client.post(f"{path}/again", data=data, content_type="multipart/form-data").location
    assert check(pages, vault) == 1
    assert states(pages) == {path: ImportState.CHECKED, refused: ImportState.REFUSED}
    page = client.get(refused).text
    assert f'href="{path}"' in page
    (again,) = re.findall(rf'href="({FILES}\?again=\d+)"', page)
    page = client.get(again).text
    assert re.search(r'<option selected value="PL"', page)
    assert re.search(r'<option selected value="uk"', page)
    assert re.search(r'name="consent_on"[^>]*value="2026-02-01"', page)
    assert re.search(r'name="consent_how"[^>]*value="form at the desk"', page)
    # What its cells mean is not in the form, and counts all the same.
    hand_in(client, TWO, to=again)
    with pages.sessions() as session:
        last = session.scalars(select(ContactImport).order_by(ContactImport.id.desc())).first()
        assert last is not None
        telling = FileTelling.from_line(open_about(last, vault).telling)
    assert (telling.meanings, telling.otherwise) == ({"place": {"medyka": "-"}}, {})
    client.post(f"{path}/discard")
    assert f'href="{path}"' not in client.get(refused).text
    theirs = pages.client(pages.member(Role.STEWARD, organisation=pages.theirs))
    assert theirs.get(again).status_code == 404


def test_columns_are_named_of_a_workbook_that_a_worker_reads(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    path = hand_in(client, workbook("Phone,Speaks", "+380501234567")).location
    assert check(pages, vault) == 1
    assert "Which column is what?" in client.get(path).text
    again = client.post(f"{path}/again", data={"column-number": "0"}).location
    assert states(pages) == {path: ImportState.CHECKED, again: ImportState.READING}


@pytest.mark.both_databases
def test_worker_that_dies_leaves_the_file_to_another(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    path = hand_in(client_for(Role.STEWARD), TWO).location
    dies_and_leaves_it(partial(check, pages, vault), partial(states, pages), path)


@pytest.mark.both_databases
def test_two_workers_and_two_files_at_once(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    client = client_for(Role.STEWARD)
    paths = [hand_in(client, TWO).location for _ in range(2)]
    two_read_one_each(partial(check, pages, vault), partial(states, pages), paths)
    for path in paths:
        client.post(f"{path}/import")
    assert import_files(pages.sessions, vault, 99, Meanwhile()) == 2
    assert (people(pages), states(pages)) == (2, dict.fromkeys(paths, ImportState.DONE))


def test_stopped_worker_gives_the_file_back_at_once(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    path = hand_in(client_for(Role.STEWARD), TWO).location
    stops_and_gives_it_back(partial(check, pages, vault), partial(states, pages), path)


def test_file_is_read_once_more_after_a_signal_to_its_child(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends a worker may end its child a moment before."""
    client, stopping, run = client_for(Role.STEWARD), Meanwhile(), parent._run
    path = hand_in(client, TWO).location

    def end_both(*_: object) -> int:
        stopping.set()
        return -signal.SIGTERM

    monkeypatch.setattr(parent, "_run", end_both)
    assert (check(pages, vault, stopping), states(pages)) == (0, {path: ImportState.READING})
    ends = iter([-signal.SIGKILL])
    monkeypatch.setattr(parent, "_run", lambda *given: next(ends, None) or run(*given))
    assert (check(pages, vault), states(pages)) == (1, {path: ImportState.CHECKED})
    path = hand_in(client, TWO).location
    monkeypatch.setattr(parent, "_run", lambda *_: -signal.SIGKILL)
    assert check(pages, vault) == 1
    assert states(pages)[path] == ImportState.REFUSED


def test_file_that_finds_no_room_holds_up_no_other_and_is_refused_at_last(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, run, ends = client_for(Role.STEWARD), parent._run, iter([DISK_FULL])
    stuck, other = (hand_in(client, TWO).location for _ in range(2))
    monkeypatch.setattr(parent, "_run", lambda *given: next(ends, None) or run(*given))
    with pytest.raises(ExceptionGroup) as failed:
        check(pages, vault)
    assert [type(error) for error in failed.value.exceptions] == [UnavailableError]
    assert (check(pages, vault), states(pages)) == (0, {stuck: ImportState.READING, other: ImportState.CHECKED})
    assert "It is tried again" in client.get(stuck).text
    monkeypatch.setattr(parent, "_run", lambda *_: DISK_FULL)
    monkeypatch.setattr(worker_reading, "MOST_TRIES", 2)
    with standing_at(clock.now() + CLAIMED_FOR + timedelta(seconds=1)):
        assert check(pages, vault) == 1
    assert states(pages)[stuck] == ImportState.REFUSED
    assert "The disk has no room" in client.get(stuck).text


@pytest.mark.both_databases
@pytest.mark.parametrize("meanwhile", ["discarded", "taken by another"])
def test_child_ends_with_a_file_that_is_no_more_its_workers(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    client, looks, others = client_for(Role.STEWARD), list[bool](), list[int]()
    path, run = hand_in(client, TWO).location, parent._run

    def read(*given: Any) -> int | None:
        monkeypatch.setattr(parent, "_run", run)
        if meanwhile == "discarded":
            client.post(f"{path}/discard")
        else:
            with standing_at(clock.now() + CLAIMED_FOR + timedelta(seconds=1)):
                others.append(check(pages, vault))
        looked = parent._looks.get()
        assert looked is not None
        looks.append(looked())
        raise UnavailableError

    monkeypatch.setattr(parent, "_run", read)
    assert (check(pages, vault), looks) == (0, [False])
    ended = ImportState.CANCELLED if meanwhile == "discarded" else ImportState.CHECKED
    assert (states(pages), sum(others)) == ({path: ended}, len(others))


def test_file_that_no_worker_takes_says_so(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, later = client_for(Role.STEWARD), clock.now() + timedelta(minutes=2)
    path = hand_in(client, TWO).location
    for page in ("it is read", "it is imported"):
        assert UNTAKEN not in client.get(path).text, page
        with standing_at(later):
            assert UNTAKEN in client.get(path).text, page
        if page == "it is read":
            assert check(pages, vault) == 1
            with standing_at(later):
                assert UNTAKEN not in client.get(path).text
            client.post(f"{path}/import")


@pytest.mark.both_databases
def test_how_far_a_heavy_file_is_is_not_written_on_sqlite(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole file is written anew with it there."""
    monkeypatch.setattr(worker_reading, "HEAVY", 0)
    assert timedelta(seconds=2 * worker_reading.HEAVY_TOLD_EVERY) < CLAIMED_FOR
    client, far = client_for(Role.STEWARD), list[str]()
    path = hand_in(client, TWO).location
    assert check(pages, vault, Meanwhile(lambda: far.append(client.get(path, headers=POLL).text))) == 1
    assert ("are looked up" in far[0]) == (pages.sessions.kw["bind"].dialect.name != "sqlite")


def test_file_that_is_discarded_while_it_is_read_stays_so(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    by_member = hand_in(client, TWO).location
    assert check(pages, vault, Meanwhile(lambda: client.post(f"{by_member}/discard"))) == 0
    hand_in(client, TWO)

    def erase_somebody() -> None:
        with pages.sessions.begin() as session:
            person = a_contact(session, pages.ours)
            ask_to_erase(session, person, by=None, why=Why.ASKED, words="", vault=vault)

    assert check(pages, vault, Meanwhile(erase_somebody)) == 0
    assert set(states(pages).values()) == {ImportState.CANCELLED}
    with pages.sessions() as session:
        assert {file.sealed_file for file in session.scalars(select(ContactImport))} == {None}


def test_file_that_cannot_be_opened_holds_up_no_other_and_is_nobody_elses(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    damaged, other = (hand_in(client, TWO).location for _ in range(2))
    with pages.sessions.begin() as session:
        session.get_one(ContactImport, int(damaged.rpartition("/")[2])).sealed_file = b"?"
    with pytest.raises(ExceptionGroup) as failed:
        check(pages, vault)
    assert [type(error) for error in failed.value.exceptions] == [DamagedDataError]
    assert states(pages) == {damaged: ImportState.READING, other: ImportState.CHECKED}
    theirs = pages.client(pages.member(Role.STEWARD, organisation=pages.theirs))
    assert theirs.get(damaged).status_code == theirs.post(f"{damaged}/discard").status_code == 404


def test_short_file_is_read_at_once(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_reading, "SHORT", len(TWO))
    path = hand_in(client_for(Role.STEWARD), TWO).location
    assert (states(pages), check(pages, vault)) == ({path: ImportState.CHECKED}, 0)
