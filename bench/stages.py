"""The stages of a large campaign, each run in a process of its own, so that its memory can be told apart.

`python -m bench.stages STAGE FOLDER` does one of them on the instance that the environment describes and prints
what it took as one line of JSON. `bench.million` calls them in turn.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, configure_mappers, sessionmaker

from bench.told import RECEIPTS_EACH, word_of
from campaigns import cli
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions, make_worker_engine
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.delivery.receipts.merge import ReceiptDrain
from campaigns.delivery.receipts.receipt_writer import LARGEST_GROUP, ReceiptIntake
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.places.models import Place
from campaigns.planning.models import Run, RunState, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.reach.counting.ladder import Rung
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.models import RunReach
from campaigns.staff.models import Organisation
from campaigns.worker import run_worker
from tests.delivery.builders import frozen
from tests.factories import a_campaign, a_member, a_run, a_sender, a_service

ORGANISATION = "bench"
CONTACTS_FILE, PLACES_FILE, CALLBACKS_FILE = "contacts.csv", "places.csv", "callbacks.tsv"
#: Parts per second; far above what any machine sends, so that the pace never waits.
NO_LIMIT = 1_000_000.0
TEXTS = {
    "uk": "Тримайте паспорт при собі. Порада: ((hotline))",
    "ru": "Держите паспорт при себе. Совет: ((hotline))",
}


@dataclass(frozen=True, slots=True)
class Instance:
    """The instance that a stage works on."""

    settings: Settings
    database: Engine
    sessions: sessionmaker[Session]
    #: As a worker has them; PostgreSQL plans for its connections in a way of its own.
    worker_sessions: sessionmaker[Session]
    folder: Path


@dataclass(frozen=True, slots=True)
class Timed:
    """What a stage did, and the seconds of that."""

    count: int
    seconds: float


def prepare(instance: Instance) -> int:
    """Bring in the organisation's places through the command that members use; return how many there are."""
    _command("setup")
    _command("organisation", "add", ORGANISATION, "--name", "Bench")
    _command("import", "places", str(instance.folder / PLACES_FILE), "--organisation", ORGANISATION)
    with instance.sessions() as session:
        return session.scalar(select(func.count()).select_from(Place)) or 0


def import_people(instance: Instance) -> int:
    """Import the contact file through the command that members use; return how many people there are."""
    _command("import", "contacts", str(instance.folder / CONTACTS_FILE), "--organisation", ORGANISATION)
    return _count_lines(instance.folder / CONTACTS_FILE) - 1


def plan(instance: Instance) -> int:
    """Fan a run out and return how many deliveries there are."""
    with instance.sessions.begin() as session:
        run_id = _add_run(session).id
    fan_out(instance.worker_sessions, run_id, policy=Policy.of(instance.settings))
    with instance.sessions() as session:
        return session.get_one(Run, run_id).planned


def send(instance: Instance) -> int:
    """Let a worker, as `fingerpost worker` runs it, send the run to its end; return how many were accepted."""

    def is_done() -> bool:
        with instance.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return session.scalars(select(Run.state)).one() == RunState.DONE

    run_worker(instance.settings, until=is_done)
    with instance.sessions() as session:
        accepted = select(func.count()).select_from(Delivery).where(Delivery.provider_id.is_not(None))
        return session.scalar(accepted) or 0


def write_callbacks(instance: Instance) -> int:
    """Write what the provider will say, in an order that has nothing to do with that of the run."""
    count = 0
    with instance.sessions() as session, (instance.folder / CALLBACKS_FILE).open("w") as file:
        for turn in range(RECEIPTS_EACH):
            # References are random, so each further letter gives another order.
            shuffled = select(Delivery.reference, Delivery.provider_id).order_by(
                func.substr(Delivery.reference, 1 + 8 * turn)
            )
            for reference, provider_id in session.execute(shuffled, execution_options={"yield_per": 5000}):
                file.write(f"{reference}\t{provider_id}\t{word_of(reference, turn)}\n")
                count += 1
    return count


def keep_receipts(instance: Instance) -> int:
    """Hand the callbacks to the intake that stands behind the door, a full group at a time."""
    intake = ReceiptIntake(instance.database)
    count = 0
    with (instance.folder / CALLBACKS_FILE).open() as file:
        while group := [update_of(line) for line in islice(file, LARGEST_GROUP)]:
            intake.keep(group, gateway="twilio")
            count += len(group)
    return count


def merge_receipts(instance: Instance) -> int:
    """Merge what waits into the deliveries."""
    return merge_waiting(instance.worker_sessions)


def merge_waiting(sessions: sessionmaker[Session]) -> int:
    """Merge every receipt that waits, as many in a transaction as a worker does, and return how many did."""
    drain, count = ReceiptDrain(), 0
    while not drain.is_over:
        with sessions.begin() as session:
            count += drain.apply(session)
    return count


def roll_up(instance: Instance) -> int:
    """Count the run's reach anew and return how many people it holds, each on the rung that was said last."""
    recount_due(instance.worker_sessions, fresh_for=timedelta(0))
    with instance.sessions() as session:
        totals = select(RunReach.rung, func.sum(RunReach.people)).group_by(RunReach.rung)
        by_rung: dict[Rung, int] = {Rung(rung): people for rung, people in session.execute(totals)}
    assert set(by_rung) <= {Rung.DELIVERED, Rung.CARRIER, Rung.UNDELIVERED}, by_rung
    return sum(by_rung.values())


STAGES: dict[str, Callable[[Instance], int]] = {
    "prepare": prepare,
    "import": import_people,
    "plan": plan,
    "send": send,
    "write_callbacks": write_callbacks,
    "keep_receipts": keep_receipts,
    "merge_receipts": merge_receipts,
    "roll_up": roll_up,
}
#: Those that Fingerpost is measured by; the others prepare what providers and members would bring.
MEASURED = ("import", "plan", "send", "keep_receipts", "merge_receipts", "roll_up")


def resident_peak_megabytes(process: int | str = "self") -> float:
    """Return the largest resident memory that a process has had since it was started, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return round(int(kilobytes) / 1024, 1)


def _command(*words: str) -> None:
    code = cli.main.main(list(words), standalone_mode=False)
    assert not code, words


def _add_run(session: Session) -> Run:
    organisation = session.scalars(select(Organisation).where(Organisation.slug == ORGANISATION)).one()
    a_service(session, organisation, country="EU", number_national="112", verified_on=clock.now().date())
    sender = a_sender(session, identity="FINGERPOST", pace=NO_LIMIT)
    campaign = a_campaign(session, organisation, a_member(session, organisation), sender=sender)
    places = list(session.scalars(select(Place.id)))
    rule = {"place_ids": places, "max_position_age_days": 30}
    content = frozen(
        TEXTS, base_language="uk", rule=rule, fallback_language="uk", zone_policy=ZonePolicy.RECIPIENT
    )
    occurrence = (clock.now() - timedelta(hours=4)).replace(tzinfo=None, second=0, microsecond=0)
    return a_run(
        session, campaign, state=RunState.PLANNING, frozen=content, started_at=None, occurrence=occurrence
    )


def update_of(line: str) -> StatusUpdate:
    """Return what a line of the callbacks' file says."""
    reference, provider_id, status, error = line.rstrip("\n").split("\t")
    raw = {"MessageSid": provider_id, "MessageStatus": status}
    return StatusUpdate(reference=reference, provider_id=provider_id, status=status, error=error or None, raw=raw)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _instance(folder: Path) -> Iterator[Instance]:
    settings = load_settings()
    database = make_engine(settings.database_url)
    workers = make_worker_engine(settings.database_url)
    yield Instance(settings, database, make_sessions(database), make_sessions(workers), folder)
    for each in (workers, database):
        each.dispose()


def do_stage(stages: Mapping[str, Callable[[Instance], int | Timed]]) -> None:
    """Do the one of the stages that the command line names, and print what it took.

    One that prepares something first says itself how many seconds count. The ORM gets ready before, as it has
    long done in a worker.
    """
    name, folder = sys.argv[1:]
    configure_mappers()
    for instance in _instance(Path(folder)):
        started = time.perf_counter()
        found = stages[name](instance)
        whole = time.perf_counter() - started
    count, seconds = (found.count, found.seconds) if isinstance(found, Timed) else (found, whole)
    print(json.dumps({"count": count, "seconds": round(seconds, 3), "peak_mb": resident_peak_megabytes()}))


if __name__ == "__main__":
    do_stage(STAGES)
