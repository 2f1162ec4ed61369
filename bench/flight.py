"""A worker in full flight: `fingerpost worker` and a sandbox as processes, and runs for it as fast as it sends."""

from __future__ import annotations

import base64
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Engine, String, func, insert, literal, select, text
from sqlalchemy.orm import Session, sessionmaker

from bench.harness import fresh_database
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.delivery.lanes.lane_jobs import enqueue_lanes
from campaigns.delivery.models import Delivery, RunText, RunZone
from campaigns.delivery.queries import in_state
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import SendState
from campaigns.demo.processes import Processes
from campaigns.inbox.incoming.receivers import Account
from campaigns.planning.models import Campaign, Run, RunState, Sender
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import FAR, addressed_people, frozen
from tests.factories import NOON, a_campaign, a_member, a_run, a_sender, an_organisation
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess

#: Parts per second; far above what any machine sends, so that the pace never waits.
NO_LIMIT = 1_000_000.0
#: People of the organisation that sends in full flight; a larger run writes to each of them more than once.
PEOPLE = 20_000
#: People of the other one, which corrects something, by the prefix of their numbers.
CORRECTED, CORRECTED_PREFIX = 200, "+38050"
PATIENCE_SECONDS = 60
#: Short names of the organisations that share the account.
OWNERS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Owner:
    """An organisation that sends: its campaign, and a member who may do everything."""

    organisation_id: int
    campaign_id: int
    member_id: int
    #: Address id of each handle.
    addresses: Mapping[str, int]

    @property
    def account(self) -> Account:
        """What people write to it over."""
        return Account("twilio", DEFAULTS.account_sid, ("twilio",), frozenset({self.organisation_id}))


@dataclass(frozen=True, slots=True)
class Flight:
    """The instance that is measured."""

    sessions: sessionmaker[Session]
    vault: Vault
    sandbox: SandboxProcess
    processes: Processes
    #: Process id of the worker.
    worker: int
    #: Who sends much, and who corrects.
    sending: Owner
    correcting: Owner

    def add_run(self, owner: Owner, *, people: int) -> int:
        """Add a held run with a queued delivery for each of `people` and a text of its own."""
        with self.sessions.begin() as session:
            run = a_run(session, session.get_one(Campaign, owner.campaign_id), state=RunState.HELD)
            run.frozen = frozen()
            words = RunText(run_id=run.id, language="en", body=body_of(run.id), parts=1)
            session.add(words)
            session.add(RunZone(run_id=run.id, time_zone="Europe/Warsaw", due_at=NOON, expires_at=FAR))
            session.flush()
            run.planned = _add_deliveries(session, run, words.id, people=people, known=len(owner.addresses))
            return run.id

    def start(self, run_id: int) -> None:
        """Let a held run be sent."""
        with self.sessions.begin() as session:
            run = session.get_one(Run, run_id)
            run.state, run.started_at = RunState.RUNNING, clock.now()
            enqueue_lanes(session, {(run.sender_id, False)})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that reads beside the worker's writing."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            yield session

    def count(self, run_id: int, state: SendState) -> int:
        """Count the deliveries of a run in one state."""
        with self.reading() as session:
            counted = select(func.count()).where(Delivery.run_id == run_id, in_state(state))
            return session.scalar(counted) or 0

    def accepted(self) -> int:
        """Return how many messages the sandbox accepted so far."""
        number: int = self.sandbox.invariants()["accepted"]
        return number

    def truth_to(self, handles: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the sandbox accepted for some people."""
        return [message for handle in handles for message in self.sandbox.truth(to=handle)]

    def wait(self, until: Callable[[], bool], *, patience: float = PATIENCE_SECONDS) -> None:
        """Return when `until()` is true; fail when it takes over `patience` seconds or a process has ended."""
        deadline = time.monotonic() + patience
        while not until():
            self.processes.check()
            if time.monotonic() > deadline:
                raise TimeoutError("The worker does not get on.")
            time.sleep(0.02)

    def fly(self, messages: int) -> None:
        """Return once `messages` more messages are accepted."""
        enough = self.accepted() + messages
        self.wait(lambda: self.accepted() >= enough)


@contextmanager
def flight(kind: str, *, provider: type[SandboxProcess] = SandboxProcess) -> Iterator[Flight]:
    """Yield a worker that waits for runs, on a new database of `kind`, with a sandbox that calls nobody back.

    Another `provider` may stand in its place.
    """
    with fresh_database(kind) as database, flight_on(database, provider=provider) as flown:
        yield flown


@contextmanager
def flight_on(
    database: Engine, *, provider: type[SandboxProcess], keys: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Flight]:
    """Do the same on a database that has its tables; what is there already was sealed with `keys`, as settings."""
    with tempfile.TemporaryDirectory(prefix="fingerpost-bench-") as folder, provider() as sandbox:
        sandbox.fixture(suffixes=False, profile={"callback": {"lose_p": 1.0}})
        environment = _environment(database.url.render_as_string(hide_password=False), sandbox.url) | dict(keys)
        vault, sessions = load_settings(environment).vault(), make_sessions(database)
        with sessions.begin() as session:
            sender_id = a_sender(session, identity=SENDER, pace=NO_LIMIT).id
            sending = an_owner(session, vault, sender_id, people=PEOPLE, prefix="+38067")
            correcting = an_owner(session, vault, sender_id, people=CORRECTED, prefix=CORRECTED_PREFIX)
            session.execute(text("ANALYZE"))
        with Processes(environment, Path(folder) / "logs") as processes:
            worker = processes.start("worker", "worker")
            yield Flight(sessions, vault, sandbox, processes, worker, sending, correcting)


def body_of(run_id: int) -> str:
    """Return the text of a run, by which the sandbox's log tells runs apart."""
    return f"Run {run_id}: keep your passport."


def an_owner(session: Session, vault: Vault, sender_id: int, *, people: int, prefix: str) -> Owner:
    """Add one of `OWNERS`, which sends over one sender to people whose numbers begin with `prefix`."""
    taken = set(session.scalars(select(Organisation.slug)))
    organisation = an_organisation(session, slug=next(slug for slug in OWNERS if slug not in taken))
    member = a_member(session, organisation, *Role)
    campaign = a_campaign(session, organisation, member, sender=session.get_one(Sender, sender_id))
    found = addressed_people(session, organisation.id, vault, count=people, prefix=prefix)
    addresses = {f"{prefix}{number:07}": address for number, address in enumerate(found.values(), start=1)}
    return Owner(organisation.id, campaign.id, member.id, addresses)


def _add_deliveries(session: Session, run: Run, text_id: int, *, people: int, known: int) -> int:
    """Queue deliveries to everybody who may be written to, as often as it takes, to invented contacts then."""
    copies = _numbers(-(-people // known))
    values: dict[str, Any] = {
        "run_id": literal(run.id, BigInteger()),
        "contact_id": Address.contact_id + copies.c.number * 10_000_000,
        "address_id": Address.id,
        "channel": literal(Channel.SMS.value, String()),
        "sender_id": literal(run.sender_id, BigInteger()),
        "text_id": literal(text_id, BigInteger()),
        "region_id": literal(0, BigInteger()),
        "send_state": literal(SendState.QUEUED.value, String()),
        "reference": new_reference(is_rehearsal=False),
        "attempts": literal(0),
        "due_at": RunZone.due_at,
        "expires_at": RunZone.expires_at,
    }
    rows = (
        select(*values.values())
        .join_from(Address, RunZone, RunZone.run_id == run.id)
        .join(copies, literal(True))
        .where(Address.organisation_id == run.organisation_id, Address.state == AddressState.ACTIVE)
        .limit(people)
    )
    session.execute(insert(Delivery).from_select(list(values), rows))
    return session.scalar(select(func.count()).where(Delivery.run_id == run.id)) or 0


def _numbers(last: int) -> Any:
    """Return the numbers from 0 to `last` - 1 as a table."""
    first = select(literal(0, BigInteger()).label("number")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.number + 1).where(first.c.number < last - 1))


def _environment(database_url: str, sandbox_url: str) -> dict[str, str]:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": database_url,
        "FINGERPOST_SANDBOX_URL": sandbox_url,
        "FINGERPOST_PUBLIC_URL": "http://127.0.0.1:9",
        "FINGERPOST_ENCRYPTION_KEYS": f"1:{key()}",
        "FINGERPOST_STARTS_SANDBOX": "false",
        "FINGERPOST_LOOKUP_KEY": key(),
        "FINGERPOST_SECRET_KEY": secrets.token_urlsafe(48),
        "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "FINGERPOST_OWNERS_TWILIO": " ".join(OWNERS),
        "FINGERPOST_LOG_LEVEL": "WARNING",
        "FINGERPOST_CANARY_PEOPLE": "0",
    }
