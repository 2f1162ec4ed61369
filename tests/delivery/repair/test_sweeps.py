"""Runs and rows that came apart are brought together again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.queries import progress_of
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import AuditEntry
from tests.delivery.builders import a_done_copy, a_running_run, all_deliveries, an_unverified_text

pytestmark = pytest.mark.one_database


def swept(sessions: sessionmaker[Session], vault: Vault, run: RunState, rows: SendState) -> tuple[RunState, Any]:
    """Return the state of a run and of its three rows after a sweep that moves two at a time."""
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=3, state=run, deliveries={"send_state": rows}).id
    sweep(sessions, limit=2)
    with sessions() as session:
        return session.get_one(Run, run_id).state, progress_of(session, run_id)


@pytest.mark.parametrize(
    ("run", "rows", "run_after", "rows_after"),
    [
        (RunState.STOPPED, SendState.QUEUED, RunState.STOPPED, SendState.CANCELLED),
        (RunState.RUNNING, SendState.CANCELLED, RunState.RUNNING, SendState.QUEUED),
        (RunState.RUNNING, SendState.ACCEPTED, RunState.DONE, SendState.ACCEPTED),
        (RunState.RUNNING, SendState.SENDING, RunState.RUNNING, SendState.SENDING),
        (RunState.PAUSED, SendState.QUEUED, RunState.PAUSED, SendState.QUEUED),
    ],
)
def test_run_and_rows_come_together(
    sessions: sessionmaker[Session],
    vault: Vault,
    run: RunState,
    rows: SendState,
    run_after: RunState,
    rows_after: SendState,
) -> None:
    assert swept(sessions, vault, run, rows) == (run_after, {rows_after: 3})


def test_sweep_leaves_others_their_turn(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_ids = [a_running_run(session, vault, count=3, state=RunState.STOPPED).id for _ in range(2)]
    left = []
    for _ in range(4):
        sweep(sessions, limit=1, turns=2)
        with sessions() as session:
            left.append([progress_of(session, run_id).get(SendState.QUEUED, 0) for run_id in run_ids])
    # The turn that finds nothing more counts as well.
    assert left == [[1, 3], [0, 3], [0, 1], [0, 0]]


@pytest.mark.both_databases
def test_done_run_goes_on_for_calls_that_were_never_made(sessions: sessionmaker[Session], vault: Vault) -> None:
    assert swept(sessions, vault, RunState.DONE, SendState.QUEUED) == (RunState.RUNNING, {SendState.QUEUED: 3})
    with sessions() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["run.reopen"]
        assert session.scalars(select(Run.finished_at)).all() == [None]


@pytest.mark.both_databases
@pytest.mark.parametrize(("is_named", "after"), [(True, RunState.PAUSED), (False, RunState.RUNNING)])
def test_done_run_does_not_go_on_with_a_helpline_that_was_taken_back(
    sessions: sessionmaker[Session], vault: Vault, is_named: bool, after: RunState
) -> None:
    """Nobody compared its texts while it was done; whoever falls back must not be told what does not hold."""
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=3, state=RunState.DONE)
        text, run_id = an_unverified_text(session, run), run.id
        *_, last = all_deliveries(session)
        last.text_id = text.id if is_named else last.text_id
    sweep(sessions)
    with sessions() as session:
        assert session.get_one(Run, run_id).state == after
        assert {each.send_state for each in all_deliveries(session)} == {SendState.QUEUED}


@pytest.mark.both_databases
def test_done_run_pauses_where_a_partner_withdrew_what_it_says(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        run_id = a_done_copy(session, vault).id
    sweep(sessions)
    with sessions() as session:
        run = session.get_one(Run, run_id)
        assert (run.state, run.paused_by_itself) == (RunState.PAUSED, True)
        assert "Signal Fire (invented) withdrew" in str(run.reason)
        assert progress_of(session, run_id) == {SendState.QUEUED: 3}
