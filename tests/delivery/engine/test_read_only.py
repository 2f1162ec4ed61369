"""A database that answers but writes nothing, as a server that another one took over from: nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask, Claimed, Result
from campaigns.delivery.engine.queue.leader_store import LeaderStore
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.leader_lock import LeaderLock
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from tests.delivery.builders import a_running_run
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender
from tests.postgres import empty_tables


class Switch:
    """An engine whose connections write, or only read."""

    def __init__(self, engine: Engine) -> None:
        self.engine = make_engine(engine.url.render_as_string(hide_password=False))
        self.sessions = make_sessions(self.engine)
        self.is_read_only = False
        event.listen(self.engine, "checkout", self._set)

    def _set(self, connection: object, record: object, proxy: object) -> None:
        value = "on" if self.is_read_only else "off"
        is_sqlite = self.engine.dialect.name == "sqlite"
        statement = "PRAGMA query_only" if is_sqlite else "SET default_transaction_read_only"
        connection.cursor().execute(f"{statement} = {value}")  # type: ignore[attr-defined]
        if not is_sqlite:
            connection.commit()  # type: ignore[attr-defined]


@pytest.fixture
def switch(engine: Engine) -> Iterator[Switch]:
    switch = Switch(engine)
    yield switch
    switch.engine.dispose()


def accepted(claimed: Claimed, provider_id: str = "SM1") -> Result:
    return Result(claimed.id, claimed.token, SendState.ACCEPTED, 1, provider_id=provider_id)


def claim(store: DatabaseStore, sessions: sessionmaker[Session], vault: Vault, count: int) -> list[Claimed]:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=count)
        ask = Ask(Line(run.sender_id), run.id, 0, count)
    return list(store.exchange((), ask).claimed)


@pytest.mark.one_database
@pytest.mark.parametrize("also_asks", [True, False])
def test_results_wait_for_a_database_that_writes(switch: Switch, vault: Vault, also_asks: bool) -> None:
    store = DatabaseStore(switch.sessions, vault)
    claimed = claim(store, switch.sessions, vault, 5)
    results = [accepted(each) for each in claimed]
    ask = Ask(Line(1), claimed[0].run_id, 0, 10) if also_asks else None
    switch.is_read_only = True
    with pytest.raises(SQLAlchemyError, match="read"):
        store.exchange(results, ask)
    switch.is_read_only = False
    store.exchange(results, ask)
    with switch.sessions() as session:
        assert set(session.scalars(select(Delivery.send_state))) == {SendState.ACCEPTED}


def test_results_wait_for_a_table_that_is_away(sessions: sessionmaker[Session], vault: Vault) -> None:
    store, engine = DatabaseStore(sessions, vault), sessions.kw["bind"]
    results = [accepted(each) for each in claim(store, sessions, vault, 2)]
    try:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE delivery RENAME TO elsewhere"))
        with pytest.raises(SQLAlchemyError, match="delivery"):
            store.exchange(results, None)
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO delivery"))
    store.exchange(results, None)
    with sessions() as session:
        assert set(session.scalars(select(Delivery.send_state))) == {SendState.ACCEPTED}


def test_bad_result_costs_nobody_else_theirs(sessions: sessionmaker[Session], vault: Vault) -> None:
    store = DatabaseStore(sessions, vault)
    first, second, third = claim(store, sessions, vault, 3)
    nameless = Result(second.id, second.token, SendState.UNKNOWN, None, outcome="unknown")  # type: ignore[arg-type]
    store.exchange([accepted(first), nameless, accepted(third)], None)
    with sessions() as session:
        states = session.scalars(select(Delivery.send_state).order_by(Delivery.id)).all()
    assert states == [SendState.ACCEPTED, SendState.SENDING, SendState.ACCEPTED]


@pytest.fixture
def postgres_switch(postgres_engine: Engine) -> Iterator[Switch]:
    switch = Switch(postgres_engine)
    yield switch
    switch.engine.dispose()
    empty_tables(postgres_engine)


@pytest.mark.long
def test_no_call_begins_while_nothing_can_be_written(postgres_switch: Switch, vault: Vault) -> None:
    """What is claimed ahead would last for five seconds; the fence closes after two, and nothing is lost."""
    switch, provider, called_at = postgres_switch, MemoryProvider(), list[float]()
    provider.behave = lambda outgoing, nth: called_at.append(time.monotonic())
    with switch.sessions.begin() as session:
        run_id = a_running_run(session, vault, count=120, sender=a_sender(session, pace=20.0)).id
    closed_at: list[float] = []

    async def turn_read_only() -> None:
        await asyncio.sleep(1.0)
        switch.is_read_only = True
        await asyncio.sleep(2.0 + 1.0)
        closed_at.append(time.monotonic())
        await asyncio.sleep(1.5)
        closed_at.append(time.monotonic())
        switch.is_read_only = False

    drive(switch.sessions, vault, provider, until=settled(switch.sessions, run_id), meanwhile=turn_read_only)
    assert called_at[0] < closed_at[0]
    assert not [moment for moment in called_at if closed_at[0] < moment < closed_at[1]]
    with switch.sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: 120}
    assert set(provider.calls.values()) == {1}


def test_listener_says_when_the_database_only_reads(postgres_switch: Switch, vault: Vault) -> None:
    store = DatabaseStore(postgres_switch.sessions, vault)
    claim(store, postgres_switch.sessions, vault, 1)
    assert len(store.snapshot().runs) == 1
    postgres_switch.is_read_only = True
    with pytest.raises(UnavailableError):
        store.snapshot()


def test_leader_lock_on_a_disk_that_only_reads_is_told(
    sqlite_engine: Engine, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    lock = LeaderLock(str(tmp_path / "a.db"))
    store = LeaderStore(make_sessions(sqlite_engine), vault, lock)
    assert store.snapshot().lanes is None
    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(UnavailableError, match="Read-only"):
        store.snapshot()
    monkeypatch.undo()
    assert store.snapshot().lanes is None
    lock.drop()
