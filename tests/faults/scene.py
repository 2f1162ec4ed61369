"""An instance for a fault: a database, the sandbox, and workers as real processes to be killed and frozen."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes import crash
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.repair.reconcile import reap
from campaigns.delivery.states import SendState
from campaigns.demo.processes import free_port
from campaigns.planning.models import Run, Sender
from campaigns.staff.models import Organisation
from campaigns.worker import run_worker
from tests import starting
from tests.delivery.builders import a_planned_run, a_running_run, frozen, people
from tests.delivery.serving import ServerProcess
from tests.factories import a_sender, an_organisation
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.web.pages import KEYS

#: Longest that anything is waited for unless a test says otherwise, in seconds.
PATIENCE = 60.0
FINGERPOST = [sys.executable, "-m", "campaigns.cli"]
#: What is still to come.
OPEN = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)


class WorkerProcess:
    """`fingerpost worker` as a process of its own; what it says goes to `log`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._process: starting.Child | subprocess.Popen[bytes] = starting.start(
            "campaigns.cli:main", "worker", environ=environment, log=log
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as `kill -9` does; a frozen one too."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def is_frozen(self) -> bool:
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Tell it to end and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    def said(self, words: str) -> int:
        """Return how often it said something; one that just starts says nothing."""
        if not self.log.exists():
            return 0
        return self.log.read_text(encoding="utf-8", errors="replace").count(words)


#: The provider's senders: each run has one of its own, because a number or name is in use once.
SENDERS = (SENDER, *(f"SCENE{number}" for number in range(1, 64)))


class Scene:
    """Holds what a fault needs; leaving it kills every worker that still runs."""

    def __init__(self, engine: Engine, sandbox: SandboxProcess, folder: Path, **changes: str) -> None:
        """Prepare an instance with little patience; `changes` are further settings."""
        self.sandbox, self.folder = sandbox, folder
        sandbox.call("POST", "fixture", {"senders": [{"address": each} for each in SENDERS]})
        self.engine = engine
        self.sessions = make_sessions(engine)
        self.workers: list[WorkerProcess] = []
        #: Those whose run is still to be planned, where workers begin before that.
        self._organisations: list[int] = []
        self.port = free_port(0)
        values = {
            "mode": "demo",
            "database_url": engine.url.render_as_string(hide_password=False),
            "state_folder": str(folder / "state"),
            "sandbox_url": sandbox.url,
            "public_url": f"http://127.0.0.1:{self.port}",
            "port": str(self.port),
            "hooks_port": "0",
            "secret_twilio": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
            "send_window": "16",
            "clock_tick_seconds": "1",
            "reap_after_seconds": "60",
            "reconcile_grace_seconds": "2",
            "reconcile_interval_seconds": "1",
            # Nobody waits for the first few: what is tested is what becomes of all.
            "canary_people": "0",
            # They last, and many times a day; they pass at night as well.
            "cap_messages": "1000",
            "quiet_hours": "false",
            **changes,
        }
        self.environment = KEYS | {f"FINGERPOST_{name.upper()}": value for name, value in values.items()}
        self.vault: Vault = load_settings(self.environment).vault()

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.kill()

    def start_worker(self, *, crash_at: str = "") -> WorkerProcess:
        """Start one more worker; `crash_at` names where it ends, see `campaigns/core/processes/crash.py`."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        worker = WorkerProcess(self.environment | {crash.VARIABLE: crash_at}, log)
        self.workers.append(worker)
        return worker

    def work(self, enough: Callable[[], bool], *, seconds: float = 150.0) -> None:
        """Let a worker of this process work until `enough()`; fail when nothing moved for so long."""
        check = self.watch(seconds)

        def is_enough() -> bool:
            check()
            return enough()

        run_worker(load_settings(self.environment), until=is_enough)

    def until_over(self, *run_ids: int, seconds: float = PATIENCE) -> None:
        """Return when runs are over; fail when nothing moved for so long."""
        self.wait(lambda: self.is_over(*run_ids), seconds=seconds)

    def settle(self, *run_ids: int) -> None:
        """Return when runs are over; what the dead left is reaped without patience once nobody else calls."""

        def is_at_rest() -> bool:
            before = self.states()
            time.sleep(0.5)
            return not before["queued"] and self.states() == before

        until(is_at_rest, seconds=180, what="rest")
        self.reap()
        self.until_over(*run_ids)

    def reap(self) -> None:
        """Reap every call without a result at once."""
        with self.sessions.begin() as session:
            reap(session, reap_after=timedelta(0))

    def wait(self, enough: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Return when workers have done enough; fail when nothing moved for so long, however busy."""
        check = self.watch(seconds)

        def is_enough() -> bool:
            check()
            return enough()

        until(is_enough, seconds=float("inf"), what="enough")

    def watch(self, seconds: float) -> Callable[[], None]:
        """Return what fails when it is called after so many seconds in which no message and no row moved."""
        deadline = time.monotonic() + seconds
        before: tuple[Counter[str], int] | None = None

        def check() -> None:
            nonlocal deadline, before
            if time.monotonic() > deadline:
                now = self.states(), self.sent()
                assert now != before, f"nothing moves any more: {now}"
                deadline, before = time.monotonic() + seconds, now

        return check

    def bury(self) -> None:
        """Let the time pass after which a cluster gives the lanes of workers that are dead to others."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.begin() as connection:
                connection.execute(
                    text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
                )

    def serve(self) -> ServerProcess:
        """Return the web server, which a `with` block starts and ends."""
        return ServerProcess([*FINGERPOST, "serve"], port=self.port, environ=self.environment)

    def plan(self, count: int, *, pace: float = 10_000.0, prefix: str = "+38067") -> int:
        """Plan a run of another organisation to `count` people over a sender of its own, and return its id.

        It sends again by itself what the provider never had.
        """
        with self.sessions.begin() as session:
            sender = self._sender(session, pace)
            now = clock.now().replace(tzinfo=None)
            prepared = self._organisations[:1]
            whose = {"organisation": session.get_one(Organisation, prepared[0])} if prepared else {}
            del self._organisations[:1]
            facts = {"sender": sender, "frozen": frozen(resend_unknown=True), "occurrence": now}
            run = a_planned_run(session, **facts, **whose)
            people(session, run.organisation_id, self.vault, count=count, prefix=prefix)
            # As an import does: else the plan of a large fan-out is made for empty tables.
            session.execute(text("ANALYZE"))
            self._own(session)
            return run.id

    def plan_sending(self, count: int, *, pace: float = 10_000.0) -> int:
        """Plan a run whose deliveries are queued already, for a test that runs no worker; return its id."""
        with self.sessions.begin() as session:
            sender = self._sender(session, pace)
            run_id: int = a_running_run(session, self.vault, count=count, sender=sender).id
            self._own(session)
            return run_id

    def expect(self, count: int) -> None:
        """Let there be so many organisations, for workers that begin before their runs are planned."""
        with self.sessions.begin() as session:
            self._organisations = [an_organisation(session).id for _ in range(count)]
            self._own(session)

    def _sender(self, session: Session, pace: float) -> Sender:
        """Return a sender with a name that no other has."""
        others = session.scalar(select(func.count()).select_from(Sender)) or 0
        return a_sender(session, identity=SENDERS[others], pace=pace)

    def _own(self, session: Session) -> None:
        """Let the account be that of every organisation there is, as their operator says it."""
        slugs = session.scalars(select(Organisation.slug).order_by(Organisation.id))
        self.environment["FINGERPOST_OWNERS_TWILIO"] = " ".join(slugs)

    def states(self) -> Counter[str]:
        """Return how many deliveries are in each state."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            rows = session.execute(select(Delivery.send_state, func.count()).group_by(Delivery.send_state))
            return Counter(dict(rows.all()))

    def sent(self) -> int:
        """Return how many messages the provider accepted."""
        return int(self.sandbox.invariants()["accepted"])

    def is_over(self, *run_ids: int) -> bool:
        """Say whether every run is done and every receipt of its deliveries is merged."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            going = session.scalar(select(func.count()).where(Run.id.in_(run_ids), Run.finished_at.is_(None)))
            waits = select(Receipt.id).join(Delivery, Delivery.reference == Receipt.reference)
            waiting = session.scalar(waits.where(Receipt.applied_at.is_(None)).limit(1))
        return not going and waiting is None and not any(self.states()[state] for state in OPEN)

    def compare(self, planned: int, *, never_sent: Collection[SendState] = ()) -> dict[str, int]:
        """Hold our rows against the provider's log and return the figures; fail where they differ.

        Each planned person has one row in a final state, and has been written to once, or never where the row is
        in one of the states `never_sent`.
        """
        truth = self.sandbox.whole_truth()
        theirs = {message["intent"]: message["sid"] for message in truth}
        with self.sessions() as session:
            columns = select(Delivery.reference, Delivery.provider_id, Delivery.send_state)
            rows = session.execute(columns).all()
        ours = {row.reference: row.provider_id for row in rows if row.send_state == SendState.ACCEPTED}
        states = Counter(str(row.send_state) for row in rows)
        assert set(states) <= {SendState.ACCEPTED, *never_sent}, states
        assert ours == theirs
        doubles, lost = len(truth) - len(theirs), planned - len(rows)
        assert (doubles, lost) == (0, 0)
        return {"messages": len(truth), "doubles": doubles, "lost": lost}


def until(condition: Callable[[], bool], *, seconds: float = PATIENCE, what: str = "it") -> float:
    """Return the seconds until `condition` held; a database that is away only means that it does not hold yet."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        try:
            if condition():
                return time.monotonic() - began
        except SQLAlchemyError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} seconds")
