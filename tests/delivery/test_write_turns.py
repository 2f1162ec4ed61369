"""A long work lets others have their turn, and ends when it is told to."""

from __future__ import annotations

import threading
import time

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.delivery.write_turns import SQLITE_TURN_SECONDS, taking_turns
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from tests.delivery.builders import a_planned_run, people


def test_turn_lasts_as_long_as_the_chunk() -> None:
    may_go_on = taking_turns(threading.Event(), seconds=60)
    time.sleep(0.05)
    began = time.monotonic()
    assert may_go_on()
    assert 0.05 <= time.monotonic() - began < 30


def test_turn_has_its_limit() -> None:
    may_go_on = taking_turns(threading.Event(), seconds=0)
    time.sleep(0.05)
    assert may_go_on()


def test_told_to_end_it_ends() -> None:
    stopping = threading.Event()
    may_go_on = taking_turns(stopping, seconds=60)
    stopping.set()
    assert not may_go_on()


def test_others_write_between_chunks(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=160)
    began, stopping, written = threading.Event(), threading.Event(), list[int]()

    def write() -> None:
        while not stopping.wait(0.01):
            with sessions.begin() as session:
                session.execute(update(Run).values(priority=len(written) % 2))
            with sessions() as session:
                written.append(progress_of(session, run_id).get(SendState.QUEUED, 0))
            began.set()

    def is_planned() -> bool:
        with sessions() as session:
            return session.get_one(Run, run_id).state != RunState.PLANNING

    writer = threading.Thread(target=write)
    writer.start()
    assert began.wait(30)
    # It ends when it finds its run held by somebody else, and the worker calls it again.
    while not is_planned():
        fan_out(
            sessions,
            run_id,
            policy=USUAL,
            chunk=4,
            may_go_on=taking_turns(threading.Event(), seconds=SQLITE_TURN_SECONDS),
        )
    stopping.set()
    writer.join()
    assert len({count for count in written if 0 < count < 160}) >= 2
