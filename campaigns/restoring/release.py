"""Lets a latched instance send again: what it forgot is settled first, and what cannot be settled is not sent.

Each step may be repeated, and until the last one has committed the instance stays latched: whoever dies here
begins again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.continuity.latch import hold_instance
from campaigns.continuity.marks import read_marks
from campaigns.continuity.models import Instance, Pulse
from campaigns.continuity.places import files_of, place_of
from campaigns.core import clock
from campaigns.core.errors import FingerpostError, UnavailableError
from campaigns.core.sentences import Sentence
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.delivery.fanout.canary import canary_rule_of
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.monitoring.kept_tallies import unsettle_all
from campaigns.delivery.queries import find_last_intent, select_planning
from campaigns.example.queries import may_have_provider
from campaigns.gateways.base import Gateway
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from campaigns.reach.releases.joint import end_all_waiting
from campaigns.restoring.doubts_settled import (
    Settled,
    give_up_unlisted,
    select_awaited,
    select_waiting,
    settle_page,
)
from campaigns.restoring.listed import SLACK, Account, load_accounts
from campaigns.staff import audit

#: What members read of a run that was not planned to its end when the backup was made.
UNPLANNED = N_("This system was restored from a backup. Was this run sent already, before that?")


@dataclass(frozen=True, slots=True)
class Restored:
    """The instance that is released, and how its providers are reached."""

    sessions: sessionmaker[Session]
    settings: Settings
    open_gateway: Callable[[SenderFacts], Gateway]


async def settle_by_lists(restored: Restored, *, is_list_needed: bool = True) -> tuple[Settled, list[Account]]:
    """Hold every provider's list against our rows; return what was found, and the accounts without a list.

    Runs that were being planned are planned to their end first: whom else they wrote to since the backup, only the
    list can tell. Raises UnavailableError when a list cannot be read; without `is_list_needed`, the senders of
    such an account count as ones whose provider keeps none.
    """
    sessions, settings = restored.sessions, restored.settings
    _plan_to_the_end(sessions, settings)
    with sessions() as session:
        since = _find_beginning(session)
        accounts = load_accounts(session, may_have_provider(settings.secrets), also=select_awaited())
    settled, unlisted = Settled(), []
    for account in accounts:
        try:
            if not await _settle_account(restored, account, since, settled):
                unlisted.append(account)
        except FingerpostError:
            if is_list_needed:
                raise
            unlisted.append(account)
    return settled, unlisted


def release(restored: Restored, settled: Settled, unlisted: Collection[Account], *, stops: int = 0) -> None:
    """Make unknown what no list can tell of, and let the instance send again; one transaction, audited."""
    senders = [sender for account in unlisted for sender in account]
    with restored.sessions.begin() as session:
        instance = hold_instance(session)
        channels = {Channel(sender.channel) for sender in senders}
        settled.unknown += give_up_unlisted(session, channels, [sender.sender_id for sender in senders])
        unsettle_all(session)
        _mark_unplanned(session)
        end_all_waiting(session)
        _begin_epoch(session, instance, restored.settings)
        audit.record(
            session,
            "instance.release",
            subject=instance,
            organisation_id=None,
            found=settled.found,
            unknown=settled.unknown,
            foreign=settled.foreign,
            stops=stops,
        )


async def _settle_account(restored: Restored, account: Account, since: datetime, settled: Settled) -> bool:
    """Settle what one account's list tells; return False when its provider keeps none."""
    gateway = restored.open_gateway(account[0])
    vault = restored.settings.vault()
    try:
        if not gateway.keeps_list:
            return False
        async for page in gateway.list_since(since - SLACK):
            settle_page(restored.sessions, account, page, settled, vault=vault, since=since)
    except UnavailableError as error:
        raise UnavailableError(f"The list of sender {account[0].sender_id} cannot be read: {error}") from error
    finally:
        await gateway.close()
    return True


def _plan_to_the_end(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions() as session:
        planning = session.scalars(select_planning()).all()
    plan = partial(fan_out, sessions, policy=Policy.of(settings))
    for run_id in planning:
        plan(run_id, canary=canary_rule_of(settings))


def _find_beginning(session: Session) -> datetime:
    """Return since when the lists are read: the last sign of life, or the beginning of a run that may go on.

    A worker that did not notice the restore may have given a sign of life since; the beginning of a run is sure,
    also of one that is stopped here and may have gone on after the backup.
    """
    begun = func.coalesce(Run.started_at, Run.created_at)
    may_go_on = or_(Run.state.in_(LIVING), Run.id.in_(select_waiting()))
    earliest = session.scalar(select(func.min(begun)).where(may_go_on, ~Run.is_rehearsal))
    signs = [session.scalar(select(func.max(Pulse.seen_at))), find_last_intent(session), earliest]
    return min((sign for sign in signs if sign is not None), default=clock.now())


def _mark_unplanned(session: Session) -> None:
    """Tell whoever lets a run go on that its people may have got it: no row says so yet.

    They read it beside why it rests, which may be that a partner withdrew what it says.
    """
    resting = (RunState.HELD, RunState.PAUSED, RunState.STOPPED)
    waiting = select(Run).where(Run.state.in_(resting), Run.started_at.is_(None))
    for run in session.scalars(waiting):
        asked = Sentence(UNPLANNED)
        if UNPLANNED not in str(run.reason):
            run.reason = Sentence.together([run.reason, asked]) if run.reason else asked


def _begin_epoch(session: Session, instance: Instance, settings: Settings) -> None:
    """Let the database begin anew where it is: what machines noted of it before counts no more."""
    url = session.get_bind().engine.url
    marks = read_marks(files_of(url, settings.state_path, "mark"))
    session.execute(delete(Pulse))
    instance.forgiven = sorted({*instance.forgiven, *(mark.code for mark in marks)} - {instance.code})
    highest = max((mark.epoch for mark in marks if mark.code == instance.code), default=0)
    instance.epoch = max(instance.epoch, highest) + 1
    instance.place, instance.released_at = place_of(session.connection()), clock.now()
    instance.latched_at = instance.latched_because = None
