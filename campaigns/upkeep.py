"""Beside sending, a worker fans out, merges receipts, repairs rows, and asks the providers' lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Event

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.kept import counting
from campaigns.audience.kept.people_questions import CAPPED
from campaigns.audience.unread_files import check_files, import_files
from campaigns.core import clock
from campaigns.core.database import ASLEEP_SECONDS
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.chores import do_each, do_for_each
from campaigns.core.processes.threads import Runner
from campaigns.core.settings import Settings
from campaigns.delivery.corrections.latecomers import fan_out_late
from campaigns.delivery.fanout.canary import canary_rule_of, settle_canaries
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.fanout.frequency_cap import count_capped
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.monitoring.tally_renewal import TallyRenewal
from campaigns.delivery.queries import select_planning
from campaigns.delivery.receipts.merge import ReceiptDrain, is_anything_to_merge
from campaigns.delivery.repair.reconcile import give_up, reap, reconcile
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.service import expire_resting
from campaigns.delivery.timeouts import patience_of
from campaigns.delivery.write_turns import taking_turns
from campaigns.gateways.base import Gateway
from campaigns.members.forgotten.reset_links import forget_links
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run
from campaigns.planning.policy import Policy
from campaigns.reach.releases.releasing import Releasing
from campaigns.staff.recurring import is_anything_due, tell_rest
from campaigns.staff.typed.typed_fields import forget_old_forms

#: How each kind of question about people is counted.
COUNTS = {**counting.COUNTS, CAPPED: count_capped}
#: Beside a run that is being sent a count rests so many times as long as its parts take.
RESTS_BESIDE_A_RUN = 3
#: A count sees one moment to its end: a connection that idles for much longer within it would be ended.
LONGEST_REST = ASLEEP_SECONDS / 2


def read_files(sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event) -> None:
    """Check the contact files that were handed in, and import what was confirmed, whatever becomes of each."""
    given, rest = (sessions, vault, max_rows, is_stopping), resting_after(is_stopping, sessions)
    do_each(
        {
            "checking contact files": lambda: check_files(*given, rest),
            "importing contact files": lambda: import_files(*given, rest),
        }
    )


class Upkeep:
    """The chores of one worker that read and write rows; which thread does each is the worker's to say."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        repair: Runner,
        open_gateway: Callable[[SenderFacts], Gateway],
        is_stopping: Event,
        is_astray: Callable[[], bool],
        turn_seconds: float,
    ) -> None:
        """Prepare the chores; those that may take long end early once `is_stopping`.

        `repair` runs what goes beside fan-outs. A fan-out rests after each group, `turn_seconds` at least.
        `is_astray` says whether the clock may not be believed.
        """
        self._sessions, self._settings = sessions, settings
        self._vault = settings.vault()
        self._patience = patience_of(settings)
        self._canary = canary_rule_of(settings)
        self._in_repair, self._open_gateway = repair, open_gateway
        self._is_stopping, self._turn_seconds = is_stopping, turn_seconds
        self._is_astray = is_astray
        self._tallies = TallyRenewal(sessions, is_stopping.is_set, Policy.of(settings))
        #: Senders with messages in doubt whose provider keeps no list, as the last look into the lists found.
        self._unlisted = frozenset[int]()

    def count_runs(self) -> int:
        """Count the large runs for whoever looks at them; return how many counts were made."""
        return self._tallies.renew()

    def make_releases(self) -> int:
        """Make the publications that wait until their people are counted; return how many ended."""
        return Releasing(self._sessions, self._is_stopping.is_set).release()

    def plan(self) -> None:
        """Fan out every run that is being planned, the urgent ones first, then the oldest.

        One that cannot be planned holds up no other. Raises ExceptionGroup with what went wrong.
        """
        planning = self._ids(select_planning())
        do_for_each(planning, self._fan_out, doing="run {} was planned", told="runs cannot be planned")

    def _fan_out(self, run_id: int) -> None:
        fan_out(
            self._sessions,
            run_id,
            policy=Policy.of(self._settings),
            canary=self._canary,
            may_go_on=taking_turns(self._is_stopping, seconds=self._turn_seconds),
        )

    async def merge_receipts(self) -> None:
        """Merge what waits, batch after batch; each is a turn of its own, so that SQLite sends between them."""
        if not await self._in_repair(self._is_anything_to_merge):
            return
        drain = ReceiptDrain()
        while not drain.is_over and not self._is_stopping.is_set():
            await self._in_repair(self._apply_receipts, drain)

    def _is_anything_to_merge(self) -> bool:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return is_anything_to_merge(session)

    def _apply_receipts(self, drain: ReceiptDrain) -> None:
        with self._sessions.begin() as session:
            drain.apply(session)

    def repair(self) -> None:
        """Repair what nobody recorded or waits in vain; each step whatever becomes of the others."""
        do_each(
            {
                "reaping calls": self._reap,
                "expiring what rests": self._expire,
                "watching canaries": lambda: settle_canaries(self._sessions, self._canary),
                "telling what recurs": self._tell_what_recurs,
                "forgetting what was typed": lambda: forget_old_forms(self._sessions),
                "forgetting links for passwords": lambda: forget_links(self._sessions),
            }
        )

    def sweep(self) -> None:
        """Bring runs and rows together that came apart."""
        sweep(self._sessions, Policy.of(self._settings))

    def plan_late(self) -> None:
        """Fan out to those whom a correction was late to reach."""
        fan_out_late(
            self._sessions,
            policy=Policy.of(self._settings),
            may_go_on=taking_turns(self._is_stopping, seconds=self._turn_seconds),
        )

    def _at_a_sure_time(self, act: Callable[[Session, datetime], object]) -> None:
        """Do what compares times, at one that is read before the clock is asked about.

        A chore that was let begin may wait for its thread, while somebody sets the clock.
        """
        with self._sessions.begin() as session:
            now = clock.now()
            if not self._is_astray():
                act(session, now)

    def _reap(self) -> None:
        reap_after = self._patience.reap_after
        self._at_a_sure_time(lambda session, now: reap(session, reap_after=reap_after, now=now))

    def _tell_what_recurs(self) -> None:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            if not is_anything_due(session, now=clock.now()):
                return
        with self._sessions.begin() as session:
            tell_rest(session, now=clock.now())

    def _expire(self) -> None:
        self._at_a_sure_time(lambda session, now: expire_resting(session, now=now))

    async def reconcile(self) -> None:
        """Ask the providers' lists about everything that is doubtful; then give up what is so for too long."""
        try:
            looked = await reconcile(
                self._sessions,
                vault=self._vault,
                open_gateway=self._open_gateway,
                database=self._in_repair,
                patience=self._patience,
                may_go_on=lambda: not self._is_stopping.is_set(),
            )
            self._unlisted = looked.unlisted
        finally:
            # What was looked up in vain becomes a member's to decide, whatever went wrong with the rest.
            await self._in_repair(self._give_up, self._unlisted)

    def _give_up(self, unlisted: frozenset[int]) -> None:
        after = self._patience.unconfirmed_after
        self._at_a_sure_time(
            lambda session, now: give_up(session, unconfirmed_after=after, unlisted=unlisted, now=now)
        )

    def _ids(self, statement: Select[int]) -> list[int]:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return list(session.scalars(statement))


def resting_after(is_stopping: Event, sessions: sessionmaker[Session]) -> Callable[[float], bool]:
    """Return what long work asks after each part that took some seconds: it rests while a run is sent.

    It says whether to go on.
    """

    def may_go_on(seconds: float) -> bool:
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            is_sending = session.scalar(select(Run.id).where(Run.state.in_(IN_FLIGHT)).limit(1)) is not None
        return not is_stopping.wait(min(RESTS_BESIDE_A_RUN * seconds, LONGEST_REST) if is_sending else 0)

    return may_go_on
