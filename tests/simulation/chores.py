"""What a worker does beside sending, and how a world sees cheaply whether there is any of it to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.delivery.fanout.canary import CanaryRule, settle_canaries
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.queries import select_planning
from campaigns.delivery.receipts.merge import STRANGER_WAIT, apply_receipts
from campaigns.delivery.repair.reconcile import give_up, reap
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.service import expire_resting
from campaigns.delivery.timeouts import Patience
from campaigns.planning.policy import Policy
from tests.simulation.database import Database

#: As in production, but an hour of grace is some minutes: still more than the longest call and the worst clocks.
PATIENCE = Patience(
    reap_after=timedelta(seconds=60),
    grace=timedelta(seconds=200),
    interval=timedelta(seconds=75),
    unconfirmed_after=timedelta(seconds=500),
)
#: Of every run that has a canary.
CANARY = CanaryRule(people=3, wait=timedelta(seconds=4), failure_percent=50, opt_out_percent=50)
#: When rows have not changed, chores are looked for after so many seconds all the same: some depend on time.
LOOK_AGAIN = 12.0
#: What must be there for a chore to have something to do.
_WORK = {
    "plan": "SELECT 1 FROM run WHERE state = 'planning'",
    "receipts": "SELECT 1 FROM receipt WHERE applied_at IS NULL"
    " AND (received_at < :stranger OR EXISTS (SELECT 1 FROM delivery AS d WHERE d.reference = receipt.reference))"
    " UNION SELECT 1 FROM delivery WHERE send_state IN ('unknown', 'unconfirmed') AND receipt_id IS NOT NULL",
    "sweep": "SELECT 1 FROM run WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM delivery"
    " WHERE run_id = run.id AND (send_state IN ('queued', 'sending')"
    " OR send_state = 'unknown' AND json_extract(frozen, '$.resend_unknown')))"
    " UNION SELECT 1 FROM run JOIN delivery ON run_id = run.id"
    " WHERE (state, send_state) IN (('stopped', 'queued'), ('done', 'queued'), ('running', 'cancelled'))",
    "repair": "SELECT 1 FROM delivery WHERE send_state = 'sending' AND intent_at < :dead"
    " OR send_state = 'queued' AND expires_at <= :now",
    "canary": "SELECT 1 FROM run_canary AS c JOIN run ON run.id = run_id"
    " WHERE run.state = 'running' AND c.state <> 'passed'",
    "reconcile": "SELECT 1 FROM delivery WHERE send_state = 'unknown' AND intent_at < :old"
    " AND :listed AND NOT EXISTS (SELECT 1 FROM attempt WHERE delivery_id = delivery.id AND at > :lately"
    " AND outcome = 'reconciled') AND 2 > (SELECT count(*) FROM attempt WHERE delivery_id = delivery.id"
    " AND error = 'absent' AND at > intent_at)"
    " UNION SELECT 1 FROM delivery WHERE send_state = 'unknown' AND intent_at < :doubtful AND receipt_id IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM attempt WHERE delivery_id = delivery.id AND at > :doubtful"
    " AND outcome = 'reaped')",
}
_AGES = {
    "now": timedelta(0),
    "dead": PATIENCE.reap_after,
    "old": PATIENCE.grace,
    "doubtful": PATIENCE.unconfirmed_after,
    "lately": PATIENCE.interval,
    "stranger": STRANGER_WAIT,
}
_DUE = f"SELECT {', '.join(f'EXISTS ({condition})' for condition in _WORK.values())}"

Sessions = sessionmaker[Session]


def due_chores(database: Database, *, keeps_list: bool) -> list[str]:
    """Return the chores that will find something to do.

    It is looked up past every layer, because most looks find nothing and thousands of worlds take them.
    """
    now = clock.now()
    ages = {name: f"{now - age:%Y-%m-%d %H:%M:%S.%f}" for name, age in _AGES.items()}
    found = database.raw.execute(_DUE, ages | {"listed": keeps_list}).fetchone()
    return [name for name, is_due in zip(_WORK, found, strict=True) if is_due]


def plan(sessions: Sessions, chunk: int) -> None:
    """Fan out one chunk of each run that is being planned; a worker may be struck between two."""
    with sessions() as session:
        run_ids = list(session.scalars(select_planning()))
    for run_id in run_ids:
        chunks = iter((True,))
        fan_out(
            sessions,
            run_id,
            policy=Policy(90),
            canary=CANARY,
            chunk=chunk,
            may_go_on=lambda chunks=chunks: next(chunks, False),  # type: ignore[misc]
        )


def merge_receipts(sessions: Sessions, limit: int) -> None:
    """Apply so many receipts."""
    with sessions.begin() as session:
        apply_receipts(session, limit)


def bring_together(sessions: Sessions, limit: int) -> None:
    """Sweep runs and rows, so many in a transaction."""
    sweep(sessions, limit=limit)


def repair(sessions: Sessions, limit: int) -> None:
    """Reap what died, expire what rests."""
    with sessions.begin() as session:
        reap(session, reap_after=PATIENCE.reap_after)
        expire_resting(session, limit=limit)


def watch_canaries(sessions: Sessions, limit: int) -> None:
    """Let the rest of runs follow, or pause them, as their canaries fare."""
    settle_canaries(sessions, CANARY)


def abandon(sessions: Sessions, unlisted: frozenset[int]) -> None:
    """Give up what the provider's list, asked just now, did not settle in time."""
    with sessions.begin() as session:
        give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after, unlisted=unlisted)


Chore = Callable[[Sessions, int], None]
#: By name; each is given the sessions and how much to do at once. The provider is asked apart: it takes time.
CHORES: dict[str, Chore] = {
    "plan": plan,
    "receipts": merge_receipts,
    "sweep": bring_together,
    "repair": repair,
    "canary": watch_canaries,
}
