"""A worker imports a file of many rows: all of it is there in the end or nothing, whatever happens meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience import taking_in, unread_files
from campaigns.audience.files import worker_reading
from campaigns.audience.files.import_report import Report
from campaigns.audience.files.worker_reading import CLAIMED_FOR
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.unread_files import import_files
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.inbox.holds.long_lists import opt_out_lists
from campaigns.places.models import Place
from campaigns.staff.models import AuditEntry, Role
from tests.audience.reading_worker import POLL, UNTAKEN, Meanwhile, tiles
from tests.audience.test_unread_files import HEADER, TWO, ClientFor, check, hand_in, people, states
from tests.factories import a_contact, a_place
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

GOING = "imports the file now"


@pytest.fixture(autouse=True)
def all_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_files, "FEW", 0)
    monkeypatch.setattr(worker_reading, "TOLD_EVERY", 0)


def confirmed(client: FlaskClient, text: str = TWO) -> str:
    """Hand a file in and confirm it; return its page."""
    path = str(hand_in(client, text).location)
    assert client.post(f"{path}/import").location == path
    return path


def take_in(pages: Pages, vault: Vault, stopping: Meanwhile | None = None) -> int:
    return import_files(pages.sessions, vault, 99, stopping or Meanwhile())


@pytest.mark.both_databases
def test_confirmed_file_is_imported_by_a_worker(pages: Pages, vault: Vault) -> None:
    member = pages.member(Role.STEWARD)
    client = pages.client(member)
    path = confirmed(client)
    assert (GOING in client.get(path).text, people(pages)) == (True, 0)
    assert "is being imported." in client.post(f"{path}/import", follow_redirects=True).text
    assert "is being imported." in client.post(f"{path}/again", follow_redirects=True).text
    assert opt_out_lists(pages.sessions, vault, Meanwhile()) == 0
    far: list[str] = []
    assert take_in(pages, vault, Meanwhile(lambda: far.append(client.get(path, headers=POLL).text))) == 1
    assert GOING in far[0]
    assert client.get(path, headers=POLL).headers["HX-Refresh"] == "true"
    assert (people(pages), tiles(client.get(path))) == (2, ["2", "2", "0"])
    assert (take_in(pages, vault), states(pages)) == (0, {path: ImportState.DONE})
    with pages.sessions() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == ["contacts.check", "contacts.confirm", "contacts.import"]
    assert {entry.member_id for entry in entries} == {member.id}


@pytest.mark.both_databases
def test_worker_that_dies_leaves_nobody_and_another_imports_all(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    path = confirmed(client_for(Role.STEWARD))

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(pages, vault, Meanwhile(die))
    assert (people(pages), take_in(pages, vault)) == (0, 0)
    with standing_at(clock.now() + CLAIMED_FOR + timedelta(seconds=1)):
        assert take_in(pages, vault) == 1
    assert (people(pages), states(pages)) == (2, {path: ImportState.DONE})


@pytest.mark.both_databases
def test_file_that_is_discarded_while_it_is_written_leaves_nobody(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    client, far = client_for(Role.STEWARD), list[str]()
    path = confirmed(client)

    def discard() -> None:
        far.append(client.get(path, headers=POLL).text)
        client.post(f"{path}/discard")

    assert take_in(pages, vault, Meanwhile(discard)) == 0
    assert "are written down" in far[0]
    assert (people(pages), states(pages)) == (0, {path: ImportState.CANCELLED})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_page_says_on_sqlite_when_people_are_made_ready_and_when_they_are_written(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, seen, write = client_for(Role.STEWARD), list[str](), taking_in.import_people
    path = confirmed(client)

    def look() -> None:
        seen.append(client.get(path, headers=POLL).text)

    def look_and_write(*given: Any, **named: Any) -> Report:
        look()
        with standing_at(clock.now() + timedelta(minutes=10)):
            look()
        return write(*given, **named)

    monkeypatch.setattr(unread_files, "import_people", look_and_write)
    assert take_in(pages, vault, Meanwhile(look)) == 1
    making, writing, later = seen
    assert ("are made ready" in making, "<progress" in making) == (True, True)
    for page in (writing, later):
        assert ("all of them at once" in page, "<progress" in page, "left" in page) == (True, False, False)
        assert UNTAKEN not in page


@pytest.mark.both_databases
def test_worker_rests_between_the_people_of_a_file(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    path, rests = confirmed(client_for(Role.STEWARD)), list[float]()

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        return True

    assert import_files(pages.sessions, vault, 99, Meanwhile(), rest) == 1
    assert states(pages) == {path: ImportState.DONE}
    assert len(rests) == 1


def test_stopped_worker_leaves_nobody_and_gives_the_file_back(
    pages: Pages, client_for: ClientFor, vault: Vault
) -> None:
    path, stopping = confirmed(client_for(Role.STEWARD)), Meanwhile()
    stopping._act = stopping.set
    assert (take_in(pages, vault, stopping), people(pages)) == (0, 0)
    assert (take_in(pages, vault), states(pages)) == (1, {path: ImportState.DONE})


def test_file_that_is_wrong_by_now_is_checked_anew(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        place = a_place(session, session.merge(pages.ours), name="Medyka").id
    client = client_for(Role.STEWARD)
    header = HEADER.replace("number", "place,position_date,number")
    path = confirmed(client, header + "Medyka,2026-02-01,+380501234567,uk,2026-02-01,form\n")
    with pages.sessions.begin() as session:
        session.get_one(Place, place).name, session.get_one(Place, place).key = "Ubla", "ubla"
    assert (take_in(pages, vault), people(pages), states(pages)) == (0, 0, {path: ImportState.READING})
    assert check(pages, vault) == 1
    assert "1 row is wrong" in client.get(path).text


def test_confirmed_file_goes_with_an_erasure(pages: Pages, client_for: ClientFor, vault: Vault) -> None:
    path = confirmed(client_for(Role.STEWARD))
    with pages.sessions.begin() as session:
        person = a_contact(session, pages.ours)
        ask_to_erase(session, person, by=None, why=Why.ASKED, words="", vault=vault)
    assert (take_in(pages, vault), states(pages)) == (0, {path: ImportState.CANCELLED})
    with pages.sessions() as session:
        assert session.scalars(select(ContactImport)).one().sealed_file is None


def test_file_of_few_rows_or_with_a_wrong_one_is_no_workers(
    pages: Pages, client_for: ClientFor, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(Role.STEWARD)
    wrong = confirmed(client, TWO + "12,uk,2026-02-01,form\n")
    monkeypatch.setattr(unread_files, "FEW", 2)
    few = confirmed(client)
    assert states(pages) == {wrong: ImportState.CHECKED, few: ImportState.DONE}
    assert (take_in(pages, vault), people(pages)) == (0, 2)
