"""A worker works a confirmed list off, whatever else happens meanwhile, and leaves the others their turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.audience.models import ContactImport, ImportState
from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.inbox.holds import opted_out_list
from campaigns.inbox.holds.long_lists import opt_out_lists
from campaigns.staff.models import AuditEntry, Role
from tests.audience.reading_worker import Meanwhile
from tests.factories import a_contact
from tests.inbox.holds.test_opted_out_list import LIST, OURS, STRANGER, THEIRS, hand_in, marks
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opted_out_list, "PIECE", 1)


def confirm(client: FlaskClient, *numbers: str) -> str:
    """Hand a list in and confirm it; return its page."""
    path = hand_in(client, "".join(f"{number}\n" for number in numbers)).location
    assert client.post(f"{path}/opt-out").location == path
    return path


@pytest.mark.both_databases
def test_long_list_is_a_workers(pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault) -> None:
    client, stopping = client_for(Role.STEWARD), Meanwhile()
    handed_in = hand_in(client, f"{OURS}\n{THEIRS}\n")
    assert opt_out_lists(pages.sessions, vault, stopping) == 0
    client.post(f"{handed_in.location}/discard")
    path = confirm(client, OURS, THEIRS, STRANGER)
    page = client.get(path).text
    assert "You can leave this page." in page
    assert "0 of 3" in page
    assert marks(pages) == 0
    waiting = client.get(path, headers={"HX-Request": "true"})
    assert (waiting.status_code, "0 of 3" in waiting.text) == (200, True)
    stopping.set()
    assert opt_out_lists(pages.sessions, vault, stopping) == 0
    stopping.clear()
    assert opt_out_lists(pages.sessions, vault, stopping) == 3
    assert marks(pages) == 6
    assert client.get(path, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert "You can leave this page." not in client.get(path).text
    with pages.sessions() as session:
        done = session.scalars(select(AuditEntry).where(AuditEntry.action == "contacts.opt_out")).one()
        assert done.member_id is not None
    assert opt_out_lists(pages.sessions, vault, stopping) == 0


@pytest.mark.both_databases
def test_erasing_somebody_leaves_a_confirmed_list_to_its_worker(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    undecided = hand_in(client, f"{OURS}\n{STRANGER}\n").location
    confirmed = confirm(client, OURS, THEIRS)

    def erase_somebody() -> None:
        with pages.sessions.begin() as session:
            person = a_contact(session, pages.ours)
            ask_to_erase(session, person, by=None, why=Why.ASKED, words="", vault=vault)

    assert opt_out_lists(pages.sessions, vault, Meanwhile(erase_somebody)) == 2
    assert marks(pages) == 4
    assert states(pages) == {undecided: ImportState.CANCELLED, confirmed: ImportState.DONE}


@pytest.mark.both_databases
def test_audit_says_who_confirmed_a_list_and_how_far_a_discarded_one_was(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opted_out_list, "PIECE", 24)
    client, member = client_for(Role.STEWARD), pages.member(Role.STEWARD)
    path = confirm(pages.client(member), *(f"+3805012345{last}" for last in range(10, 35)))
    client.post(f"{path}/opt-out")
    opt_out_lists(pages.sessions, vault, Meanwhile(lambda: client.post(f"{path}/discard")))
    with pages.sessions() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[1:]
    told = [("contacts.confirm_opt_outs", {"rows": 25}), ("contacts.cancel", {"numbers": 20})]
    assert [(entry.action, entry.detail) for entry in entries] == told
    assert entries[0].member_id == member.id != entries[1].member_id


def test_others_write_between_two_pieces(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client, stopping = client_for(Role.STEWARD), Meanwhile()
    stopping.far = lambda: marks(pages)
    confirm(client, OURS, THEIRS)
    confirm(client, STRANGER, "+380501112233")
    assert opt_out_lists(pages.sessions, vault, stopping) == 4
    assert [far for _seconds, far in stopping.rests] == [2, 4, 6, 8]
    # Whoever waits to write on SQLite looks again every 0.1 s at most.
    assert min(seconds for seconds, _far in stopping.rests) > 0.1


def test_list_that_cannot_be_opened_holds_up_no_other(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    damaged, other = confirm(client, OURS, THEIRS), confirm(client, STRANGER, "+380501112233")
    with pages.sessions.begin() as session:
        session.execute(update(ContactImport).where(ContactImport.id == id_of(damaged)).values(sealed_file=b"?"))
    with pytest.raises(ExceptionGroup) as failed:
        opt_out_lists(pages.sessions, vault, Meanwhile())
    assert [type(error) for error in failed.value.exceptions] == [DamagedDataError]
    assert states(pages) == {damaged: ImportState.CHECKED, other: ImportState.DONE}


def test_rest_of_a_long_list_is_discarded_while_a_worker_has_it(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    path = confirm(client, OURS, THEIRS, STRANGER)
    assert opt_out_lists(pages.sessions, vault, Meanwhile(lambda: client.post(f"{path}/discard"))) == 1
    assert marks(pages) == 2
    assert states(pages) == {path: ImportState.CANCELLED}


def test_what_broke_off_goes_on_where_it_stood(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, act = confirm(client_for(Role.STEWARD), OURS, THEIRS, STRANGER), opted_out_list._opt_out

    def break_off(*_arguments: object) -> None:
        raise RuntimeError

    meanwhile = Meanwhile(lambda: monkeypatch.setattr(opted_out_list, "_opt_out", break_off))
    with pytest.raises(ExceptionGroup):
        opt_out_lists(pages.sessions, vault, meanwhile)
    assert marks(pages) == 2
    monkeypatch.setattr(opted_out_list, "_opt_out", act)
    assert opt_out_lists(pages.sessions, vault, Meanwhile()) == 2
    assert (marks(pages), states(pages)) == (6, {path: ImportState.DONE})


def id_of(path: str) -> int:
    return int(path.rsplit("/", 1)[1])


def states(pages: Pages) -> dict[str, ImportState]:
    """Return the state of each list, by its page."""
    with pages.sessions() as session:
        found = session.execute(select(ContactImport.id, ContactImport.state)).all()
    return {f"{LIST}/{list_id}": ImportState(state) for list_id, state in found}
