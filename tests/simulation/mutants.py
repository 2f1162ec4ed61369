"""Engines that break a promise on purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import false, null, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.person import lock_addresses, lock_person
from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.processes.steady import ClockGuard
from campaigns.delivery.engine import caller, fence, retry
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result, Store
from campaigns.delivery.engine.queue import claims_sqlite, due_rows, store
from campaigns.delivery.engine.queue import results as record
from campaigns.delivery.engine.queue.due_rows import DELIVERY
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout import canary, fanout
from campaigns.delivery.models import CanaryState, Delivery
from campaigns.delivery.one_person import channel_fallback
from campaigns.delivery.queries import in_state
from campaigns.delivery.receipts import merge, waiting_batch
from campaigns.delivery.repair import doubts, reconcile
from campaigns.delivery.service import expire_resting
from campaigns.delivery.states import RANKS, SendState
from campaigns.delivery.timeouts import Patience
from campaigns.gateways.base import UnknownOutcomeError
from campaigns.inbox import service
from campaigns.missed_inbound import MissedInbound
from tests.simulation import chores, workers
from tests.simulation.provider import OTHER_ACCOUNT
from tests.simulation.workers import DatabaseWorker, WatchedStore

Patch = Callable[[pytest.MonkeyPatch], None]


def no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fence, "check", lambda self, claimed: None)


def fence_that_forgets_age(patch: pytest.MonkeyPatch) -> None:
    _open_fence(patch, Refusal.LATE)


def fence_that_forgets_stops(patch: pytest.MonkeyPatch) -> None:
    _open_fence(patch, Refusal.NOT_RUNNING)


def fence_that_forgets_withdrawals(patch: pytest.MonkeyPatch) -> None:
    _open_fence(patch, Refusal.WITHDRAWN)


def fence_that_trusts_old_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fence, "is_fresh", lambda self: True)


def reaper_that_requeues(patch: pytest.MonkeyPatch) -> None:
    def requeue(session: Session, *, reap_after: timedelta) -> None:
        old = Delivery.intent_at < clock.now() - reap_after
        session.execute(update(Delivery).where(in_state(SendState.SENDING), old).values(send_state="queued"))

    patch.setattr(chores, "reap", requeue)


def unknown_that_is_retried(patch: pytest.MonkeyPatch) -> None:
    read = retry._read
    patch.setattr(
        retry,
        "_read",
        lambda error: ("not_sent", None) if isinstance(error, UnknownOutcomeError) else read(error),
    )


def list_that_is_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    hasty = Patience(
        reap_after=timedelta(seconds=60),
        grace=timedelta(0),
        interval=timedelta(0),
        unconfirmed_after=timedelta(seconds=1000),
    )
    for module in (doubts, reconcile):
        patch.setattr(module, "TIMES_ABSENT", 1)
    # Built anew, with this number, and kept for nobody after it.
    patch.setattr(doubts, "_select_doubts", doubts._select_doubts.__wrapped__)
    for age in ("old", "lately"):
        patch.setitem(chores._AGES, age, timedelta(0))
    for module in (chores, workers):
        patch.setattr(module, "PATIENCE", hasty)


def receipts_that_settle_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merge, "_settle", lambda *, in_batch: text("SELECT 1"))


def receipts_that_overwrite(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting_batch, "RANKS", dict.fromkeys(RANKS, 1))
    # Built anew, with these ranks.
    patch.setattr(waiting_batch, "_taking", waiting_batch._taking.__wrapped__)


def record_that_asks_no_token(patch: pytest.MonkeyPatch) -> None:
    held = record._is_held
    patch.setattr(record, "_is_held", lambda row_id, token: held(row_id, DELIVERY.c.token))
    for name in ("_recording", "_accepting"):
        patch.setattr(record, name, getattr(record, name).__wrapped__)


def record_that_notes_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(record, "_news", lambda connection, results: results)


def opt_out_that_leaves_the_queue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "suppress_addresses", lambda session, address_ids: 0)


def claims_without_commit(patch: pytest.MonkeyPatch) -> None:
    exchange = DatabaseStore.exchange

    def uncommitted(self: DatabaseStore, results: Sequence[Result], ask: Ask | None) -> Found:
        exchange(self, results, None)
        if ask is None:
            return Found()
        with self._sessions() as session:
            found = self._claims.claim(session.connection(), ask)
            session.rollback()
        return found

    patch.setattr(DatabaseStore, "exchange", uncommitted)


def canary_that_is_not_awaited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(canary, "judge", lambda *_, **__: CanaryState.PASSED)


def claims_that_pass_the_canary(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(due_rows, "OPEN_CANARY", ())
    # Built anew, with these states.
    patch.setattr(claims_sqlite, "_due_as_json", claims_sqlite._due_as_json.__wrapped__)


def claims_in_quiet_hours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims_sqlite, "end_of_quiet", lambda: null())
    # Built anew, without them.
    patch.setattr(claims_sqlite, "_due_as_json", claims_sqlite._due_as_json.__wrapped__)


def sweep_that_sleeps(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(chores.CHORES, "sweep", lambda sessions, limit: None)


def _open_fence(patch: pytest.MonkeyPatch, refusal: Refusal) -> None:
    check = Fence.check

    def forgetful(self: Fence, claimed: Claimed) -> Any:
        try:
            check(self, claimed)
        except FenceRefusedError as refused:
            if refused.refusal is not refusal:
                raise

    patch.setattr(Fence, "check", forgetful)


def stop_of_one_channel(patch: pytest.MonkeyPatch) -> None:
    def of_this_handle(
        session: Session, numbers: Collection[bytes], lookups: Collection[bytes] = ()
    ) -> Sequence[Address]:
        found = select(Address.id).where(Address.lookup.in_(lookups))
        return lock_addresses(session, session.scalars(found).all())

    patch.setattr(ledger, "lock_person", of_this_handle)


def hold_that_holds_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "hold_everywhere", lambda session, handle, said: [])


def start_of_every_channel(patch: pytest.MonkeyPatch) -> None:
    def everywhere(session: Session, handle: HashedHandle, said: Declaration) -> list[int]:
        theirs = lock_person(session, [handle.phone], [handle.lookup])
        for address in theirs:
            address.state = AddressState.ACTIVE
        return [address.id for address in theirs]

    patch.setattr(ledger, "restore", everywhere)


def fan_out_to_each_contact(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fanout, "has_shared", lambda session, **_: False)


def fall_back_to_a_number_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(channel_fallback, "find_taken", lambda session, run_ids, address_ids: set())


def restore_that_nobody_sees(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DatabaseWorker, "_make_store", _store_without_a_lifeline)


def _store_without_a_lifeline(self: DatabaseWorker) -> Store:
    return WatchedStore(self._database, self._link.timeline, self._guard, None)


def clock_that_is_always_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ClockGuard, "is_astray", lambda self: False)


def pause_by_a_clock_that_was_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caller, "counted_from", lambda now, intent_at: now)


def results_that_a_server_takes_for_bad(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "_is_about_content", lambda error: not isinstance(error, OperationalError))


def claims_of_what_has_a_receipt(patch: pytest.MonkeyPatch) -> None:
    for module in (due_rows, claims_sqlite):
        patch.setattr(module, "HAS_RECEIPT", false())
    patch.setattr(merge, "LOST", frozenset({SendState.UNKNOWN, SendState.UNCONFIRMED}))
    # Built anew, with these.
    for module, name in ((claims_sqlite, "_due_as_json"), (claims_sqlite, "_move"), (merge, "_settle")):
        patch.setattr(module, name, getattr(module, name).__wrapped__)


def list_that_is_compared_to_the_letter(patch: pytest.MonkeyPatch) -> None:
    def judge(doubt: Any, listed: Any, *, ours: Any, is_believed: bool) -> tuple[str, str | None]:
        alike = [line for line in listed if line.provider_id not in ours and doubts.is_alike(line, doubt)]
        return (doubts.FOUND, alike[0].provider_id) if alike else (doubts.ABSENT, None)

    patch.setattr(reconcile, "judge", judge)


def list_of_any_account(patch: pytest.MonkeyPatch) -> None:
    async def is_shown(gateway: Any, witness: Any) -> bool:
        return True

    patch.setattr(doubts, "account_at", lambda history, moment: OTHER_ACCOUNT)
    patch.setattr(reconcile, "_is_shown", is_shown)


def canary_that_keeps_its_places(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(canary, "_give_places_up", lambda session, run, now: None)


def nobody_asks_what_was_missed(patch: pytest.MonkeyPatch) -> None:
    async def look(self: MissedInbound) -> None:
        return

    patch.setattr(MissedInbound, "look", look)


def late_word_that_counts_last(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "is_overtaken", lambda session, reply: False)


def fence_that_trusts_memory_for_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fence, "FRESH_SECONDS", 20.0)


def fence_that_forgets_expiry(patch: pytest.MonkeyPatch) -> None:
    check = Fence.check
    never = datetime.max.replace(tzinfo=UTC)
    patch.setattr(Fence, "check", lambda self, claimed: check(self, replace(claimed, expires_at=never)))


def expiry_that_comes_early(patch: pytest.MonkeyPatch) -> None:
    def hasty(session: Session, *, limit: int) -> int:
        with clock.running_on(partial(_later, clock.now(), timedelta(hours=13))):
            return expire_resting(session, limit=limit)

    patch.setattr(chores, "expire_resting", hasty)
    patch.setitem(chores._AGES, "now", -timedelta(hours=13))


def _later(now: datetime, by: timedelta) -> datetime:
    return now + by
