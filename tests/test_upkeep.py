"""What a worker repairs is judged by a clock that may be believed at that moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.threads import in_thread
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.upkeep import Upkeep
from campaigns.verifying import gateway_of
from tests.delivery.builders import a_running_run, minutes_ago
from tests.web.pages import page_settings


def test_repair_that_began_before_the_clock_was_set_does_nothing(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault
) -> None:
    """It waits for its thread after it was let begin; by then nobody knows what time it is."""
    old = {"send_state": SendState.SENDING, "intent_at": minutes_ago(60), "attempts": 1, "token": "t" * 32}
    with sessions.begin() as session:
        called = a_running_run(session, vault, count=1, deliveries=old).id
    settings, astray = page_settings(engine), [True]
    keeping = Upkeep(
        sessions,
        settings,
        repair=in_thread(ThreadPoolExecutor(1)),
        open_gateway=partial(gateway_of, settings),
        is_stopping=threading.Event(),
        is_astray=lambda: astray[0],
        turn_seconds=0.0,
    )
    for astray[0], state in ((True, SendState.SENDING), (False, SendState.UNKNOWN)):
        keeping.repair()
        with sessions() as session:
            assert progress_of(session, called) == {state: 1}
