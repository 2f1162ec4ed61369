"""Engines that break a promise on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import null, text, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.delivery import canary, doubts, receipts, reconcile
from campaigns.delivery.engine import record, retry, taking
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result
from campaigns.delivery.engine.store import DatabaseStore
from campaigns.delivery.models import CanaryState, Delivery
from campaigns.delivery.patience import Patience
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import RANKS, SendState
from campaigns.gateways.base import UnknownOutcomeError
from campaigns.inbox import service
from tests.simulation import chores, workers

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
    patch.setattr(receipts, "_settle", lambda *, in_batch: text("SELECT 1"))


def receipts_that_overwrite(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(receipts, "RANKS", dict.fromkeys(RANKS, 1))
    # Built anew, with these ranks.
    patch.setattr(receipts, "_merge", receipts._merge.__wrapped__)


def record_that_asks_no_token(patch: pytest.MonkeyPatch) -> None:
    held = record._is_held
    patch.setattr(record, "_is_held", lambda row_id, token: held(row_id, record.DELIVERY.c.token))
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
    patch.setattr(taking, "OPEN_CANARY", ())
    # Built anew, with these states.
    patch.setattr(taking, "_due_as_json", taking._due_as_json.__wrapped__)


def claims_in_quiet_hours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(taking, "_quiet_until", lambda: null())
    # Built anew, without them.
    patch.setattr(taking, "_due_as_json", taking._due_as_json.__wrapped__)


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
