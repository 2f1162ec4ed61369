"""A worker reads a long list: a member sees how far it is, and whatever happens, nothing is half done."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event
from typing import IO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.consent.sealed_words import open_evidence
from campaigns.audience.files import worker_reading
from campaigns.audience.files.worker_reading import CLAIMED_FOR
from campaigns.audience.models import Consent, ContactImport, ImportState
from campaigns.core import clock
from campaigns.core.errors import DamagedDataError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited import disk_room
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.inbox.holds import unread_lists
from campaigns.inbox.holds.unread_lists import check_lists
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
from tests.factories import a_contact, an_address
from tests.inbox.holds.test_long_lists import id_of, states
from tests.inbox.holds.test_opted_out_list import FEW, LIST, OURS, STRANGER, THEIRS, hand_in, marks
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

THREE = f"Phone\n{OURS}\n{THEIRS}\n\n{STRANGER}\n{OURS}\nnobody\n"


SHEET = workbook(OURS, THEIRS)


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_reading, "SHORT", 0)
    monkeypatch.setattr(unread_lists, "AT_ONCE", 1)
    monkeypatch.setattr(worker_reading, "TOLD_EVERY", 0)


def check(pages: Pages, vault: Vault, stopping: Meanwhile | None = None, *, most: int = 99) -> int:
    return check_lists(pages.sessions, vault, most, stopping or Meanwhile())


@pytest.mark.both_databases
def test_long_list_is_read_by_a_worker(pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault) -> None:
    member = pages.member(Role.STEWARD)
    client = pages.client(member)
    with pages.sessions.begin() as session:
        an_address(session, a_contact(session, pages.ours), vault, number=OURS)
    path = hand_in(client, THREE).location
    assert READ in client.get(path).text
    assert READ in client.get(path, headers=POLL).text
    assert client.post(f"{path}/opt-out", follow_redirects=True).text.count("This list is still being read.") == 1
    far: list[str] = []
    assert check(pages, vault, Meanwhile(lambda: far.append(client.get(path, headers=POLL).text))) == 1
    assert "0 of 3" in far[0]
    assert client.get(path, headers=POLL).headers["HX-Refresh"] == "true"
    page = client.get(path)
    assert tiles(page) == ["5", "3", FEW]
    assert "Line 7, number" in page.text
    assert check(pages, vault) == 0
    client.post(f"{path}/opt-out")
    assert (marks(pages), states(pages)) == (6, {path: ImportState.DONE})
    with pages.sessions() as session:
        assert open_evidence(session.scalars(select(Consent)).one(), vault) == "list of the old system"
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    told = [
        ("contacts.hand_in_opt_outs", {}),
        ("contacts.check_opt_outs", {"rows": 5}),
        ("contacts.opt_out", {"rows": 5}),
    ]
    assert [(entry.action, entry.detail) for entry in entries] == told
    assert {entry.member_id for entry in entries} == {member.id}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("number,language,consent_date,consent_how\n+380501234567,uk,2026-02-27,form\n", "is a file of contacts"),
        (f"{OURS}\n{THEIRS}\n{STRANGER}\n", "more than 2 rows"),
        ("PK\x03\x04", "not a workbook"),
    ],
)
def test_list_that_is_none_says_why_and_is_not_kept(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault, text: str, told: str
) -> None:
    client = client_for(Role.STEWARD)
    path = hand_in(client, text).location
    assert check(pages, vault, most=2) == 1
    assert client.get(path, headers=POLL).headers["HX-Refresh"] == "true"
    assert told in client.get(path).text
    assert "Not taken" in client.get(LIST).text
    client.post(f"{path}/opt-out")
    with pages.sessions() as session:
        assert session.get_one(ContactImport, id_of(path)).sealed_file is None
        acts = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert acts == ["contacts.hand_in_opt_outs", "contacts.refuse_opt_outs"]
    assert (marks(pages), check(pages, vault)) == (0, 0)


def test_list_that_was_not_taken_is_handed_in_again_with_what_was_said_of_it(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    refused, waiting = (hand_in(client, text, country="PL").location for text in ("PK\x03\x04", THREE))
    assert check(pages, vault) == 2
    (again,) = re.findall(rf'href="({LIST}\?again=\d+)"', client.get(refused).text)
    page = client.get(again).text
    assert re.search(r'name="source"[^>]*value="list of the old system"', page)
    assert re.search(r'<option selected value="PL"', page)
    # A list that was taken keeps no such words outside itself.
    assert "list of the old system" not in client.get(f"{LIST}?again={id_of(waiting)}").text
    theirs = pages.client(pages.member(Role.STEWARD, organisation=pages.theirs))
    assert theirs.get(again).status_code == 404


@pytest.mark.both_databases
def test_worker_that_dies_leaves_the_list_to_another(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    path = hand_in(client_for(Role.STEWARD), THREE).location
    dies_and_leaves_it(partial(check, pages, vault), partial(states, pages), path)


@pytest.mark.both_databases
def test_two_workers_and_two_lists_at_once(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    paths = {hand_in(client, THREE).location for _ in range(2)}
    two_read_one_each(partial(check, pages, vault), partial(states, pages), paths)


def test_stopped_worker_gives_the_list_back_at_once(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    path = hand_in(client_for(Role.STEWARD), THREE).location
    stops_and_gives_it_back(partial(check, pages, vault), partial(states, pages), path)


@pytest.mark.both_databases
def test_list_that_is_discarded_while_it_is_read_stays_so(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    by_member, by_erasing = (hand_in(client, THREE).location for _ in range(2))
    assert check(pages, vault, Meanwhile(lambda: client.post(f"{by_member}/discard"))) == 1
    by_erasing = hand_in(client, THREE).location

    def erase_somebody() -> None:
        with pages.sessions.begin() as session:
            person = a_contact(session, pages.ours)
            ask_to_erase(session, person, by=None, why=Why.ASKED, words="", vault=vault)

    assert check(pages, vault, Meanwhile(erase_somebody)) == 0
    assert set(states(pages).values()) == {ImportState.CANCELLED}
    with pages.sessions() as session:
        assert {file.sealed_file for file in session.scalars(select(ContactImport))} == {None}
    assert "Another list" in client.get(by_erasing).text


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_what_was_found_waits_for_whoever_looks_at_the_list(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    """Every other worker locks it every few seconds, to see whether it is taken."""
    path, held = hand_in(client_for(Role.STEWARD), THREE).location, Event()

    def look() -> None:
        with pages.sessions.begin() as session:
            session.scalars(select(ContactImport).with_for_update()).all()
            held.set()
            time.sleep(0.2)

    with ThreadPoolExecutor() as threads:

        def look_apart() -> None:
            threads.submit(look)
            held.wait()

        assert check(pages, vault, Meanwhile(look_apart)) == 1
    assert states(pages) == {path: ImportState.CHECKED}


def fill_disk(patch: pytest.MonkeyPatch, *, after: int) -> None:
    """Leave room for some files, but for none that comes after them."""
    room = iter(range(after))

    def make() -> IO[bytes]:
        return Path("/dev/full").open("w+b") if next(room, None) is None else TemporaryFile()

    patch.setattr(disk_room, "TemporaryFile", make)


@pytest.mark.parametrize(("content", "after"), [(THREE, 0), (THREE, 1), (SHEET, 1)])
def test_full_disk_leaves_the_list_for_later(
    pages: Pages,
    client_for: Callable[..., FlaskClient],
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    content: str | bytes,
    after: int,
) -> None:
    path = hand_in(client_for(Role.STEWARD), content).location
    with monkeypatch.context() as patch:
        fill_disk(patch, after=after)
        with pytest.raises(ExceptionGroup) as failed:
            check(pages, vault)
    assert [type(error) for error in failed.value.exceptions] == [UnavailableError]
    assert (check(pages, vault), states(pages)) == (0, {path: ImportState.READING})
    with standing_at(clock.now() + CLAIMED_FOR + timedelta(seconds=1)):
        assert check(pages, vault) == 1


@pytest.mark.parametrize("content", [THREE, SHEET])
def test_full_disk_is_one_sentence_also_of_a_short_list(
    client_for: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch, content: str | bytes
) -> None:
    monkeypatch.setattr(worker_reading, "SHORT", 9999)
    fill_disk(monkeypatch, after=0)
    answer = hand_in(client_for(Role.STEWARD), content)
    assert (answer.status_code, "The disk has no room" in answer.text) == (503, True)


def test_list_that_cannot_be_opened_holds_up_no_other(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    damaged, other = (hand_in(client, THREE).location for _ in range(2))
    with pages.sessions.begin() as session:
        session.get_one(ContactImport, id_of(damaged)).sealed_file = b"?"
    with pytest.raises(ExceptionGroup) as failed:
        check(pages, vault)
    assert [type(error) for error in failed.value.exceptions] == [DamagedDataError]
    assert states(pages) == {damaged: ImportState.READING, other: ImportState.CHECKED}


def test_short_list_is_read_at_once(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_reading, "SHORT", len(THREE))
    path = hand_in(client_for(Role.STEWARD), THREE).location
    assert (states(pages), check(pages, vault)) == ({path: ImportState.CHECKED}, 0)


def test_list_that_no_worker_takes_says_so(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client, later = client_for(Role.STEWARD), clock.now() + timedelta(minutes=2)
    path = hand_in(client, THREE).location
    assert UNTAKEN not in client.get(path).text
    with standing_at(later):
        assert UNTAKEN in client.get(path).text
