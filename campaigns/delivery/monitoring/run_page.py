"""Pages look at the organisation's own runs here, with alarms; those of large runs see what a worker counted.

Whoever is no data manager is shown a count for as long as `core/small_numbers.py` says, so that nobody learns from
a number that changes whose message it was just now. Alarms ring by the latest count, whoever looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

from flask import current_app
from flask.sansio.app import App
from sqlalchemy.orm import Session

from campaigns.audience.figures import is_long_ago
from campaigns.core import clock
from campaigns.core.errors import DamagedDataError
from campaigns.core.small_numbers import steady
from campaigns.core.words import N_
from campaigns.delivery.counts import FURTHEST, Steady, Tally, count_run, is_large
from campaigns.delivery.monitoring import progress
from campaigns.delivery.monitoring.alarm_facts import count_doubled, facts_of_run, has_few_receipts
from campaigns.delivery.monitoring.alarms import Alarm, ringing
from campaigns.delivery.monitoring.kept_tallies import (
    KeptTally,
    QuickCount,
    ask_for_comparison,
    ask_for_tally,
    find_kept,
)
from campaigns.delivery.monitoring.next_steps import Outlook, outlook_of
from campaigns.delivery.monitoring.progress import Progress, count_open_in
from campaigns.delivery.monitoring.time_zones import RunWave, WaveCount, waves_from, waves_of_run
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import patience_of
from campaigns.planning.lifecycle import GOING
from campaigns.planning.models import Run
from campaigns.staff.auth import current_organisation
from campaigns.staff.shown_numbers import sees_exact
from campaigns.web.current import settings
from campaigns.web.session import session, write_afterwards

T = TypeVar("T")

_KEY = "delivery_memory"


@dataclass(frozen=True, slots=True)
class Doubled:
    """How many deliveries were accepted more than once, as far as receipts told at that moment."""

    looked_at: datetime
    count: int
    #: Whether a worker is about to look again.
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class CountedRun:
    """What a page says of a run by; each part is of one moment."""

    tally: Tally
    #: Its states alone, where they were counted since.
    states: QuickCount | None = None
    #: False: it is large, and a worker has yet to count it.
    is_counted: bool = True
    #: Since when a new count by a worker is waited for.
    asked_at: datetime | None = None
    #: All that a worker keeps of it.
    kept: KeptTally = field(default_factory=KeptTally)


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How many deliveries of a run are not final."""

    people: int
    #: How many it had then.
    planned: int
    #: When a worker counted them; None: now.
    counted_at: datetime | None = None


@dataclass
class Memory:
    """What this process remembers of runs."""

    doubled: Steady[Doubled] = field(default_factory=Steady)
    #: What is shown to whoever is no data manager.
    shown_runs: Steady[CountedRun] = field(default_factory=Steady)
    shown_waves: Steady[list[RunWave]] = field(default_factory=Steady)
    #: Of the runs in a list, by organisation.
    shown_open: Steady[dict[int, OpenCount]] = field(default_factory=Steady)


@dataclass(frozen=True, slots=True)
class Look:
    """A run as a page shows it."""

    run: Run
    tally: Tally
    #: False: there are no figures yet.
    is_counted: bool
    #: Since when new ones are waited for; None: nobody waits.
    asked_at: datetime | None
    #: Whether a new count, which was waited for, is there: the member is shown it at the next minute.
    is_behind: bool
    #: Its waves as a worker counted them.
    waves: Sequence[WaveCount]
    progress: Progress
    alarms: list[Alarm]
    unknown: Outlook | None
    unconfirmed_since: datetime | None

    def waits_long(self) -> bool:
        """Say whether a new count is waited for longer than one that somebody works on."""
        return is_long_ago(self.asked_at)


def init_looking(app: App) -> None:
    """Give the application a memory of its own."""
    app.extensions[_KEY] = Memory()


def own_run(run_id: int) -> Run:
    """Return a run of the member's organisation. Raises NotFoundError alike for a missing and a foreign one."""
    return progress.get_run(session(), run_id, current_organisation().id)


def look_at(run: Run) -> Look:
    """Count a run, or read what a worker counted of it, and judge it."""
    now, counted, patience = clock.now(), counted_of(run), patience_of(settings())
    shown = _shown(run, _memory().shown_runs, lambda: counted) if counted.is_counted else counted
    tally = shown.tally
    return Look(
        run=run,
        tally=tally,
        is_counted=shown.is_counted,
        asked_at=counted.asked_at,
        is_behind=shown.asked_at is not None and counted.tally.counted_at > tally.counted_at,
        waves=counted.kept.waves,
        progress=progress.progress_of_run(session(), run, now=now, tally=tally, states=shown.states),
        alarms=alarms_of(run, counted),
        unknown=outlook_of(
            tally.first_call.get(SendState.UNKNOWN),
            patience,
            resends=bool(run.frozen.get("resend_unknown")) and run.state in GOING,
            now=now,
        ),
        unconfirmed_since=tally.first_call.get(SendState.UNCONFIRMED),
    )


def counted_of(run: Run) -> CountedRun:
    """Count a run, or read what a worker counted of it, and ask for a new count of what is old."""
    now = clock.now()
    if not is_large(run):
        return CountedRun(count_run(session(), run.id, now=now, most=FURTHEST), kept=_find_kept(run))
    kept = _find_kept(run)
    asked_at = kept.asked_at if kept.is_asked else None
    if asked_at is None and kept.is_old(run, now):
        asked_at = now
        _ask_afterwards(partial(ask_for_tally, run_ids=[run.id], now=now))
    if kept.tally is None:
        return CountedRun(Tally(now, noted=0), is_counted=False, asked_at=asked_at, kept=kept)
    return CountedRun(kept.tally, kept.states, asked_at=asked_at, kept=kept)


def unconfirmed_of(run: Run) -> CountedRun:
    """Read what a worker counted of a run with many unconfirmed deliveries; ask for a new count of what is old.

    Raises DamagedDataError when it could not count them.
    """
    counted, now = counted_of(run), clock.now()
    if counted.asked_at is None and counted.kept.has_old_groups(now):
        _ask_afterwards(partial(ask_for_tally, run_ids=[run.id], now=now))
    if counted.kept.unconfirmed is not None and not counted.kept.unconfirmed:
        raise DamagedDataError(N_("The unconfirmed messages of this run cannot be counted: its text is damaged."))
    return counted


def open_of(runs: Iterable[Run]) -> dict[int, OpenCount]:
    """Return how many deliveries of each run are not final, as the member is shown them.

    A run that a worker has yet to count is not in it.
    """
    runs = list(runs)
    if sees_exact():
        return _count_open(runs)
    word = steady(clock.now()), [(run.id, run.state) for run in runs]
    return _memory().shown_open.read(current_organisation().id, word, lambda: _count_open(runs))


def _count_open(runs: Sequence[Run]) -> dict[int, OpenCount]:
    large = [run.id for run in runs if is_large(run)]
    kept = {run_id: each.states for run_id, each in find_kept(session(), large).items() if each.states}
    small = {run.id: run for run in runs if not is_large(run)}
    counts = progress.count_open(session(), small.values())
    found = {run_id: OpenCount(people, small[run_id].planned) for run_id, people in counts.items()}
    return found | {
        run_id: OpenCount(count_open_in(each.by_state), sum(each.by_state.values()), each.counted_at)
        for run_id, each in kept.items()
    }


def waves_of(run: Run, look: Look) -> list[RunWave]:
    """Return the waves of a run; those of a large one are of its last tally."""
    if not is_large(run):
        return _shown(run, _memory().shown_waves, lambda: waves_of_run(session(), run))
    waves = look.waves
    return _shown(run, _memory().shown_waves, lambda: waves_from(session(), run, waves)) if waves else []


def alarms_of(run: Run, counted: CountedRun | None = None) -> list[Alarm]:
    """Return the alarms that ring over a run; its receipts are compared only when a page asks for it."""
    counted = counted or counted_of(run)
    tally, patience = counted.tally, patience_of(settings())
    how_far = progress.progress_of_run(session(), run, now=tally.counted_at, tally=tally)
    doubled = _doubled_of(run, counted.kept)
    facts = facts_of_run(session(), run, tally, how_far.by_sender, patience, doubled=doubled, now=clock.now())
    return ringing(facts, patience)


def _doubled_of(run: Run, kept: KeptTally) -> int | None:
    """Return what the latest look at the receipts found, by this process or by a worker."""
    known = _memory().doubled.find(run.id)
    if known is None or (kept.compared_at is not None and kept.compared_at > known.looked_at):
        return kept.doubled
    return known.count


def _find_kept(run: Run) -> KeptTally:
    return find_kept(session(), [run.id]).get(run.id, KeptTally())


def compare_receipts(run: Run) -> Doubled | None:
    """Look for deliveries that were accepted more than once, or return what was found lately.

    None: a worker looks, because there are many receipts.
    """
    now = clock.now()
    if not is_large(run) and has_few_receipts(session(), run):
        doubled, word = _memory().doubled, steady(now)
        return doubled.read(run.id, word, lambda: Doubled(now, count_doubled(session(), run)))
    kept, is_old = _find_kept(run), False
    if not kept.is_compared(now) and not kept.is_comparing:
        is_old = True
        _ask_afterwards(partial(ask_for_comparison, run_id=run.id, now=now))
    if kept.compared_at is None:
        return None
    return Doubled(kept.compared_at, kept.doubled or 0, is_old or kept.is_comparing)


def forget(run: Run) -> None:
    """Count a run anew for the next look, because a member changed it."""
    if is_large(run):
        ask_for_tally(session(), [run.id], now=clock.now())
    _memory().shown_runs.forget(run.id)
    _memory().shown_waves.forget(run.id)
    _memory().shown_open.forget(run.organisation_id)


def _ask_afterwards(ask: Callable[[Session], None]) -> None:
    """Ask for a count once the page is made: a page is only read."""
    # The page asks again when it renews itself.
    write_afterwards(ask, otherwise="a new count of a run could not be asked for")


def _shown(run: Run, kept: Steady[T], count: Callable[[], T]) -> T:
    """Count for a data manager, else once for each moment at which others are shown it."""
    if sees_exact():
        return count()
    return kept.read(run.id, (steady(clock.now()), run.state), count)


def _memory() -> Memory:
    return cast(Memory, current_app.extensions[_KEY])
