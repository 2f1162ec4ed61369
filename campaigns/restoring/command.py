"""`fingerpost resume-after-restore`: what is doubtful is shown, settled, and then the instance sends again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from campaigns.continuity.journal import journal_of, keep_journal
from campaigns.continuity.lifeline import Standing, lifeline_of
from campaigns.continuity.models import Instance
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.delivery.queries import find_last_intent
from campaigns.delivery.repair.doubts import AFTER
from campaigns.missed_inbound import MissedInbound
from campaigns.restoring.overview import doubts_of
from campaigns.restoring.release import Restored, release, settle_by_lists
from campaigns.restoring.replaying import Replayed, replay
from campaigns.verifying import gateway_of

#: Longest that a call may take to stand in its provider's list, since the copy that made it ended.
SETTLES_AFTER = AFTER


def resume_after_restore(
    settings: Settings,
    *,
    journals: Sequence[Path] = (),
    is_list_needed: bool,
    confirm: Callable[[], bool],
    settles_after: timedelta = SETTLES_AFTER,
) -> Iterator[str]:
    """Release a latched instance, telling line by line what is found and done.

    Stops are done again from this machine's journal and from `journals`, before anything else; those of `journals`
    also where nothing is latched, as where a machine's snapshot took database, mark and journal back together.
    `confirm` is asked once everything doubtful is shown; nothing is changed before it says yes. Lists are read
    when the instance has been latched for `settles_after`: what was called just before may be in none yet. Raises
    UnavailableError when a provider's list cannot be read and `is_list_needed`.
    """
    engine = make_engine(settings.database_url)
    restored = Restored(make_sessions(engine), settings, partial(gateway_of, settings))
    try:
        is_latched = _judge(restored) is Standing.LATCHED
        if not is_latched:
            yield "This instance is not latched: nothing has to be released."
            if not journals:
                return
        with restored.sessions() as session:
            yield from doubts_of(session)
        if not confirm():
            yield "Nothing was changed."
        elif is_latched:
            yield from _let_calls_end(restored, settles_after)
            yield from _release(restored, journals, is_list_needed)
        else:
            yield from _told(replay(restored.sessions, journals))
    finally:
        engine.dispose()


def _let_calls_end(restored: Restored, settles_after: timedelta) -> Iterator[str]:
    """Wait until a call of another copy, made before this one was latched, is in its provider's list or failed."""
    with restored.sessions() as session:
        latched_at = session.scalar(select(Instance.latched_at))
    until = (latched_at or clock.now()) + settles_after
    left = (until - clock.now()).total_seconds()
    if left > 0:
        yield f"Waiting until {until:%H:%M:%S} UTC: the last calls may not be in the providers' lists yet."
        time.sleep(left)


def _release(restored: Restored, journals: Sequence[Path], is_list_needed: bool) -> Iterator[str]:
    engine = restored.sessions.kw["bind"]
    own = journal_of(engine.url, restored.settings.state_path)
    replayed = replay(restored.sessions, [*(own.found_here() if own else ()), *journals])
    yield from _told(replayed)
    # What is heard now stands in no journal yet, as what was replayed does.
    hearing = make_sessions(engine)
    keep_journal(hearing, restored.settings.state_path)
    missed = asyncio.run(MissedInbound(hearing, restored.settings).look_once())
    if missed and is_list_needed:
        raise UnavailableError(f"What people wrote to {len(missed)} senders since the backup cannot be asked for.")
    settled, unlisted = asyncio.run(settle_by_lists(restored, is_list_needed=is_list_needed))
    release(restored, settled, unlisted, stops=replayed.stops)
    yield f"{settled.found} messages were sent after the backup and count as accepted now."
    yield f"{settled.unknown} may have been sent; none of them is sent again unless a member says so."
    if settled.foreign:
        yield f"{settled.foreign} more went to people of yours from runs that the backup does not know."
    yield "This instance may send again."


def _told(replayed: Replayed) -> Iterator[str]:
    said = f"{replayed.stops} stops, {replayed.holds} holds and {replayed.starts} starts"
    yield f"{said} of the journals were done again."
    if replayed.damaged:
        yield f"{replayed.damaged} lines of the journals cannot be read."


def _judge(restored: Restored) -> Standing:
    """Judge the database as a worker does, and latch it if need be."""
    lifeline = lifeline_of(restored.sessions, restored.settings.state_path, last_intent=find_last_intent)
    if lifeline is None:
        return Standing.OPEN
    try:
        while (standing := lifeline.tend()) in (Standing.UNSURE, Standing.WATCHING):
            time.sleep(0.5)
        return standing
    finally:
        lifeline.close()
