"""A worker runs the clock, fan-outs, the engine and every repair of one process, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from campaigns.accounts import Accounts
from campaigns.audience.kept.renewing import Renewal
from campaigns.continuity.ears import Ears
from campaigns.continuity.journal import keep_journal
from campaigns.continuity.lifeline import lifeline_of
from campaigns.core.database import make_sessions, make_worker_engine
from campaigns.core.errors import SettingsError
from campaigns.core.mail.smtp import make_mailer
from campaigns.core.processes.chores import Chore, repeat
from campaigns.core.processes.loading import collect_rarely
from campaigns.core.processes.shutdown import stop_on_signals
from campaigns.core.processes.steady import ClockGuard
from campaigns.core.processes.threads import in_thread
from campaigns.core.processes.waiting import rest
from campaigns.core.settings import Mode, Settings
from campaigns.delivery.engine.engine import Engine, Surroundings
from campaigns.delivery.engine.queue.leader_store import LeaderStore
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout.outdated_texts import TextWatch
from campaigns.delivery.lanes.leader_lock import LeaderLock
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.queries import find_last_intent
from campaigns.delivery.repair.unanswered import settle_questions
from campaigns.delivery.timeouts import check_patience, patience_of
from campaigns.delivery.write_turns import SQLITE_TURN_SECONDS
from campaigns.erasing.leftovers import go_on as go_on_erasing
from campaigns.gateways.base import Gateway
from campaigns.gateways.kinds import get_kind
from campaigns.inbox.automatic.still_waiting import StillWaiting
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.given.putting_back import put_back
from campaigns.inbox.handing_over.forgetting import forget_old
from campaigns.inbox.handing_over.returning import return_due
from campaigns.inbox.holds.long_lists import opt_out_lists
from campaigns.inbox.holds.unread_lists import check_lists
from campaigns.inbox.media.fetching import MediaFetching
from campaigns.inbox.unnamed.sent_forms import forget_forms
from campaigns.inbox.unnamed.service import erase_expired
from campaigns.leaving.code_sending import forget_requests, send_codes
from campaigns.members.forgotten.reset_mails import send_reset_mails
from campaigns.missed_inbound import MissedInbound
from campaigns.money import Money
from campaigns.ownership import OwnerWatch
from campaigns.planning.acts.acting import Acting
from campaigns.planning.policy import Policy
from campaigns.planning.runs.ticker import Clockwork
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.counting.unique_counts import check_nightly, recount_crowds
from campaigns.reach.releases.readers.mailing import send_reports
from campaigns.readiness.instance import check_database
from campaigns.restoring.listening import Listener
from campaigns.schema import check_schema
from campaigns.upkeep import COUNTS, Upkeep, read_files, resting_after
from campaigns.verifying import gateway_of

if TYPE_CHECKING:
    from campaigns.delivery.engine.cluster import Member

try:
    import uvloop
except ImportError:
    # It only makes the loop faster.
    uvloop = None  # type: ignore[assignment]

#: Seconds between two looks for each kind of work.
RECEIPTS_EVERY, PLANS_EVERY, SWEEP_EVERY, REPAIR_EVERY, RECOUNT_EVERY = 0.3, 0.5, 1.0, 5.0, 2.0
REPORTS_EVERY, CROWDS_EVERY, CHECK_EVERY, ERASE_EVERY, ESCALATE_EVERY = 60.0, 5.0, 600.0, 5.0, 5.0
#: Chores with a thread of their own.
APART = ("urgent", "mail", "reports", "people", "acts", "links", "lists", "checks", "files", "runs", "made")
#: Between two looks whether a page, or an act, waits for a count, or a large run is to be counted.
PEOPLE_EVERY, LAPSE_EVERY, RUNS_EVERY = 0.5, 20.0, 1.0
#: How often hand-overs, reports and requests of long ago are looked for: a day more or less makes no difference.
FORGET_EVERY = 3_600.0
#: How often forms are looked for that give no new code any more, and whether the database was upgraded under us.
FORMS_EVERY, TABLES_EVERY = 60.0, 60.0
#: How often those are looked for whom nobody has answered for days, and who did not answer whether to go on.
ANSWERLESS_EVERY, SILENT_EVERY = 300.0, 300.0
#: Between two looks whether the list of a provider is to be read for what people wrote; and how long a start waits
#: for the first of them; after a silence nothing is claimed before it ended, see `restoring/listening.py`.
MISSED_EVERY, LISTEN_SECONDS = 5.0, 15.0
#: Between two looks whether the directory changed under a run that is being sent, and for files that people sent.
TEXTS_EVERY, FILES_EVERY = 5.0, 1.0
#: Heartbeats in a cluster, with looks for lanes that nobody serves; and looks whether the database was restored.
BEAT_EVERY, TEND_EVERY = 0.5, 0.5
#: Seconds after which a waiting thread gets the interpreter, a tenth of the default; when garbage is looked for.
SWITCH_SECONDS, GARBAGE_LOOKS = 0.0005, (20_000, 20, 50)
#: Longest pause between two looks for doubtful deliveries, in seconds; each has its own interval beside it.
DOUBTS_EVERY = 30.0

_log = logging.getLogger(__name__)


def run_worker(settings: Settings, *, until: Callable[[], bool] | None = None) -> None:
    """Work until SIGTERM, Ctrl-C, or `until()` says so; then finish what is in flight, within 15 seconds.

    A database that stops answering stops new calls and is asked again; nothing has to be restarted. Raises
    SettingsError before anything starts when a setting would break a promise, and at the end when the database was
    upgraded meanwhile; UnavailableError when the database does not answer at the start.
    """
    database = make_worker_engine(settings.database_url)
    try:
        worker = Worker(settings, database)
        tune_interpreter()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else asyncio.new_event_loop) as runner:
            runner.run(worker.run(until or (lambda: False)))
    finally:
        database.dispose()


def tune_interpreter() -> None:
    """Let the garbage collector look less often, and the event loop wait less for the database's thread.

    Messages in flight are many, short-lived and free of cycles: with its defaults the collector costs a fifth of
    the time of a call. Whatever is loaded already is not looked at again. And a thread that unpacks a group keeps
    the interpreter for as long as it may, while a provider that answers quickly has nothing left to answer.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    collect_rarely(GARBAGE_LOOKS)


class Worker:
    """Everything that one process does beside serving pages."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Prepare a worker. Raises SettingsError, and UnavailableError when the database does not answer."""
        check_database(database, settings)
        self._settings, self._database = settings, database
        self._vault, self._patience = settings.vault(), patience_of(settings)
        check_patience(self._patience, settings.mode)
        self._sessions = make_sessions(database)
        keep_journal(self._sessions, settings.state_path)
        self._mailer, self._missed = make_mailer(settings.smtp_url), MissedInbound(self._sessions, settings)
        self._accounts = Accounts(self._sessions, settings)
        self._money = Money(self._sessions, settings, self._mailer)
        self._files, self._owners = MediaFetching(self._sessions, settings), OwnerWatch(self._sessions, settings)
        self._text_watch = TextWatch(self._sessions, Policy.of(settings))
        self._waits = StillWaiting(self._sessions, Policy.of(settings), self._vault)
        self._is_stopping = threading.Event()
        #: Why this worker may not go on.
        self._outdated: SettingsError | None = None
        self._engine_thread, self._plan_thread = ThreadPoolExecutor(1, "engine"), ThreadPoolExecutor(1, "plan")
        self._watch_thread, self._member_thread = ThreadPoolExecutor(1, "watch"), ThreadPoolExecutor(1, "cluster")
        # A mail server that hangs holds up nothing but mails.
        self._apart = [ThreadPoolExecutor(1, name) for name in APART]
        # Counting a run of a million takes seconds, for which nothing urgent must wait to be planned.
        self._count_thread, self._late_thread = ThreadPoolExecutor(1, "count"), ThreadPoolExecutor(1, "late")
        # SQLite has one writer at a time and lets others wait by sleeping: taking turns in one thread is faster.
        is_sqlite = database.dialect.name == "sqlite"
        self._repair_thread = self._engine_thread if is_sqlite else ThreadPoolExecutor(2, "repair")
        self._renewal, self._acting = self._make_counters()
        self._leader_lock = LeaderLock(database.url.database) if is_sqlite else None
        self._guard = self._make_guard(is_live=settings.mode is Mode.LIVE)
        self._upkeep = self._make_upkeep(SQLITE_TURN_SECONDS if is_sqlite else 0.0)
        self._lifeline = lifeline_of(self._sessions, settings.state_path, last_intent=find_last_intent)
        self._listener = Listener(
            self._lifeline,
            self._sessions,
            vault=self._vault,
            open_gateway=self._open_gateway,
            database=in_thread(self._repair_thread),
            has_heard=self._missed.has_heard_since,
        )
        self._store, self._member = self._join()

    def _make_upkeep(self, turn_seconds: float) -> Upkeep:
        return Upkeep(
            *(self._sessions, self._settings),
            repair=in_thread(self._repair_thread),
            open_gateway=self._open_gateway,
            is_stopping=self._is_stopping,
            is_astray=self._guard.is_astray,
            turn_seconds=turn_seconds,
        )

    def _make_counters(self) -> tuple[Renewal, Acting]:
        """Return what counts people for pages, and what does the acts that wait for a count."""
        acting = Acting(self._sessions, self._settings, lambda _: not self._is_stopping.is_set())
        return Renewal(self._sessions, COUNTS, resting_after(self._is_stopping, self._sessions)), acting

    def _make_guard(self, *, is_live: bool) -> ClockGuard:
        """Return what watches this machine's clock: by the database's, or on SQLite by its own steps."""
        if self._leader_lock is None:
            return ClockGuard(is_judged=True)
        return ClockGuard(last_sign=self._leader_lock.last_sign() if is_live else None)

    def _join(self) -> tuple[DatabaseStore, Member | None]:
        """Return the engine's store, and this worker's part in a cluster; on SQLite one serves every lane."""
        settings = self._settings
        ears = Ears(settings.hooks_gone_after_seconds, is_needed=settings.mode is Mode.LIVE)
        if self._leader_lock is not None:
            alone = LeaderStore(
                self._sessions,
                self._vault,
                self._leader_lock,
                self._guard,
                self._lifeline,
                self._owners.may_use,
                ears,
            )
            return alone, None
        from campaigns.delivery.engine.cluster import SHORTEST_GONE_AFTER, ClusterStore, Member

        gone_after = settings.worker_gone_after_seconds
        if gone_after < SHORTEST_GONE_AFTER:
            raise SettingsError(f"worker_gone_after_seconds must be at least {SHORTEST_GONE_AFTER}.")
        member = Member(self._sessions, gone_after=gone_after, guard=self._guard)
        may_use = self._owners.may_use
        return ClusterStore(self._sessions, self._vault, member, self._lifeline, may_use, ears), member

    async def run(self, until: Callable[[], bool]) -> None:
        """Work until a signal comes or `until()` is true."""
        stopping = asyncio.Event()
        stop_on_signals(stopping)
        times = {"is_astray": self._guard.is_astray, "may_fire": self._listener.may_call}
        clockwork = Clockwork(self._sessions, self._settings, **times)
        clockwork.start()
        engine = Engine(self._surroundings(), window=self._settings.send_window)
        _log.info("the worker is up")
        try:
            await self._see_owners()
            await self._compare_texts()
            await self._listen_first()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stop_when(until, stopping))
                group.create_task(engine.run(stopping))
                for chore in (self._look_at_tables(stopping), *self._chores(engine)):
                    group.create_task(repeat(chore, stopping, must_wait=self._must_wait))
        finally:
            await asyncio.to_thread(clockwork.stop)
            await self._leave()
            self._listener.close()
            threads = {self._engine_thread, self._watch_thread, self._plan_thread, self._repair_thread}
            threads |= {self._count_thread, self._late_thread, self._member_thread}
            for executor in threads.union(self._apart):
                executor.shutdown()
            _log.info("the worker has stopped")
        if self._outdated is not None:
            raise self._outdated

    def _look_at_tables(self, stopping: asyncio.Event) -> Chore:
        """Return the chore that ends this worker in good order when the database was upgraded under it."""

        async def look() -> None:
            try:
                await in_thread(self._watch_thread)(self._check_tables)
            except SettingsError as error:
                self._outdated = error
                stopping.set()

        return Chore("a look at the tables", TABLES_EVERY, look, needs_clock=False)

    def _check_tables(self) -> None:
        with self._database.execution_options(read_only=True).connect() as connection:
            check_schema(connection)

    async def _listen_first(self) -> None:
        """Hear what people wrote while we were away before anybody is written to; wait for no provider long."""
        try:
            await asyncio.wait_for(self._missed.look(), LISTEN_SECONDS)
        except (SQLAlchemyError, TimeoutError):
            _log.warning("what people wrote meanwhile cannot be asked for yet", exc_info=True)

    def _surroundings(self) -> Surroundings:
        hooks = self._settings.hooks_address
        return Surroundings(
            store=self._store,
            database=in_thread(self._engine_thread),
            watch=in_thread(self._watch_thread),
            open_gateway=self._open_to_send,
            callback_base=lambda kind: (
                f"{hooks}/hooks/{kind}/status?m=" if get_kind(kind).has_status_url else None
            ),
            chance=random.Random().random,  # noqa: S311 - jitter, not a secret
        )

    def _open_gateway(self, sender: SenderFacts) -> Gateway:
        return gateway_of(self._settings, sender)

    def _open_to_send(self, sender: SenderFacts) -> Gateway:
        self._owners.check(sender)
        return self._open_gateway(sender)

    async def _see_owners(self) -> None:
        """See whose the credentials are; before that nothing is sent."""
        try:
            await in_thread(self._watch_thread)(self._owners.look)
        except SQLAlchemyError:
            _log.warning("whose the credentials are could not be seen yet", exc_info=True)

    async def _compare_texts(self) -> None:
        """Compare the texts of what was being sent with the directory, before anything more of it is."""
        try:
            await in_thread(self._count_thread)(self._text_watch.look)
        except SQLAlchemyError:
            _log.warning("the texts of running runs could not be compared yet", exc_info=True)

    def _settle_questions(self) -> int:
        return settle_questions(self._sessions, answer_days=self._settings.silence_answer_days)

    async def _leave(self) -> None:
        """Give this worker's lanes to the others, without their waiting for its heartbeat or its end."""
        if self._leader_lock is not None:
            self._leader_lock.drop()
        if self._member is not None:
            try:
                await in_thread(self._member_thread)(self._member.leave)
            except SQLAlchemyError:
                _log.warning("the cluster could not be told of the end of this worker", exc_info=True)

    def _chores(self, engine: Engine) -> list[Chore]:
        plan, repair = in_thread(self._plan_thread), in_thread(self._repair_thread)
        count, beat = in_thread(self._count_thread), in_thread(self._member_thread)
        late, upkeep, member = in_thread(self._late_thread), self._upkeep, self._member
        send = partial(send_codes, self._sessions, self._vault, self._settings)
        doubts_every = min(DOUBTS_EVERY, self._patience.interval.total_seconds())
        chores = [
            Chore("looking for a restore", TEND_EVERY, self._listener.tend),
            # Others see a stop that a receipt reports by the time at which it is written down.
            Chore("merging receipts", RECEIPTS_EVERY, upkeep.merge_receipts),
            Chore("planning runs", PLANS_EVERY, lambda: plan(upkeep.plan), is_outward=True),
            # A stop holds whatever the time is.
            Chore("sweeping runs", SWEEP_EVERY, lambda: repair(upkeep.sweep), needs_clock=False),
            Chore("repairing", REPAIR_EVERY, lambda: repair(upkeep.repair)),
            Chore("seeing whose credentials are", REPAIR_EVERY, lambda: repair(self._owners.look)),
            Chore("planning late corrections", REPAIR_EVERY, lambda: late(upkeep.plan_late), is_outward=True),
            Chore("counting reach", RECOUNT_EVERY, lambda: count(recount_due, self._sessions)),
            Chore("counting crowds", CROWDS_EVERY, lambda: count(recount_crowds, self._sessions)),
            Chore("checking counts", CHECK_EVERY, lambda: count(check_nightly, self._sessions)),
            Chore("forgetting what was handed over", FORGET_EVERY, lambda: repair(forget_old, self._sessions)),
            Chore("taking back offers that lapsed", LAPSE_EVERY, lambda: repair(return_due, self._sessions)),
            Chore("telling who waits", ANSWERLESS_EVERY, lambda: repair(self._waits.look), is_outward=True),
            Chore("reading texts again", TEXTS_EVERY, lambda: count(self._text_watch.look)),
            Chore("taking back numbers in answers", TEXTS_EVERY, lambda: repair(put_back, self._sessions)),
            Chore("leaving out who is silent", SILENT_EVERY, lambda: repair(self._settle_questions)),
            *self._chores_apart(),
            Chore("forgetting forms of reports", FORMS_EVERY, lambda: repair(forget_forms, self._sessions)),
            Chore("erasing old reports", FORGET_EVERY, lambda: repair(erase_expired, self._sessions)),
            Chore("erasing people", ERASE_EVERY, lambda: repair(go_on_erasing, self._sessions, self._vault)),
            Chore("asking the providers' lists", doubts_every, upkeep.reconcile, is_outward=True),
            Chore("sending codes", REPAIR_EVERY, lambda: repair(send), is_outward=True),
            Chore("forgetting who asked for codes", FORGET_EVERY, lambda: repair(forget_requests, self._sessions)),
            Chore("hearing what was missed", MISSED_EVERY, self._missed.look),
            Chore("fetching files", FILES_EVERY, self._files.look, is_outward=True),
            *(*self._accounts.chores(), *self._money.chores()),
        ]
        if member is not None:
            work = partial(beat, member.beat)
            chores.append(Chore("beating", BEAT_EVERY, lambda: work(engine.serving()), needs_clock=False))
        return chores

    def _chores_apart(self) -> list[Chore]:
        """Return the chores with a thread of their own: no contact file holds up a list of stops."""
        urgent, mail, reports, people, acts, links, lists, checks, files, runs, made = map(in_thread, self._apart)
        needs, keys = (self._sessions, self._settings), (self._sessions, self._vault)
        by_mail, to_read = (*needs, self._mailer), (*keys, self._settings.import_max_rows, self._is_stopping)
        return [
            Chore("escalating", ESCALATE_EVERY, lambda: urgent(escalate, *needs)),
            Chore("counting people", PEOPLE_EVERY, lambda: people(self._renewal.renew)),
            Chore("counting runs", RUNS_EVERY, lambda: runs(self._upkeep.count_runs)),
            Chore("doing what waits for a count", PEOPLE_EVERY, lambda: acts(self._acting.act)),
            Chore("making publications", RUNS_EVERY, lambda: made(self._upkeep.make_releases), is_outward=True),
            Chore("forgetting counts", FORGET_EVERY, lambda: people(self._renewal.forget)),
            Chore("reading lists", ESCALATE_EVERY, lambda: checks(check_lists, *to_read)),
            Chore("reading files", ESCALATE_EVERY, lambda: files(read_files, *to_read)),
            Chore("opting lists out", ERASE_EVERY, lambda: lists(opt_out_lists, *keys, self._is_stopping)),
            Chore("telling members", ESCALATE_EVERY, lambda: mail(send_mails, *by_mail), is_outward=True),
            Chore("mailing links", ESCALATE_EVERY, lambda: links(send_reset_mails, *by_mail), is_outward=True),
            Chore("sending reports", REPORTS_EVERY, lambda: reports(send_reports, *by_mail), is_outward=True),
        ]

    def _must_wait(self, chore: Chore) -> bool:
        """Say whether a chore waits: for a clock that is right, or for the release of what was restored."""
        is_barred = chore.is_outward and not self._listener.may_call()
        return is_barred or (chore.needs_clock and self._guard.is_astray())

    async def _stop_when(self, until: Callable[[], bool], stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if until():
                stopping.set()
            await rest(stopping, 0.2)
        self._is_stopping.set()
