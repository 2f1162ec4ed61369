"""A worker takes a run from its plan to its end, repairs what others left, and ends in good order."""

from __future__ import annotations

import base64
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns import upkeep, worker
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.errors import SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Mode, Settings, load_settings
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import check_patience, patience_of
from campaigns.planning.models import Health, Run, RunState
from campaigns.schema import metadata
from campaigns.staff.models import Organisation
from campaigns.worker import run_worker
from tests.delivery.builders import a_planned_run, a_running_run, frozen, minutes_ago, people
from tests.factories import SLUGS, a_region, a_sender, a_service
from tests.planning.story import START, a_story
from tests.postgres import PostgresServer
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.starting import run_commands
from tests.web.pages import KEYS

PATIENCE_SECONDS = 40


@pytest.fixture
def environment(engine: Engine, sandbox: SandboxProcess) -> dict[str, str]:
    """The variables of a demo instance on the test's database and sandbox."""
    return {
        "FINGERPOST_MODE": "demo",
        # These tests pass at night as well.
        "FINGERPOST_QUIET_HOURS": "false",
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "FINGERPOST_SANDBOX_URL": sandbox.url,
        "FINGERPOST_PUBLIC_URL": "http://127.0.0.1:9",
        "FINGERPOST_ENCRYPTION_KEYS": "1:" + base64.b64encode(b"k" * 32).decode(),
        "FINGERPOST_LOOKUP_KEY": base64.b64encode(b"l" * 32).decode(),
        "FINGERPOST_SECRET_KEY": KEYS["FINGERPOST_SECRET_KEY"],
        "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "FINGERPOST_OWNERS_TWILIO": " ".join(SLUGS[:9]),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)


@pytest.fixture(autouse=True)
def frequent_repairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what recurs every few seconds recur within one."""
    monkeypatch.setattr(worker, "REPAIR_EVERY", 0.5)


def work(settings: Settings, until: Callable[[], bool]) -> None:
    """Let a worker of this process work until `until()`; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS

    def enough() -> bool:
        assert time.monotonic() < deadline, "the worker takes too long"
        return until()

    run_worker(settings, until=enough)


def is_in(sessions: sessionmaker[Session], run_id: int, state: RunState) -> Callable[[], bool]:
    def look() -> bool:
        with sessions() as session:
            return session.get_one(Run, run_id).state == state

    return look


@pytest.mark.one_database
def test_planned_run_is_sent_and_done(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, sender=a_sender(session, identity=SENDER))
        run_id = run.id
        people(session, run.organisation_id, vault, count=30)
    work(settings, is_in(sessions, run_id, RunState.DONE))
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.ACCEPTED: 30}
        references = set(session.scalars(select(Delivery.reference)))
    assert {message["intent"] for message in sandbox.truth()} == references


@pytest.mark.one_database
def test_run_that_cannot_be_planned_holds_up_no_other(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        broken = a_planned_run(session, frozen=frozen(expires_after_minutes="soon"))
        people(session, broken.organisation_id, vault, count=2, prefix="+38050")
        run = a_planned_run(session, sender=a_sender(session, identity=SENDER))
        run_id = run.id
        people(session, run.organisation_id, vault, count=2)
    work(settings, is_in(sessions, run_id, RunState.DONE))
    assert is_in(sessions, broken.id, RunState.PLANNING)()


@pytest.mark.one_database
def test_stopped_and_resumed_queues_are_swept(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        stopped = a_running_run(session, vault, count=5, sender=sender, state=RunState.STOPPED).id
        cancelled = {"send_state": SendState.CANCELLED}
        resumed = a_running_run(session, vault, count=5, sender=sender, deliveries=cancelled).id

    def swept() -> bool:
        with sessions() as session:
            left = progress_of(session, stopped) == {SendState.CANCELLED: 5}
        return left and is_in(sessions, resumed, RunState.DONE)()

    work(settings, swept)
    with sessions() as session:
        assert progress_of(session, resumed) == {SendState.ACCEPTED: 5}


@pytest.mark.one_database
def test_number_that_changed_while_no_worker_lived_is_not_sent(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        run = a_running_run(session, vault, count=3, sender=sender, frozen=frozen({"en": "Call ((hotline))"}))
        run_id = run.id
        service = a_service(session, session.get_one(Organisation, run.organisation_id), verified_on=None)
        session.execute(
            update(RunText).values(service_ids=[service.id], body="Call 116 123", region_id=a_region(session).id)
        )
    work(settings, is_in(sessions, run_id, RunState.PAUSED))
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.QUEUED: 3}


@pytest.mark.one_database
def test_dead_calls_are_reaped_and_settled(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        run_id = a_running_run(session, vault, count=3, sender=sender, frozen=frozen()).id
        dead = {"send_state": SendState.SENDING, "intent_at": minutes_ago(10), "attempts": 1, "token": "t" * 32}
        session.execute(update(Delivery).where(Delivery.run_id == run_id).values(**dead))
    quick = replace(settings, reconcile_grace_seconds=1, reconcile_interval_seconds=1, unconfirmed_after_seconds=3)

    def settled() -> bool:
        with sessions() as session:
            return progress_of(session, run_id) == {SendState.UNCONFIRMED: 3}

    work(quick, settled)
    assert sandbox.truth() == []


@pytest.mark.one_database
def test_reaping_living_calls_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="reap_after_seconds"):
        check_patience(patience_of(replace(settings, reap_after_seconds=30)), Mode.DEMO)


@pytest.mark.one_database
def test_believing_a_list_while_connections_may_be_open_is_refused_to_live_instances(settings: Settings) -> None:
    hasty = patience_of(replace(settings, reconcile_grace_seconds=599))
    check_patience(hasty, Mode.DEMO)
    with pytest.raises(SettingsError, match="reconcile_grace_seconds"):
        check_patience(hasty, Mode.LIVE)


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["worker", "serve"])
def test_live_instance_on_a_careless_server_does_not_start(
    environment: dict[str, str], postgres: PostgresServer, command: str
) -> None:
    if not postgres.can_restart:
        pytest.skip("The server is somebody else's, and durable.")
    engine = make_engine(postgres.create_database())
    metadata.create_all(engine)
    live = {
        "FINGERPOST_MODE": "live",
        "FINGERPOST_RECONCILE_GRACE_SECONDS": "600",
        "FINGERPOST_PUBLIC_URL": "https://console.example.org",
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }
    engine.dispose()
    told = run_commands(command, environ=environment | live)[command]
    assert (told.code, told.out) == (2, "")
    assert "fsync" in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.one_database
def test_impatience_with_workers_is_refused(settings: Settings, postgres: PostgresServer) -> None:
    hasty = replace(settings, database_url=postgres.create_database(), worker_gone_after_seconds=1)
    engine = make_engine(hasty.database_url)
    metadata.create_all(engine)
    engine.dispose()
    with pytest.raises(SettingsError, match="worker_gone_after_seconds"):
        run_worker(hasty, until=lambda: True)


@pytest.mark.one_database
def test_database_without_tables_is_told(settings: Settings, postgres: PostgresServer) -> None:
    with pytest.raises(SettingsError, match="fingerpost setup"):
        run_worker(replace(settings, database_url=postgres.create_database()), until=lambda: True)


@pytest.mark.one_database
def test_worker_whose_tables_are_changed_under_it_ends(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.worker.TABLES_EVERY", 0.2)
    write = text("UPDATE alembic_version SET version_num = :revision")
    with engine.connect() as connection:
        head = connection.scalars(text("SELECT version_num FROM alembic_version")).one()
    upgraded = False

    def upgrade() -> bool:
        nonlocal upgraded
        if not upgraded:
            with engine.begin() as connection:
                connection.execute(write, {"revision": "9999"})
        upgraded = True
        return False

    try:
        with pytest.raises(SettingsError, match="older than its database"):
            work(settings, upgrade)
    finally:
        with engine.begin() as connection:
            connection.execute(write, {"revision": head})


@pytest.mark.one_database
def test_terminated_worker_leaves_nothing_open(
    environment: dict[str, str], sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER, pace=50.0)
        run_id = a_running_run(session, vault, count=2000, sender=sender).id
    command = [sys.executable, "-m", "campaigns.cli", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(sandbox.truth()) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    assert process.wait(15) == 0
    assert time.monotonic() - told < 15
    with sessions() as session:
        progress = progress_of(session, run_id)
    assert set(progress) == {SendState.ACCEPTED, SendState.QUEUED}
    assert progress[SendState.ACCEPTED] == len(sandbox.truth())


@pytest.mark.one_database
def test_wrong_clock_repairs_and_fires_nothing(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    """A call of a moment ago, a message with a day left, tomorrow's schedule, and a clock set two days ahead."""
    tomorrow = minutes_ago(-1440)
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        other = a_sender(session, identity="+447700900101", health=Health.PAUSED)
        called = a_running_run(session, vault, count=1, sender=sender).id
        calling = {"send_state": SendState.SENDING, "intent_at": minutes_ago(0), "attempts": 1, "token": "t" * 32}
        session.execute(update(Delivery).where(Delivery.run_id == called).values(**calling))
        waiting = a_running_run(session, vault, count=1, sender=other, deliveries={"expires_at": tomorrow}).id
    with clock.running_on(lambda: START), sessions.begin() as session:
        schedule = a_story(session, vault).approved()
        # On the clock of its zone as well: what is aimed elsewhere than its time is aimed anew.
        at = tomorrow.replace(second=0, microsecond=0)
        schedule.starts_at = schedule.next_occurrence = at.astimezone(ZoneInfo("Europe/Warsaw")).replace(
            tzinfo=None
        )
        schedule.next_fire_at = at
        firing = schedule.id
    set_by = [timedelta(0)]
    began = time.monotonic()

    def long_enough() -> bool:
        if time.monotonic() > began + 1:
            set_by[0] = timedelta(days=2)
        return time.monotonic() > began + 3.5

    with clock.running_on(lambda: datetime.now(UTC) + set_by[0]):
        work(replace(settings, clock_tick_seconds=1), long_enough)
    with sessions() as session:
        assert progress_of(session, called) == {SendState.SENDING: 1}
        assert progress_of(session, waiting) == {SendState.QUEUED: 1}
        assert session.scalars(select(Run.id).where(Run.schedule_id == firing)).all() == []


@pytest.mark.one_database
def test_wrong_clock_sends_nothing(
    settings: Settings, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    """What is due from tomorrow on is not sent today, on either database."""
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        later = {"due_at": minutes_ago(-1440)}
        tomorrow = a_running_run(session, vault, count=3, sender=sender, deliveries=later).id
        now = a_running_run(session, vault, count=3, sender=sender).id
    set_by, set_at = [timedelta(0)], [math.inf]

    def long_enough() -> bool:
        with sessions() as session:
            if not set_by[0] and progress_of(session, now) == {SendState.ACCEPTED: 3}:
                set_by[0], set_at[0] = timedelta(days=2), time.monotonic()
        return time.monotonic() > set_at[0] + 2

    with clock.running_on(lambda: datetime.now(UTC) + set_by[0]):
        work(settings, long_enough)
    with sessions() as session:
        assert progress_of(session, tomorrow) == {SendState.QUEUED: 3}


@pytest.mark.one_database
def test_broken_repair_keeps_no_other_from_being_done(
    settings: Settings,
    sessions: sessionmaker[Session],
    vault: Vault,
    sandbox: SandboxProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched: list[int] = []
    monkeypatch.setattr(upkeep, "reap", lambda session, reap_after: 1 // 0)
    monkeypatch.setattr(upkeep, "settle_canaries", lambda sessions, rule: watched.append(1))
    with sessions.begin() as session:
        over = {"expires_at": minutes_ago(1)}
        sender = a_sender(session, identity=SENDER, health=Health.PAUSED)
        run_id = a_running_run(session, vault, count=1, sender=sender, deliveries=over).id
    work(settings, lambda: bool(watched))
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.EXPIRED: 1}


@pytest.mark.one_database
def test_what_was_looked_up_is_given_up_although_a_round_fails(
    settings: Settings,
    sessions: sessionmaker[Session],
    vault: Vault,
    sandbox: SandboxProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*arguments: object, **rest: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(upkeep, "reconcile", broken)
    old = {"send_state": SendState.UNKNOWN, "intent_at": minutes_ago(1450), "attempts": 1, "token": "t" * 32}
    with sessions.begin() as session:
        sender = a_sender(session, identity=SENDER)
        run_id = a_running_run(session, vault, count=1, sender=sender, deliveries=old).id
        (delivery_id,) = session.scalars(select(Delivery.id).where(Delivery.run_id == run_id))
        look = {"number": 1, "at": minutes_ago(1400), "outcome": "reconciled", "error": "absent"}
        session.add(Attempt(delivery_id=delivery_id, **look))

    def given_up() -> bool:
        with sessions() as session:
            return progress_of(session, run_id) == {SendState.UNCONFIRMED: 1}

    # A worker that has just begun does not ask yet.
    work(replace(settings, reconcile_interval_seconds=1), given_up)


@pytest.mark.one_database
@pytest.mark.parametrize("hangs", ["send_reports", "read_files"])
def test_neither_mail_server_nor_contact_file_holds_up_a_list(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    """Whoever is on a list of opt-outs said stop."""
    hanging, reading, going = Event(), Event(), Event()

    def hang(*_: object) -> None:
        hanging.set()
        assert going.wait(PATIENCE_SECONDS)

    def read(*_: object) -> int:
        # Whatever is looked at once is read after the other has begun to hang.
        if hanging.is_set():
            reading.set()
            going.set()
        return 0

    monkeypatch.setattr(worker, hangs, hang)
    monkeypatch.setattr(worker, "check_lists", read)
    monkeypatch.setattr(worker, "ESCALATE_EVERY", 0.2)
    work(settings, reading.is_set)
