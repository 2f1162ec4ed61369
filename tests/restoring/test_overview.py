"""Whoever releases a restored instance reads what is doubtful in it first, and that nothing is."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.continuity.latch import latch
from campaigns.continuity.models import LatchReason
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import Run, RunState
from campaigns.restoring.overview import doubts_of
from tests.delivery.builders import a_running_run

pytestmark = pytest.mark.one_database


def test_nothing_is_told_of_an_instance_that_is_not_latched(session: Session, vault: Vault) -> None:
    a_running_run(session, vault, count=3)
    assert doubts_of(session) == []


def test_run_in_flight_is_told_with_what_is_doubtful_of_it(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=3)
    latch(session, LatchReason.BEHIND)
    told = doubts_of(session)
    assert any(line.startswith(f"Run {run.id} of ") for line in told)
    assert "No run is in flight." not in told


def test_whoever_has_no_run_in_flight_reads_so(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=3)
    session.execute(update(Run).where(Run.id == run.id).values(state=RunState.DONE))
    latch(session, LatchReason.BEHIND)
    assert doubts_of(session)[-1] == "No run is in flight."
