"""Gathers the facts that the alarms of a run are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.counts import Tally
from campaigns.delivery.fanout.canary import awaits_canary, count_waiting
from campaigns.delivery.fanout.merged_occurrences import count_untold
from campaigns.delivery.lanes.leader_lock import seconds_silent
from campaigns.delivery.models import Attempt, Delivery, Receipt
from campaigns.delivery.monitoring.alarms import (
    LIST_DELAY,
    LONG_TROUBLE,
    LONGEST_SILENCE,
    MOST_UNASKED,
    REAPER_DELAY,
    Facts,
)
from campaigns.delivery.monitoring.progress import SenderProgress
from campaigns.delivery.monitoring.rows import AFTER, BEFORE, first_receipt
from campaigns.delivery.queries import in_state, was_sent_again
from campaigns.delivery.repair.doubts import looked
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import Patience
from campaigns.planning.models import Health, Run, RunSender, RunState
from campaigns.staff.models import AuditEntry

#: Receipts that are read while a member waits, at most.
FEW_RECEIPTS = 20_000
#: How long ago any worker of the cluster said that it lives, in seconds by the database's own clock.
_SILENCE = text("SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers")


def facts_of_run(
    session: Session,
    run: Run,
    tally: Tally,
    senders: Sequence[SenderProgress],
    patience: Patience,
    *,
    doubled: int | None = None,
    now: datetime | None = None,
) -> Facts:
    """Gather the facts of a run as it was counted, and all else as it is `now`: at the count, where none is given.

    `doubled` is what `count_doubled` said, if anybody asked it.
    """
    now = now or tally.counted_at
    resting = frozenset(each.sender.id for each in senders if each.is_full or _is(each, Health.TROUBLED, run))
    waits_for_canary = awaits_canary(session, run.id)
    may_be_away = run.is_rehearsal and run.state == RunState.RUNNING
    return Facts(
        state=RunState(run.state),
        # Its chunks and their count are committed together, but read one after the other.
        planned=None if run.started_at is None or run.state == RunState.PLANNING else _noted(run, tally),
        tally=tally,
        now=now,
        is_sending_still=_is_sending(session, run, before=now - patience.reap_after - REAPER_DELAY),
        doubled=doubled,
        moved_at=_moved_at(session, run),
        heard_at=_heard_at(session, now),
        paused=frozenset(each.sender.id for each in senders if _is(each, Health.PAUSED, run)),
        # As with the health: a rehearsal may use a sender that is off.
        off=frozenset(each.sender.id for each in senders if not (each.sender.active or run.is_rehearsal)),
        resting=resting,
        troubled=frozenset(each.sender.id for each in senders if _is_long_troubled(each, run, now)),
        unasked=_count_unasked(session, run, tally, patience),
        is_overtaken=_is_overtaken(session, run),
        awaits_canary=waits_for_canary,
        canary_waits=count_waiting(session, run.id, resting) if waits_for_canary and resting else 0,
        unreached_since=_unreached_since(session, run) if may_be_away else None,
        untold=count_untold(session, run, tally),
    )


def has_few_receipts(session: Session, run: Run) -> bool:
    """Say whether so few receipts came while those of a run may have that they are read while a member waits."""
    since, until = _span_of_receipts(session, run)
    newest = (session.scalar(select(func.max(Receipt.id))) or 0) if until is None else until
    return newest - since < FEW_RECEIPTS


def count_doubled(session: Session, run: Run) -> int:
    """Count a run's deliveries with a receipt of another message than the one we know; reads all its receipts.

    What a member sent again may rightly have two.
    """
    since, until = _span_of_receipts(session, run)
    twice = (
        select(func.count(Delivery.id.distinct()))
        .join(Receipt, Receipt.reference == Delivery.reference)
        .where(Delivery.run_id == run.id, Receipt.id >= since)
        .where(Receipt.provider_id != "", Receipt.provider_id != Delivery.provider_id, ~was_sent_again())
    )
    return session.scalar(twice if until is None else twice.where(Receipt.id < until)) or 0


def _span_of_receipts(session: Session, run: Run) -> tuple[int, int | None]:
    """Return the first id of a receipt that may be of a run, and the first that is not; None: they still come."""
    since = first_receipt(session, (run.started_at or run.created_at) - BEFORE)
    return since, first_receipt(session, run.finished_at + AFTER) if run.finished_at else None


def _noted(run: Run, tally: Tally) -> int:
    return run.planned if tally.noted is None else tally.noted


def _is(each: SenderProgress, health: Health, run: Run) -> bool:
    # In a rehearsal the sandbox stands for the sender, however that fares.
    return not run.is_rehearsal and each.sender.health == health


def _unreached_since(session: Session, run: Run) -> datetime | None:
    """Return when the first call failed to reach its gateway since the last one that was accepted, or None."""
    ours = Delivery.run_id == run.id
    accepted_at = session.scalar(select(func.max(Delivery.intent_at)).where(ours, in_state(SendState.ACCEPTED)))
    unsent = select(func.min(Attempt.at)).join(Delivery, Delivery.id == Attempt.delivery_id)
    unsent = unsent.where(ours, Attempt.outcome == "not_sent")
    return session.scalar(unsent if accepted_at is None else unsent.where(Attempt.at > accepted_at))


def _moved_at(session: Session, run: Run) -> datetime | None:
    acts = select(func.max(AuditEntry.at)).where(
        AuditEntry.subject_type == Run.__tablename__, AuditEntry.subject_id == run.id
    )
    return session.scalar(acts)


def is_worker_alive(session: Session) -> bool:
    """Say whether any worker that sends gave a sign of life lately."""
    silence = seconds_without_worker(session)
    return silence is not None and silence <= LONGEST_SILENCE.total_seconds()


def seconds_without_worker(session: Session) -> float | None:
    """Return for how many seconds no worker gave a sign of life; None when none ever did."""
    bind = session.get_bind()
    is_sqlite = bind.dialect.name == "sqlite"
    silence = seconds_silent(bind.engine.url.database) if is_sqlite else session.scalar(_SILENCE)
    return None if silence is None else float(silence)


def _heard_at(session: Session, now: datetime) -> datetime | None:
    silence = seconds_without_worker(session)
    return None if silence is None else now - timedelta(seconds=silence)


def _is_sending(session: Session, run: Run, *, before: datetime) -> bool:
    calls = select(Delivery.id).where(Delivery.run_id == run.id, in_state(SendState.SENDING))
    return session.scalar(select(calls.where(Delivery.intent_at < before).exists())) or False


def _is_long_troubled(each: SenderProgress, run: Run, now: datetime) -> bool:
    since = each.sender.health_at
    return _is(each, Health.TROUBLED, run) and since is not None and now - since > LONG_TROUBLE


def _count_unasked(session: Session, run: Run, tally: Tally, patience: Patience) -> int:
    """Count the messages in doubt that would be a member's to decide by now, had their list been read once.

    Of very many some thousands are counted. Where the provider keeps no list they are that already.
    """
    before = tally.counted_at - patience.unconfirmed_after - LIST_DELAY
    oldest = tally.first_call.get(SendState.UNKNOWN)
    if oldest is None or oldest > before:
        return 0
    unasked = (
        select(Delivery.id)
        .where(Delivery.run_id == run.id, in_state(SendState.UNKNOWN), Delivery.intent_at < before)
        .where(~select(Attempt.id).where(looked()).exists())
        .limit(MOST_UNASKED + 1)
    )
    return session.scalar(select(func.count()).select_from(unasked.subquery())) or 0


def _is_overtaken(session: Session, run: Run) -> bool:
    """Say whether a more urgent running run shares a sender with this one."""
    mine, theirs = aliased(RunSender), aliased(RunSender)
    urgent = (
        select(Run.id)
        .join(theirs, theirs.run_id == Run.id)
        .join(mine, mine.sender_id == theirs.sender_id)
        .where(mine.run_id == run.id, Run.state == RunState.RUNNING, Run.priority > run.priority)
        .where(Run.is_rehearsal == run.is_rehearsal)
    )
    return session.scalar(select(urgent.exists())) or False
