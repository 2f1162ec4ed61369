"""A world: workers, provider, people and members on one timeline, from the first message until all is at rest."""

from __future__ import annotations

from functools import partial

from campaigns.delivery.receipts.merge import store
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import StatusUpdate
from tests.simulation.chores import CANARY
from tests.simulation.crew import KEEPER, Crew
from tests.simulation.database import shared_database
from tests.simulation.inbound import Mailbox
from tests.simulation.oracle import DatabaseOracle
from tests.simulation.people import People
from tests.simulation.plan import CLOCK_ERROR, Plan
from tests.simulation.restore import Archive
from tests.simulation.stage import Outcome, Stage
from tests.simulation.verdict import check
from tests.simulation.workers import DatabaseWorker

#: What is found while receipts wait to be applied, runs to be planned, or cancelled rows to be queued again.
UNSETTLED = (
    "SELECT 1 FROM run WHERE state = 'planning'",
    "SELECT 1 FROM receipt JOIN delivery USING (reference) WHERE applied_at IS NULL",
    "SELECT 1 FROM run JOIN delivery ON run_id = run.id WHERE state = 'running' AND send_state = 'cancelled'",
)
#: Runs whose open canary has nothing left to do over a sender that works, while over one something else is due.
_HELD_UP = (
    "WITH open AS (SELECT d.* FROM delivery AS d JOIN sender ON sender.id = d.sender_id"
    " WHERE send_state IN ('queued', 'sending') AND health <> 'paused' AND daily_limit IS NULL)"
    " SELECT 1 FROM run JOIN run_canary AS c ON c.run_id = run.id"
    " WHERE run.state = 'running' AND c.state IN ('sending', 'waiting')"
    " AND NOT EXISTS (SELECT 1 FROM canary_delivery AS a JOIN open ON open.id = delivery_id"
    " WHERE a.run_id = run.id)"
    " AND EXISTS (SELECT 1 FROM open WHERE run_id = run.id AND due_at <= ? AND expires_at > ?)"
)
_QUEUED = "SELECT 1 FROM delivery WHERE reference = ? AND send_state = 'queued'"
#: After a fault ends, sending resumes within so many seconds (D12).
RESUMES_WITHIN = 60.0
#: Seconds after which a provider posts a receipt again that nobody answered; after that it is lost.
POSTED_AGAIN = (1.0, 3.0, 7.0, 15.0, 30.0)
#: Queued deliveries that nobody called or moved for so many seconds wait for a member: for a limit, or a pause.
STUCK_AFTER = 30.0


class World(Stage):
    """Everything that one seed lets happen."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, "world")
        self.database = shared_database()
        self.database.reset()
        self.oracle = DatabaseOracle(self.timeline, database=self.database)
        # Of two workers with wrong clocks one may find that it is over sooner.
        self.oracle.canary_seconds = 0.0 if plan.jumps else CANARY.wait.total_seconds()
        self.oracle.wrong_by = CLOCK_ERROR if plan.jumps else 0.0
        self.database.on_move, self.database.on_pass = self.oracle.moved, self.oracle.passed
        self.database.on_block = lambda address_id: self.oracle.blocked(self.oracle.book.of_address(address_id))
        self.provider = self._open_provider(plan.receipts, self._post)
        self.mailbox = Mailbox(
            plan,
            self.chance,
            timeline=self.timeline,
            database=self.database,
            oracle=self.oracle,
            now=self.now,
            is_cut_off=lambda: self.crew.is_cut_off(None),
        )
        self.archive = Archive(plan, timeline=self.timeline, database=self.database, oracle=self.oracle)
        hire = partial(
            DatabaseWorker,
            database=self.database,
            provider=self.provider,
            mailbox=self.mailbox,
            lifeline=self.archive.lifeline,
        )
        self.crew = Crew(plan, self.chance, timeline=self.timeline, oracle=self.oracle, hire=hire)
        self.crew.on_read_only = partial(setattr, self.database, "is_read_only")
        self.people = People(
            plan,
            timeline=self.timeline,
            database=self.database,
            oracle=self.oracle,
            now=self.now,
            is_cut_off=lambda: self.crew.is_cut_off(None),
        )
        self._posted: list[StatusUpdate] = []
        self.told = 0

    def _set_up(self) -> None:
        self.people.schedule()
        self.mailbox.schedule()
        self.archive.schedule(self.crew, self.provider, self.mailbox, partial(setattr, self, "told"))
        for number in range(self.plan.receipts.strangers):
            stranger = StatusUpdate(f"stranger{number}", f"XX{number}", "delivered", None)
            self.timeline.at(number * 10.0, partial(self._post, stranger))
        self.crew.schedule()

    def live(self) -> Outcome:
        try:
            return super().live()
        finally:
            self.archive.close()

    def _check(self) -> None:
        check(self)

    def _be_busy(self) -> None:
        """Let everything happen that the plan says, until nothing is left to do."""
        most = 10 * self.plan.busy_seconds + 400.0
        while (
            self.timeline.now < self.plan.busy_seconds
            or not self.oracle.at_rest()
            or self.crew.sleepers()
            or self.archive.outstanding
        ):
            if self._is_over() or self.timeline.now > most:
                return
            if self._is_stuck():
                self._check_canaries()
                return
            self.crew.revive_all()
            if self.timeline.run(self._is_idle, limit=self.plan.busy_seconds):
                self._keep_quiet(60.0)

    def _be_calm(self) -> None:
        """Mend everything, and see that it comes to rest by itself."""
        self._mend_everything()
        self._check_that_it_resumes()
        for _ in range(20):
            self.people.switch_on()
            self.people.send_again(self.provider.tell_late)
            if not self.oracle.at_rest():
                self.crew.revive_all()
                self.timeline.run(self._is_idle, limit=400.0)
            if self._is_over() or self._is_settled():
                return
            before = self.oracle.last_at
            self._keep_quiet(2000.0)
            if self.oracle.last_at == before and not self._is_settled() and not self.people.are_needed():
                break
        self.oracle.blame("D3: it does not come to rest")

    def _mend_everything(self) -> None:
        self.crew.mend_everything()
        self.provider.calm()
        self.mailbox.is_calm = True
        self.people.lift_limits()
        self.people.switch_on()
        self.crew.revive_all()

    def _check_that_it_resumes(self) -> None:
        """D12: after the faults have ended, what is due is called again within a minute."""
        waits = (
            "SELECT 1 FROM delivery JOIN run ON run.id = run_id WHERE state = 'running' AND send_state = 'queued'"
            # Whoever is in quiet hours waits until they are over.
            " AND NOT EXISTS (SELECT 1 FROM run_quiet WHERE run_id = run.id AND ends_at > ?)"
            # And whoever is not of a canary waits for it, which may be reaped first.
            " AND NOT EXISTS (SELECT 1 FROM run_canary AS c JOIN canary_delivery AS a ON a.run_id = c.run_id"
            " JOIN delivery AS d ON d.id = a.delivery_id WHERE c.run_id = run.id AND c.state <> 'passed'"
            " AND d.send_state <> 'queued')"
        )
        moment = f"{self.now():%Y-%m-%d %H:%M:%S.%f}"
        if self.database.one(f"{waits} AND due_at <= ? AND expires_at > ?", *[moment] * 3) is None:
            return
        began = self.oracle.last_call_at

        def is_resumed() -> bool:
            is_called = self.oracle.last_call_at > began or not self.oracle.counts[SendState.QUEUED]
            return self._is_over() or is_called or self.people.are_needed()

        if not self.timeline.run(is_resumed, limit=RESUMES_WITHIN):
            self.oracle.blame(f"D12: nothing was called within {RESUMES_WITHIN:.0f} s")

    def _check_canaries(self) -> None:
        """Blame a run that stands still for its canary, of which nothing is left but over senders that rest."""
        if not self._held_up():
            return
        # Workers that nothing strikes any more let others go ahead over senders that work.
        self.crew.mend_everything()
        self.crew.revive_all()
        if not self.timeline.run(lambda: self._is_over() or not self._held_up(), limit=RESUMES_WITHIN):
            self.oracle.blame("canary: a run waits for a sender that rests, though another one does not")

    def _held_up(self) -> bool:
        moment = f"{self.oracle.true_time():%Y-%m-%d %H:%M:%S.%f}"
        return self.database.one(_HELD_UP, moment, moment) is not None

    def _is_over(self) -> bool:
        return bool(self.oracle.broken)

    def _is_idle(self) -> bool:
        """Say whether nobody who is awake has anything to send or to wait for, now or by the plan."""
        if self._is_over():
            return True
        if (
            self.oracle.counts[SendState.QUEUED]
            or self.people.outstanding
            or self.archive.outstanding
            or self.timeline.now < self.oracle.last_at + 5.0
        ):
            return False
        calls = self.provider.open_calls
        return not any(calls[process.name] for process in self.timeline.processes if not process.is_paused)

    def _is_stuck(self) -> bool:
        """Say whether only a member can help what is left: the plan has no more in store, and nobody sleeps."""
        latest = max(self.plan.busy_seconds, self.oracle.last_at, self.oracle.last_call_at)
        return (
            self.timeline.now > latest + STUCK_AFTER
            and not self.oracle.counts[SendState.SENDING]
            and not self.people.outstanding
            and not self.archive.outstanding
            and not self.crew.sleepers()
        )

    def _is_settled(self) -> bool:
        """Say whether nothing is left to do for anybody, and nothing more will come."""
        if not self.oracle.at_rest() or self.oracle.counts[SendState.UNKNOWN] or not self.timeline.is_empty():
            return False
        # What people said in vain waits for a worker that asks for it.
        return not self.oracle.unheard and not any(self.database.one(statement) for statement in UNSETTLED)

    def _keep_quiet(self, limit: float) -> None:
        """Let time pass while nobody but one keeper of the house is awake: idle engines cost steps for nothing."""
        for number, worker in list(self.crew.workers.items()):
            if not worker.process.is_paused:
                self.crew.stop(number)
        self.crew.start(KEEPER)
        self.crew.is_quiet = True
        asleep = len(self.crew.sleepers())

        def is_news() -> bool:
            return (
                self._is_over()
                or self.oracle.counts[SendState.QUEUED] > 0
                or len(self.crew.sleepers()) < asleep
                or (self.crew.is_calm and self._is_settled())
            )

        self.timeline.run(is_news, limit=limit)
        self.crew.is_quiet = False
        self.crew.stop(KEEPER)

    def _post(self, update: StatusUpdate) -> None:
        """Take in a receipt; a group is committed together, and only then answered."""
        if not self._posted:
            self.timeline.after(self.chance.uniform(0.01, self.chance.choice((0.1, 5.0))), self._answer)
        self._posted.append(update)

    def _answer(self) -> None:
        posted, self._posted = self._posted, []
        self._store(posted, list(POSTED_AGAIN))

    def _store(self, posted: list[StatusUpdate], pauses: list[float]) -> None:
        """Keep receipts; the provider posts them again after `pauses` while nobody answers, and then no more."""
        if self.crew.is_cut_off(None):
            if pauses:
                self.timeline.after(pauses.pop(0), partial(self._store, posted, pauses))
            else:
                self.oracle.faults["lost receipts"] += len(posted)
                self.oracle.note(f"{len(posted)} receipts are lost")
            return
        if self.plan.resends:
            self.oracle.faults["receipts for queued"] += sum(
                self.database.one(_QUEUED, update.reference) is not None for update in posted
            )
        with self.database.sessions.begin() as session:
            store(session, posted, gateway="memory")
        self.told += len(posted)
        self.oracle.note(f"{len(posted)} receipts stored")
