"""Why a message waits, goes back or fails is one line of the decision log, without a handle or a text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState
from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import PROJECT_ROOT
from campaigns.delivery.engine.decisions import Back, Decided, Wait, tell
from campaigns.delivery.engine.fence import Refusal
from campaigns.delivery.engine.ports import Ask, RunningRun, Snapshot
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunQuiet
from campaigns.delivery.states import SendState
from campaigns.gateways.base import (
    Action,
    NotSentError,
    Outgoing,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from campaigns.planning.models import RunState, Sender
from tests.delivery.builders import TEXT, a_running_run, all_deliveries
from tests.delivery.engine.in_memory import HANDLE, SENDER, a_store, run_lane
from tests.delivery.engine.test_caller import Call
from tests.delivery.provider import MemoryProvider
from tests.factories import NOON

pytestmark = pytest.mark.one_database

LOGGER = "campaigns.delivery.engine.decisions"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what the decision log says so far; it is switched on."""
    caplog.set_level(logging.DEBUG, logger=LOGGER)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOGGER]


def send(
    error: Exception, *, until: SendState, count: int = 1, times: int = 1, has_next: bool = False
) -> MemoryProvider:
    """Let a lane send while a provider answers the first calls of each message with an error."""

    def behave(outgoing: Outgoing, nth: int) -> None:
        if nth <= times:
            raise error

    store, provider = a_store(count), MemoryProvider(behave)

    def is_done() -> bool:
        return any(row.state is until and provider.calls for row in store.deliveries.values())

    asyncio.run(run_lane(store, provider, until=is_done, has_next=has_next))
    return provider


@pytest.mark.parametrize(
    ("error", "until", "line"),
    [
        (
            RejectedError("63049", Action.GIVE_UP),
            SendState.FAILED,
            "failed delivery=1 run=1 sender=1 outcome=rejected code=63049 attempts=1",
        ),
        (
            UnknownOutcomeError("timeout"),
            SendState.UNKNOWN,
            "unknown delivery=1 run=1 sender=1 outcome=unknown code=timeout attempts=1",
        ),
        (
            NotSentError("refused"),
            SendState.ACCEPTED,
            "retried delivery=1 run=1 sender=1 outcome=not_sent code=refused attempts=1 due=",
        ),
    ],
)
def test_each_failure_says_what_follows_from_it(
    told: Callable[[], list[str]], error: Exception, until: SendState, line: str
) -> None:
    send(error, until=until)
    assert told()[0].startswith(line)


def test_fall_back_is_told(told: Callable[[], list[str]]) -> None:
    send(RejectedError("63003", Action.OTHER_CHANNEL), until=SendState.FAILED, has_next=True)
    assert told()[0] == "falls_back delivery=1 run=1 sender=1 outcome=rejected code=63003 attempts=1"


def test_held_sender_says_why_and_its_messages_why_they_wait(told: Callable[[], list[str]]) -> None:
    send(ThrottledError("20429", retry_after_seconds=1.0), until=SendState.ACCEPTED, count=2)
    lines = told()
    assert any(line.startswith("sender_held sender=1 code=20429 seconds=") for line in lines)
    assert "waits sender=1 code=sender_is_held" in lines
    # Once, and not at every look.
    assert lines.count("waits sender=1 code=sender_is_held") <= 2
    assert "sender_told sender=1 health=troubled code=20429" in lines


def test_paused_run_takes_its_messages_back(told: Callable[[], list[str]]) -> None:
    store = a_store(40)

    def refuse(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("21606", Action.PAUSE_RUN)

    asyncio.run(run_lane(store, MemoryProvider(refuse), until=lambda: store.runs[1].state is RunState.PAUSED))
    lines = told()
    assert lines.count("run_paused run=1 code=21606") == 1
    assert "goes_back delivery=40 run=1 code=run_is_paused" in lines


def test_fence_says_why_it_refused(told: Callable[[], list[str]]) -> None:
    for running, withdrawn in (([], set()), ([RunningRun(1, 1, 10.0)], {51})):
        Call(snapshot=Snapshot(running, dict.fromkeys(withdrawn, clock.now())))
    assert told() == [f"refused delivery=1 run=1 code={code}" for code in ("not_running", "withdrawn")]


def test_claim_says_what_it_closed_and_put_off(
    sessions: sessionmaker[Session], vault: Vault, told: Callable[[], list[str]]
) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=4)
        late, gone, torn, fine = all_deliveries(session)
        late.expires_at = NOON
        session.get_one(Address, gone.address_id).state = AddressState.OPTED_OUT
        session.get_one(Address, torn.address_id).ciphertext = b"torn"
        ids, ask = [row.id for row in (late, gone, torn, fine)], Ask(Line(run.sender_id or 0), run.id, 0, 10)
        run_id = run.id
    found = DatabaseStore(sessions, vault).exchange((), ask)
    assert [claimed.id for claimed in found.claimed] == ids[3:]
    assert told() == [
        f"closed delivery={ids[0]} run={run_id} code=expired",
        f"closed delivery={ids[1]} run={run_id} code=suppressed",
        f"closed delivery={ids[2]} run={run_id} code=damaged",
    ]


def test_claim_says_whom_quiet_hours_put_off(
    sessions: sessionmaker[Session], vault: Vault, told: Callable[[], list[str]]
) -> None:
    now = clock.now()
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=1)
        session.execute(update(Delivery).values(due_at=now - timedelta(minutes=1)))
        (row,) = all_deliveries(session)
        session.add(
            RunQuiet(
                run_id=run.id,
                time_zone=UNKNOWN_ZONE,
                country="UA",
                begins_at=now - timedelta(hours=1),
                ends_at=now + timedelta(hours=1),
            )
        )
        ask, line = Ask(Line(run.sender_id or 0), run.id, 0, 10), f"put_off delivery={row.id} run={run.id}"
    DatabaseStore(sessions, vault).exchange((), ask)
    assert told() == [line]


@pytest.mark.parametrize(
    ("active", "may_use", "code"),
    [(False, True, "sender_is_not_used"), (True, False, "credential_is_others"), (True, True, None)],
)
def test_run_that_is_left_out_says_why_once(
    sessions: sessionmaker[Session],
    vault: Vault,
    told: Callable[[], list[str]],
    active: bool,
    may_use: bool,
    code: str | None,
) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=1)
        session.get_one(Sender, run.sender_id).active = active
        line = f"waits run={run.id} sender={run.sender_id} code={code}"
    store = DatabaseStore(sessions, vault, may_use=lambda name, organisation_id: may_use)
    running = [len(store.snapshot().runs) for _ in range(2)]
    assert running == [int(code is None)] * 2
    assert told() == ([line] if code else [])


def test_no_handle_and_no_text_is_told(told: Callable[[], list[str]]) -> None:
    provider = send(RejectedError("21614", Action.GIVE_UP), until=SendState.FAILED, count=12)
    assert provider.calls
    lines = "\n".join(told())
    assert lines
    assert HANDLE not in lines
    assert TEXT not in lines
    assert SENDER.identity not in lines


def test_nothing_is_put_into_words_while_nobody_listens() -> None:
    class Wordless(str):
        def __str__(self) -> str:
            raise AssertionError("put into words")

    logging.getLogger(LOGGER).setLevel(logging.INFO)
    try:
        tell(Decided.WAITS, sender=1, code=Wordless("held"))
    finally:
        logging.getLogger(LOGGER).setLevel(logging.NOTSET)


def test_accepted_messages_leave_no_line(told: Callable[[], list[str]]) -> None:
    store, provider = a_store(30), MemoryProvider()
    asyncio.run(run_lane(store, provider, until=lambda: len(provider.accepted) == 30))
    assert [line for line in told() if "delivery=" in line] == []


def test_manual_explains_every_word() -> None:
    manual = (PROJECT_ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = manual.split("### Why a message waits")[1].split("\n## ")[0]
    assert [word for word in (*Decided, *Wait, *Back, *Refusal) if f"`{word}`" not in section] == []
