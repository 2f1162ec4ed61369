"""A world: workers, provider, people and members on one timeline, from the first message until all is at rest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent import withdraw_everywhere
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.errors import TransitionError
from campaigns.delivery.receipts import store
from campaigns.delivery.service import suppress_addresses
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.firing import resume_run, stop_run
from campaigns.planning.models import Health, Run, RunState, Sender
from tests.factories import NOON
from tests.simulation.database import VAULT, shared_database
from tests.simulation.oracle import Oracle
from tests.simulation.plan import Plan, RunPlan
from tests.simulation.processes import Process, Timeline
from tests.simulation.provider import Provider
from tests.simulation.runs import add_run, handle_of, text_of
from tests.simulation.verdict import check
from tests.simulation.workers import Link, Worker

MEMBER = 1
#: Number of the worker that sends nothing.
KEEPER = 99
#: What is found while receipts wait to be applied, runs to be planned, or cancelled rows to be queued again.
UNSETTLED = (
    "SELECT 1 FROM run WHERE state = 'planning'",
    "SELECT 1 FROM receipt JOIN delivery USING (reference) WHERE applied_at IS NULL",
    "SELECT 1 FROM run JOIN delivery ON run_id = run.id WHERE state = 'running' AND send_state = 'cancelled'",
)
#: What waits for a member.
_PAUSED = ("SELECT 1 FROM sender WHERE health = 'paused'", "SELECT 1 FROM run WHERE state = 'paused'")
#: After a fault ends, sending resumes within so many seconds (D12).
RESUMES_WITHIN = 60.0


@dataclass(slots=True)
class Outcome:
    """What became of one world."""

    plan: Plan
    broken: list[str]
    trace: list[tuple[float, str, str]]
    states: dict[str, int]
    #: Messages accepted beyond what was promised.
    doubles: int
    counts: Counter[str] = field(default_factory=Counter)


class World:
    """Everything that one seed lets happen."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = Random(f"world {plan.seed}")
        self.timeline = Timeline(self.chance)
        self.timeline.strike = self._strike
        self.database = shared_database()
        self.database.reset()
        self.oracle = Oracle(self.timeline, self.database)
        self.database.on_move = self.oracle.moved
        self.provider = Provider(
            self.timeline,
            self.oracle,
            self.chance,
            plan.provider,
            plan.receipts,
            post=self._post,
            now=self.now,
        )
        self.counts: Counter[str] = Counter()
        self.is_calm = self._is_quiet = False
        #: Moves of runs that the plan still has in store.
        self._outstanding = 0
        self._posted: list[StatusUpdate] = []
        self.told = 0
        #: The workers by their number; a killed one is followed by another with the same number.
        self._workers: dict[int, Worker] = {}

    def now(self) -> datetime:
        """Return the time as the clock of whoever asks shows it."""
        current = self.timeline.current
        error = current.clock_error if current is not None else 0.0
        return NOON + timedelta(seconds=self.timeline.now + error)

    def live(self) -> Outcome:
        """Let everything happen and return what became of it."""
        with clock.running_on(self.now), _faults_noted(self.oracle):
            self._set_up()
            self._be_busy()
            self._be_calm()
            if not self.oracle.broken:
                check(self)
            for worker in list(self._workers.values()):
                self.timeline.end(worker.process)
        self.counts.update(
            messages=len(self.oracle.people), accepted=len(self.oracle.messages), steps=self.timeline.steps
        )
        states = {str(state): count for state, count in self.oracle.counts.items() if count}
        oracle = self.oracle
        return Outcome(self.plan, oracle.broken, oracle.trace, states, oracle.doubles(), self.counts)

    def _set_up(self) -> None:
        with self.database.sessions.begin() as session:
            session.execute(update(Sender).values(pace=self.plan.pace))
            self._limit_senders(session)
            unreadable = Address.contact_id.in_(self.plan.damaged), Address.channel == Channel.SMS
            session.execute(update(Address).where(*unreadable).values(ciphertext=b"damaged"))
        plan = self.plan
        self._outstanding = len(plan.runs) + sum(1 if until is None else 2 for _, _, until in plan.stops)
        for number, run in enumerate(plan.runs):
            self.timeline.at(run.starts_at, partial(self._begin_run, number, run))
        for when, contact, channel in plan.opt_outs:
            self.timeline.at(when, partial(self._opt_out, contact, channel))
        for when, number, until in plan.stops:
            self.timeline.at(when, partial(self._move_run, number, RunState.STOPPED))
            if until is not None:
                self.timeline.at(until, partial(self._move_run, number, RunState.RUNNING))
        for whose, start, end in plan.cuts:
            self.timeline.at(start, partial(self._cut, whose))
            self.timeline.at(end, partial(self._mend, whose))
        for when, whose, error in plan.jumps:
            self.timeline.at(when, partial(self._jump, whose, error))
        for when in plan.restarts:
            self.timeline.at(when, lambda: self.restart_worker(self.chance.randrange(self.plan.workers)))
        for number in range(plan.receipts.strangers):
            stranger = StatusUpdate(f"stranger{number}", f"XX{number}", "delivered", None)
            self.timeline.at(number * 10.0, partial(self._post, stranger))
        for number in range(plan.workers):
            self._start_worker(number)

    def _limit_senders(self, session: Session) -> None:
        plan = self.plan
        for sender_id, most in plan.daily_limits.items():
            session.execute(update(Sender).where(Sender.id == sender_id).values(daily_limit=most))
            # What each other worker may have claimed since the last count.
            beyond = (plan.workers - 1) * 2 * plan.window
            self.oracle.limits[sender_id] = most + beyond
        self.database.has_limits = bool(plan.daily_limits)

    def _be_busy(self) -> None:
        """Let everything happen that the plan says, until nothing is left to do."""
        most = 10 * self.plan.busy_seconds + 400.0
        while self.timeline.now < self.plan.busy_seconds or not self.oracle.at_rest() or self._sleepers():
            if self._is_over() or self.timeline.now > most:
                return
            self._revive_all()
            if self.timeline.run(self._is_idle, limit=self.plan.busy_seconds):
                self._keep_quiet(60.0)

    def _be_calm(self) -> None:
        """Mend everything, and see that it comes to rest by itself."""
        self._mend_everything()
        self._check_that_it_resumes()
        for _ in range(20):
            self._switch_on()
            if not self.oracle.at_rest():
                self._revive_all()
                self.timeline.run(self._is_idle, limit=400.0)
            if self._is_over() or self._is_settled():
                return
            before = self.oracle.last_at
            self._keep_quiet(2000.0)
            if self.oracle.last_at == before and not self._is_settled():
                break
        self.oracle.blame("D3: it does not come to rest")

    def _mend_everything(self) -> None:
        self.is_calm = True
        self.oracle.note("everything is mended")
        self._mend(None)
        for process in self.timeline.processes:
            process.fuse, process.clock_error = None, 0.0
            self._wake(process)
        self.provider.calm()
        self._lift_limits()
        self._switch_on()
        self._revive_all()

    def _lift_limits(self) -> None:
        """Do what a member does whose provider lets them send more, so that nobody has to wait for a day."""
        self.oracle.limits.clear()
        self.database.has_limits = False
        if self.plan.daily_limits:
            with self.database.sessions.begin() as session:
                session.execute(update(Sender).values(daily_limit=None))

    def _check_that_it_resumes(self) -> None:
        """D12: after the faults have ended, what is due is called again within a minute."""
        waits = (
            "SELECT 1 FROM delivery JOIN run ON run.id = run_id WHERE state = 'running' AND send_state = 'queued'"
        )
        moment = f"{self.now():%Y-%m-%d %H:%M:%S.%f}"
        if self.database.one(f"{waits} AND due_at <= ? AND expires_at > ?", moment, moment) is None:
            return
        began = self.oracle.last_call_at

        def is_resumed() -> bool:
            return self._is_over() or self.oracle.last_call_at > began or not self.oracle.counts[SendState.QUEUED]

        if not self.timeline.run(is_resumed, limit=RESUMES_WITHIN):
            self.oracle.blame(f"D12: nothing was called within {RESUMES_WITHIN:.0f} s")

    def _is_over(self) -> bool:
        return bool(self.oracle.broken)

    def _is_idle(self) -> bool:
        """Say whether nobody who is awake has anything to send or to wait for, now or by the plan."""
        if self._is_over():
            return True
        if (
            self.oracle.counts[SendState.QUEUED]
            or self._outstanding
            or self.timeline.now < self.oracle.last_at + 5.0
        ):
            return False
        calls = self.provider.open_calls
        return not any(calls[process.name] for process in self.timeline.processes if not process.is_paused)

    def _is_settled(self) -> bool:
        """Say whether nothing is left to do for anybody, and nothing more will come."""
        if not self.oracle.at_rest() or self.oracle.counts[SendState.UNKNOWN] or not self.timeline.is_empty():
            return False
        return not any(self.database.one(statement) for statement in UNSETTLED)

    def _sleepers(self) -> list[Process]:
        return [process for process in self.timeline.processes if process.is_paused]

    def _keep_quiet(self, limit: float) -> None:
        """Let time pass while nobody but one keeper of the house is awake: idle engines cost steps for nothing."""
        for number, worker in list(self._workers.items()):
            if not worker.process.is_paused:
                self._stop_worker(number)
        self._start_worker(KEEPER)
        self._is_quiet = True
        asleep = len(self._sleepers())

        def is_news() -> bool:
            return (
                self._is_over()
                or self.oracle.counts[SendState.QUEUED] > 0
                or len(self._sleepers()) < asleep
                or (self.is_calm and self._is_settled())
            )

        self.timeline.run(is_news, limit=limit)
        self._is_quiet = False
        self._stop_worker(KEEPER)

    def _revive_all(self) -> None:
        for number in range(self.plan.workers):
            self._revive(number)

    def _switch_on(self) -> None:
        """Do what a member does: use senders again, resume what the engine paused."""
        if not any(self.database.one(statement) for statement in _PAUSED):
            return
        with self.database.sessions.begin() as session:
            session.execute(update(Sender).where(Sender.health == Health.PAUSED).values(health=Health.WELL))
            for run in session.scalars(select(Run).where(Run.state == RunState.PAUSED)):
                resume_run(session, run, by=MEMBER)

    def _begin_run(self, number: int, plan: RunPlan) -> None:
        self._outstanding -= 1
        with self.database.sessions.begin() as session:
            self.oracle.run_of_text[text_of(number + 1)] = number + 1
            if plan.is_rehearsal:
                self.oracle.rehearsals.add(number + 1)
            add_run(session, number + 1, plan, self.now())

    def _opt_out(self, contact_id: int, channel: str) -> None:
        if self._cut_off(None):
            self.timeline.after(5.0, partial(self._opt_out, contact_id, channel))
            return
        handle = handle_of(channel, contact_id)
        with self.database.sessions.begin() as session:
            lookup = VAULT.lookup_hash(channel, handle)
            stopped = withdraw_everywhere(
                session,
                lookup,
                channel,
                method="keyword",
                wording="STOP",
                at=self.now(),  # type: ignore[arg-type]
            )
            suppress_addresses(session, stopped)
        self.oracle.withdrawn_at.setdefault(handle, self.timeline.now)
        self.oracle.note("OPT-OUT", f"person {contact_id} on {channel}")
        left = self.database.one(
            "SELECT count(*) FROM delivery AS d JOIN run ON run.id = run_id WHERE contact_id = ? AND d.channel = ?"
            " AND send_state = 'queued' AND state NOT IN ('stopped', 'done')",
            contact_id,
            channel,
        )
        if left[0]:
            self.oracle.blame(f"D5: {left[0]} deliveries to person {contact_id} are queued after their opt-out")

    def _move_run(self, number: int, state: RunState) -> None:
        self._outstanding -= 1
        run_id = number + 1
        if self._cut_off(None) or self.database.one("SELECT 1 FROM run WHERE id = ?", run_id) is None:
            return
        try:
            with self.database.sessions.begin() as session:
                run = session.get_one(Run, run_id)
                if state == RunState.STOPPED:
                    stop_run(session, run, by=MEMBER, reason="")
                else:
                    resume_run(session, run, by=MEMBER)
        except TransitionError:
            return
        self.oracle.note(f"run is {state}", f"run {run_id}")
        if state == RunState.STOPPED:
            self.oracle.stopped_at[run_id] = self.timeline.now
        else:
            self.oracle.stopped_at.pop(run_id, None)

    def _post(self, update: StatusUpdate) -> None:
        """Take in a receipt; a group is committed together, and only then answered."""
        if not self._posted:
            self.timeline.after(self.chance.uniform(0.01, 2.0), self._store)
        self._posted.append(update)

    def _store(self) -> None:
        if self._cut_off(None):
            # The provider posts them again.
            self.timeline.after(5.0, self._store)
            return
        posted, self._posted = self._posted, []
        with self.database.sessions.begin() as session:
            store(session, posted, gateway="memory")
        self.told += len(posted)
        self.oracle.note(f"{len(posted)} receipts stored")

    def _start_worker(self, number: int) -> Worker:
        process = self.timeline.start(f"worker {number}")
        if self.plan.blow_steps is not None and not self.is_calm and number != KEEPER:
            process.fuse = self._fuse()
        link = Link(
            self.timeline,
            self.chance,
            is_cut=lambda: self._cut_off(process.name),
            lost_commits=0.0 if self.is_calm else self.plan.lost_commits,
            broken_off=0.0 if self.is_calm else self.plan.broken_off,
        )
        window = None if number == KEEPER else self.plan.window
        worker = self._workers[number] = Worker(process, link, self.database, self.provider, window=window)
        self.oracle.note("starts", process.name)
        return worker

    def _stop_worker(self, number: int) -> None:
        """Tell a worker to stop, and wait until it is gone; nothing strikes it meanwhile."""
        worker = self._workers.get(number)
        if worker is None:
            return
        worker.process.fuse = None
        worker.stopping.set()
        self.timeline.run(lambda: worker.task.done() or worker.process.is_dead, limit=20.0)
        if self._workers.get(number) is worker:
            self._end_worker(number)

    def _end_worker(self, number: int) -> None:
        worker = self._workers.pop(number)
        if worker.process.faults or (worker.task.done() and worker.task.exception() is not None):
            self.oracle.blame(f"the worker broke: {worker.process.faults} {worker.task}")
        self.timeline.end(worker.process)

    def _strike(self, process: Process) -> None:
        """Kill a process, or let it sleep, and let it go on (or another begin) later."""
        number = _number_of(process)
        if self.chance.random() < self.plan.pauses:
            process.fuse = self._fuse()
            self.put_to_sleep(number, self.chance.uniform(1.0, self.plan.longest_pause))
            return
        self.counts["crashes"] += 1
        self.oracle.note("KILLED", process.name)
        self._workers.pop(number)
        self.timeline.end(process)
        self.timeline.after(self.chance.uniform(0.0, 10.0), partial(self._revive, number))

    def put_to_sleep(self, number: int, seconds: float) -> None:
        """Pause a worker as SIGSTOP does."""
        process = self._workers[number].process
        self.counts["pauses"] += 1
        self.oracle.note(f"sleeps {seconds:.0f} s", process.name)
        process.is_paused = True
        self.timeline.after(seconds, partial(self._wake, process))

    def number_at_work(self) -> int:
        """Return the number of the worker whose step this is."""
        assert self.timeline.current is not None
        return _number_of(self.timeline.current)

    def wake_all(self) -> None:
        """Let every paused worker go on, as after SIGCONT."""
        for process in self.timeline.processes:
            self._wake(process)

    def _fuse(self) -> int:
        return 1 + int(self.chance.expovariate(1 / (self.plan.blow_steps or 1.0)))

    def _revive(self, number: int) -> None:
        if number not in self._workers and not self._is_quiet:
            self._start_worker(number)

    def _wake(self, process: Process) -> None:
        if process.is_paused:
            process.is_paused = False
            process.wake_due()
            self.oracle.note("wakes", process.name)

    def restart_worker(self, number: int) -> None:
        """Tell a worker to stop; another begins when it is gone."""
        worker = self._workers.get(number)
        if worker is not None and not worker.stopping.is_set():
            worker.process.call_soon(worker.stopping.set)
            self.oracle.note("told to stop", worker.process.name)
            self.timeline.after(15.0, partial(self._replace, number, worker))

    def _replace(self, number: int, worker: Worker) -> None:
        if self._workers.get(number) is worker:
            if not worker.process.is_paused and not worker.task.done():
                self.oracle.blame(f"{worker.process.name} did not stop within 15 s")
            self._end_worker(number)
            self._start_worker(number)

    def _cut(self, whose: int | None) -> None:
        for name in self._names(whose):
            self.oracle.cut_since.setdefault(name, self.timeline.now)
        self.oracle.note("the database is out of reach", ", ".join(self._names(whose)))

    def _mend(self, whose: int | None) -> None:
        for name in self._names(whose):
            if self.oracle.cut_since.pop(name, None) is not None:
                self.oracle.note("the database is back", name)

    def _names(self, whose: int | None) -> list[str]:
        everybody = [f"worker {number}" for number in range(self.plan.workers)] + ["web"]
        return everybody if whose is None else [f"worker {whose}"]

    def _cut_off(self, name: str | None) -> bool:
        return (name or "web") in self.oracle.cut_since

    def _jump(self, whose: int, error: float) -> None:
        worker = self._workers.get(whose)
        if worker is not None and not self.is_calm:
            worker.process.clock_error = error
            self.oracle.note(f"clock is {error:+.0f} s wrong", worker.process.name)


def _number_of(process: Process) -> int:
    return int(process.name.split()[1])


@contextmanager
def _faults_noted(oracle: Oracle) -> Iterator[None]:
    """Keep the log quiet, but write errors into the trace: a lane or a call that breaks is no promise kept."""
    logger, handler = logging.getLogger("campaigns"), _Notes(oracle)
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
        logger.setLevel(level)


class _Notes(logging.Handler):
    def __init__(self, oracle: Oracle) -> None:
        super().__init__(logging.ERROR)
        self._oracle = oracle

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        self._oracle.note("error", words)
        if "broke" in words or "refused; writing" in words:
            self._oracle.blame(f"{words}: {record.exc_info[1] if record.exc_info else None!r}")
