"""`fingerpost stop` ends runs without a console, says what it did, and leaves it in the audit trail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from datetime import timedelta
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address
from campaigns.cli import main
from campaigns.commands.stopping import REASON, _find_living, stop_by_command
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.settings import load_settings
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Sender
from campaigns.planning.runs.firing import stop_run
from campaigns.staff.audit import verify_chain
from campaigns.staff.models import AuditEntry, Organisation
from tests.delivery.builders import a_running_run
from tests.factories import a_schedule, a_sender
from tests.web.pages import KEYS


@pytest.fixture
def stop(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FINGERPOST_MODE", "demo")
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(main, ["stop", *arguments])


def runs_in(sessions: sessionmaker[Session], vault: Vault, *states: RunState, count: int = 3) -> list[int]:
    """Make a run of an organisation of its own in each state."""
    made = []
    for state in states:
        with sessions.begin() as session:
            run = a_running_run(session, vault, count=count, sender=a_sender(session))
            run.state = state
            made.append(run.id)
    return made


def state_of(sessions: sessionmaker[Session], run_id: int) -> RunState:
    with sessions() as session:
        return RunState(session.get_one(Run, run_id).state)


def test_run_is_stopped_told_and_audited(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    run_id, other = runs_in(sessions, vault, RunState.RUNNING, RunState.RUNNING)
    answer = stop(str(run_id))
    assert answer.exit_code == 0
    with sessions() as session:
        run = session.get_one(Run, run_id)
        name = session.get_one(Campaign, run.campaign_id).name
        slug = session.get_one(Organisation, run.organisation_id).slug
        assert answer.output.splitlines()[:2] == [
            f"Run {run_id} of {slug}, “{name}”, is stopped.",
            "3 messages will not be sent.",
        ]
        assert "No call is under way any more" in answer.output
        assert (run.state, run.reason) == (RunState.STOPPED, Sentence(REASON))
        assert progress_of(session, run_id) == {SendState.CANCELLED: 3}
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.member_id, entry.subject_id) == ("run.stop", None, run_id)
        assert (entry.organisation_id, entry.detail["by_command"]) == (run.organisation_id, 1)
        assert verify_chain(session) is None
        session.rollback()
    assert state_of(sessions, other) is RunState.RUNNING


def test_all_stops_what_is_or_may_be_sent(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    living = runs_in(sessions, vault, RunState.RUNNING, RunState.PLANNING, RunState.PAUSED, RunState.HELD)
    (over,) = runs_in(sessions, vault, RunState.DONE)
    with sessions.begin() as session:
        campaign = session.get_one(Campaign, session.get_one(Run, over).campaign_id)
        campaign.state, campaign.name = CampaignState.APPROVED, "Every morning"
        schedule = a_schedule(session, campaign)
        schedule.next_fire_at = clock.now() + timedelta(days=1)
    answer = stop("--all")
    assert answer.exit_code == 0
    assert {state_of(sessions, run_id) for run_id in living} == {RunState.STOPPED}
    assert state_of(sessions, over) is RunState.DONE
    assert answer.output.count(" is stopped.") == 4
    # What is being sent is stopped first.
    assert answer.output.startswith(f"Run {living[0]} of")
    assert "begin another run by themselves" in answer.output
    assert "“Every morning”, at " in answer.output
    where = sessions.kw["bind"].url.render_as_string()
    assert f"No run is being sent, planned, paused or held in {where}." in stop("--all").output


@pytest.mark.one_database
def test_all_stops_what_goes_to_one_person_too(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    """An answer has no campaign to name it by."""
    (over,) = runs_in(sessions, vault, RunState.DONE, count=1)
    with sessions.begin() as session:
        row = session.scalars(select(Delivery).where(Delivery.run_id == over)).one()
        address, sender = session.get_one(Address, row.address_id), session.get_one(Sender, row.sender_id)
        until, text = clock.now() + timedelta(hours=1), AnswerText("uk", "At the station.")
        run_id = queue_answer(session, address, sender, text, vault=vault, until=until).id
    answer = stop("--all")
    assert (answer.exit_code, state_of(sessions, run_id)) == (0, RunState.STOPPED)
    assert answer.output.startswith(f"Run {run_id} of ")
    assert ", to one person, is stopped.\n1 messages will not be sent." in answer.output


@pytest.mark.one_database
def test_all_are_stopped_before_a_line_is_read(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    """A full pipe, or a pager that nobody scrolls, keeps no run going."""
    living = runs_in(sessions, vault, RunState.RUNNING, RunState.RUNNING, RunState.HELD)
    lines = stop_by_command(load_settings(), None)
    assert "is stopped" in next(lines)
    assert {state_of(sessions, run_id) for run_id in living} == {RunState.STOPPED}
    assert isinstance(lines, Generator)
    lines.close()


@pytest.mark.one_database
@pytest.mark.parametrize("times", [1, 99], ids=["once", "always"])
def test_what_hinders_one_run_keeps_no_other_going(
    stop: Callable[..., Result],
    sessions: sessionmaker[Session],
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
) -> None:
    first, second = runs_in(sessions, vault, RunState.RUNNING, RunState.RUNNING)
    left = iter(range(times))

    def hindered(session: Session, run: Run, *, by: int | None, reason: Sentence) -> None:
        if run.id == first and next(left, None) is not None:
            raise LookupError("damaged")
        stop_run(session, run, by=by, reason=reason)

    monkeypatch.setattr("campaigns.commands.stopping.stop_run", hindered)
    answer = stop("--all")
    assert state_of(sessions, second) is RunState.STOPPED
    if times == 1:
        assert (answer.exit_code, state_of(sessions, first)) == (0, RunState.STOPPED)
        return
    assert (answer.exit_code, state_of(sessions, first)) == (2, RunState.RUNNING)
    assert f"Run {first} is NOT stopped: LookupError: damaged" in answer.output
    assert f"fingerpost: Not every run is stopped: {first}." in answer.output


@pytest.mark.one_database
@pytest.mark.parametrize("is_all", [True, False])
def test_nothing_is_said_to_be_done_where_nothing_was(
    stop: Callable[..., Result],
    sessions: sessionmaker[Session],
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    is_all: bool,
) -> None:
    [run_id] = runs_in(sessions, vault, RunState.RUNNING)
    monkeypatch.setattr("campaigns.commands.stopping.stop_run", Mock(side_effect=LookupError("damaged")))
    answer = stop("--all" if is_all else str(run_id))
    assert (answer.exit_code != 0, state_of(sessions, run_id)) == (True, RunState.RUNNING)
    assert "This was tried in " in answer.output
    assert "This was done" not in answer.output


def test_run_that_somebody_holds_locked_keeps_no_other_going(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.commands.stopping.WAITS", (1, 1))
    first, second = runs_in(sessions, vault, RunState.RUNNING, RunState.RUNNING)
    with sessions.begin() as session:
        if session.get_bind().dialect.name == "sqlite":
            pytest.skip("one lock for all")
        session.get_one(Run, first, with_for_update=True)
        answer = stop("--all")
    assert (answer.exit_code, state_of(sessions, second)) == (2, RunState.STOPPED)
    assert (
        f"Run {first} is NOT stopped: The database cannot be used: somebody else keeps it locked" in answer.output
    )
    assert stop("--all").exit_code == 0
    assert state_of(sessions, first) is RunState.STOPPED


def test_run_that_begins_meanwhile_is_stopped_too(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_in(sessions, vault, RunState.RUNNING)
    late: list[int] = []

    def find(sessions: sessionmaker[Session]) -> list[int]:
        found = _find_living(sessions)
        if not late:
            late.extend(runs_in(sessions, vault, RunState.RUNNING))
        return found

    monkeypatch.setattr("campaigns.commands.stopping._find_living", find)
    assert stop("--all").output.count("is stopped.") == 2
    assert state_of(sessions, late[0]) is RunState.STOPPED


def test_run_that_is_over_is_told(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    done, stopped = runs_in(sessions, vault, RunState.DONE, RunState.STOPPED)
    for run_id, word in ((done, "done"), (stopped, "stopped")):
        answer = stop(str(run_id))
        assert (answer.exit_code, f"is {word} already" in answer.output) == (0, True)


@pytest.mark.one_database
def test_call_under_way_is_waited_for(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault
) -> None:
    (run_id,) = runs_in(sessions, vault, RunState.RUNNING)

    def move(state: SendState) -> None:
        with sessions.begin() as session:
            row = session.scalars(select(Delivery).where(Delivery.run_id == run_id).order_by(Delivery.id)).first()
            assert row is not None
            row.send_state, row.intent_at, row.token, row.attempts = state, clock.now(), "t", 1

    move(SendState.SENDING)
    ending = threading.Timer(1.0, move, [SendState.ACCEPTED])
    ending.start()
    began = time.monotonic()
    answer = stop(str(run_id))
    assert 0.5 < time.monotonic() - began < 5
    assert "2 messages will not be sent.\nNo call is under way any more" in answer.output
    ending.join()


def test_call_that_does_not_end_is_told(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.commands.stopping.OBEYED_WITHIN", 0.3)
    monkeypatch.setattr("campaigns.commands.stopping.is_worker_alive", lambda session: False)
    (run_id,) = runs_in(sessions, vault, RunState.RUNNING)
    with sessions.begin() as session:
        for row in session.scalars(select(Delivery).where(Delivery.run_id == run_id)):
            row.send_state, row.intent_at, row.token, row.attempts = SendState.SENDING, clock.now(), "t", 1
    answer = stop(str(run_id))
    assert "3 calls were begun before and are under way still" in answer.output
    assert "No worker is running" in answer.output


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_one_run_or_all(stop: Callable[..., Result], arguments: list[str]) -> None:
    answer = stop(*arguments)
    assert (answer.exit_code, "Name one run" in answer.output) == (2, True)


def test_unknown_run_is_one_sentence(stop: Callable[..., Result], engine: Engine) -> None:
    answer = stop("999999")
    where = engine.url.render_as_string()
    assert (answer.exit_code, answer.output) == (2, f"fingerpost: There is no run 999999 in {where}.\n")


def test_database_in_which_a_run_was_stopped_is_named(
    stop: Callable[..., Result], sessions: sessionmaker[Session], vault: Vault, engine: Engine
) -> None:
    """The same number is another run in another database."""
    first, _ = runs_in(sessions, vault, RunState.RUNNING, RunState.RUNNING)
    said = f"\nThis was done in {engine.url.render_as_string()}.\n"
    assert said in stop(str(first)).output
    assert said in stop("--all").output
