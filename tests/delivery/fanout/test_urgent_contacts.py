"""No campaign writes to somebody who speaks with the team about a danger; a correction does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.urgent_contacts import URGENT_FOR, forget_urgent, note_urgent
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.refusals import hold_campaigns_back
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, a_running_run, all_deliveries, people

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("ago", "is_closed", "written"),
    [(timedelta(0), False, 2), (URGENT_FOR * 2, False, 3), (timedelta(0), True, 3)],
)
def test_campaign_leaves_them_out(
    sessions: sessionmaker[Session], vault: Vault, ago: timedelta, is_closed: bool, written: int
) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session)
        run_id = run.id
        first, *_ = people(session, run.organisation_id, vault, count=3)
        note_urgent(session, first, at=clock.now() - ago)
        if is_closed:
            forget_urgent(session, first)
    fan_out(sessions, run_id, policy=Policy(36_500))
    with sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == written
        left = session.execute(select(RunLeftOut.reason, RunLeftOut.people)).all()
        assert [tuple(row) for row in left] == ([("urgent", 1)] if written == 2 else [])


@pytest.mark.both_databases
def test_what_is_queued_is_taken_out_but_for_corrections(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=2)
    first, second = session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert hold_campaigns_back(session, first.contact_id) == 1
    session.expire_all()
    assert (first.send_state, second.send_state) == (SendState.SUPPRESSED, SendState.QUEUED)
    session.get_one(Run, run.id).corrects_id = run.id
    session.flush()
    assert hold_campaigns_back(session, second.contact_id) == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(("ago", "corrects", "called"), [(0, False, 1), (0, True, 2), (2, False, 2)])
def test_what_is_queued_again_is_not_called_but_for_corrections(
    sessions: sessionmaker[Session], vault: Vault, ago: int, corrects: bool, called: int
) -> None:
    with sessions.begin() as session:
        # Its run was stopped as they wrote, so nothing of it was queued; then it was resumed.
        run = a_running_run(session, vault, count=2)
        run.corrects_id = run.id if corrects else None
        run_id, sender_id = run.id, run.sender_id
        first = all_deliveries(session)[0].contact_id
        note_urgent(session, first, at=clock.now() - ago * URGENT_FOR)
    assert sender_id is not None
    found = DatabaseStore(sessions, vault).exchange((), Ask(Line(sender_id), run_id, 0, 10))
    assert len(found.claimed) == called
    with sessions() as session:
        states = [each.send_state for each in all_deliveries(session)]
    closed = [SendState.SUPPRESSED] if called == 1 else [SendState.SENDING]
    assert states == [*closed, SendState.SENDING]
