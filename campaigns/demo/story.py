"""The demo, from an empty folder to reach per region: all parts run as in production but for the provider."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import time
from itertools import cycle
from pathlib import Path
from threading import Event

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.models import Receipt
from campaigns.delivery.progress import Progress, progress_of_run
from campaigns.demo import scenario, stage
from campaigns.demo.instance import Addresses, environment_of, start_sandbox
from campaigns.demo.processes import Processes, free_port
from campaigns.demo.report import progress_line, reach_table, reasons_lines, say
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.planning.models import Run, RunState
from campaigns.reach.queries import table_of_run
from campaigns.reach.service import recount_run
from campaigns.schema import migrate
from campaigns.verifying import verify_run_with_provider

WEB_PORT, SANDBOX_PORT = 8000, 8081
#: How long the whole run may take before the demo gives up, in seconds.
PATIENCE_SECONDS = 900
LOOK_SECONDS = 2.0


def tell(folder: Path, *, people: int, then_exit: bool) -> int:
    """Tell the story in `folder`, which is emptied first; the exit code is 0 if nothing differed in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    addresses = Addresses(
        web=f"http://127.0.0.1:{free_port(WEB_PORT)}",
        sandbox=f"http://127.0.0.1:{free_port(SANDBOX_PORT)}",
        control_token=secrets.token_urlsafe(16),
    )
    environment = environment_of(folder, addresses)
    settings = load_settings(os.environ | environment)
    engine = make_engine(settings.database_url)
    migrate(engine)
    sessions = make_sessions(engine)
    say(
        f"Fingerpost, {scenario.LABEL}: invented people on real routes. Every hotline must be verified before use."
    )
    with Processes(environment, folder / "logs") as processes:
        control = start_sandbox(processes, addresses, settings)
        cast = set_the_scene(sessions, settings, people)
        processes.start("web", "serve")
        processes.start("worker", "worker")
        processes.wait_for(f"{addresses.web}/health")
        run_id = _watch(sessions, processes, control=control, settings=settings, people=people)
        agrees = _conclude(sessions, settings, run_id=run_id, control=control)
        _say_where(addresses, cast)
        if not then_exit:
            _stay(processes)
    return 0 if agrees else 1


def set_the_scene(sessions: sessionmaker[Session], settings: Settings, people: int) -> stage.Cast:
    """Do what members do before a run: places, services, people, message, campaign, approval."""
    with sessions.begin() as session:
        cast = stage.hire(session)
    with sessions.begin() as session:
        places, routes = stage.mark_places(session, cast)
        verified = stage.list_services(session, cast)
    say(f"  {places} places and {routes} routes marked; {verified} services verified (simulated).")
    with sessions.begin() as session:
        stage.gather_people(session, cast, count=people, vault=settings.vault(), settings=settings)
    say(f"  {people:,} invented people imported along the routes.")
    with sessions.begin() as session:
        message = stage.write_message(session, cast)
        campaign = stage.plan(session, cast, message)
        starts_at = stage.approve(session, cast, campaign)
    say(f"  Message written in {len(scenario.message_texts())} languages; a second member reviewed and approved.")
    say(f"  It is sent at {starts_at:%H:%M} on the clocks of {scenario.TIME_ZONE}; the scheduler waits for it.")
    return cast


def _watch(
    sessions: sessionmaker[Session],
    processes: Processes,
    *,
    control: SandboxControl,
    settings: Settings,
    people: int,
) -> int:
    """Print progress until the run is done; let some people say stop while it runs. Return the run's id."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    stops_left, said = round(people * scenario.STOP_SHARE), ""
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        processes.check()
        run, progress = _look(sessions)
        if run is None:
            continue
        if run.state in (RunState.HELD, RunState.PAUSED, RunState.STOPPED):
            raise UnavailableError(f"The run is {run.state}: {run.reason}")
        if stops_left and progress.done > people // 10:
            _let_some_stop(control, sessions, settings.vault(), count=stops_left)
            say(f"  {stops_left} people say stop, in several languages: {', '.join(scenario.STOP_WORDS)}")
            stops_left = 0
        line = progress_line(progress.by_state, progress.planned)
        if line != said:
            say(line)
            said = line
        if run.state == RunState.DONE and progress.done == progress.planned and not stops_left:
            return run.id
    raise UnavailableError(f"The run did not end within {PATIENCE_SECONDS} seconds; the logs say why.")


def _look(sessions: sessionmaker[Session]) -> tuple[Run | None, Progress]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        run = session.scalars(select(Run).order_by(Run.id)).first()
        return run, progress_of_run(session, run, now=clock.now()) if run else Progress(by_state={})


def _let_some_stop(control: SandboxControl, sessions: sessionmaker[Session], vault: Vault, *, count: int) -> None:
    """Let people say stop: half of them have the message already, half wait for it at the end of the queue."""
    received = control.accepted_numbers(count // 2)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        last = session.execute(
            select(Address.id, Address.ciphertext).order_by(Address.id.desc()).limit(count - len(received))
        )
        waiting = [
            vault.open(sealed, table="address", column="ciphertext", row_id=address_id)
            for address_id, sealed in last
        ]
    for number, word in zip([*received, *waiting], cycle(scenario.STOP_WORDS), strict=False):
        control.say(sender=number, to=scenario.SENDER_IDENTITY, text=word, opt_out=True)


def _conclude(
    sessions: sessionmaker[Session], settings: Settings, *, run_id: int, control: SandboxControl
) -> bool:
    """Print reach per region and compare our rows with the provider's list; return whether nothing differs."""
    _let_receipts_arrive(sessions, control)
    with sessions.begin() as session:
        recount_run(session, run_id)
        reach = table_of_run(session, session.get_one(Run, run_id))
    say(f"\nReach per region, run {run_id}:\n")
    say(reach_table(reach))
    for line in reasons_lines(reach):
        say(line)
    report = asyncio.run(verify_run_with_provider(settings, run_id))
    for line in report.lines():
        say(line)
    truth = control.invariants()
    most, late = int(truth["accepted_per_intent"]["max"]), truth["accepted_after_optout_s"]["max"]
    say(f"The sandbox's own log: at most {most} acceptance for each person.")
    say(f"  {truth['opted_out']} people said stop; the last message to any of them began {late:.1f} s after it.")
    return report.agrees and most <= 1


def _let_receipts_arrive(sessions: sessionmaker[Session], control: SandboxControl) -> None:
    """Wait until the sandbox has nothing left to tell and every receipt has met its delivery."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        pending = control.invariants()["pending"]
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            waiting = session.scalar(select(func.count()).where(Receipt.applied_at.is_(None)))
        if not any(pending.values()) and not waiting:
            return
        time.sleep(LOOK_SECONDS)


def _say_where(addresses: Addresses, cast: stage.Cast) -> None:
    say(f"\nConsole: {addresses.web}   phones that received: {addresses.sandbox}")
    for email, password in cast.sign_ins:
        say(f"  sign in as {email} with {password}")


def _stay(processes: Processes) -> None:
    """Stay up until Ctrl-C or SIGTERM, or until a part ends by itself."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    say("Ctrl-C ends it.")
    while not ended.wait(LOOK_SECONDS):
        processes.check()
