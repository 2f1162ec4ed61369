"""Pages look at the organisation's own runs here, with alarms, and count them no more often than it is worth.

Whoever is no data manager is shown a count for as long as `core/small_numbers.py` says, so that nobody learns from
a number that changes whose message it was just now. Alarms ring by the latest count, whoever looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

from flask import current_app
from flask.sansio.app import App

from campaigns.core import clock
from campaigns.core.small_numbers import steady
from campaigns.delivery.counts import Remembered, Steady, Tally, count_run, is_large
from campaigns.delivery.monitoring import progress
from campaigns.delivery.monitoring.alarm_facts import count_doubled, facts_of_run
from campaigns.delivery.monitoring.alarms import Alarm, ringing
from campaigns.delivery.monitoring.next_steps import Outlook, outlook_of
from campaigns.delivery.monitoring.progress import Progress
from campaigns.delivery.monitoring.time_zones import RunWave, is_long, waves_of_run
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import patience_of
from campaigns.planning.lifecycle import GOING
from campaigns.planning.models import Run
from campaigns.staff.auth import current_organisation
from campaigns.staff.shown_numbers import sees_exact
from campaigns.web.current import settings
from campaigns.web.session import session

T = TypeVar("T")

_KEY = "delivery_memory"


@dataclass(frozen=True, slots=True)
class Doubled:
    """How many deliveries were accepted more than once, as far as receipts told at that moment."""

    looked_at: datetime
    count: int


@dataclass
class Memory:
    """What this process remembers of runs."""

    tallies: Remembered[Tally] = field(default_factory=lambda: Remembered(is_large))
    waves: Remembered[list[RunWave]] = field(default_factory=lambda: Remembered(is_long))
    doubled: Remembered[Doubled] = field(default_factory=lambda: Remembered(lambda _: True))
    #: What is shown to whoever is no data manager.
    shown_tallies: Steady[Tally] = field(default_factory=Steady)
    shown_waves: Steady[list[RunWave]] = field(default_factory=Steady)
    #: Of the runs in a list, by organisation.
    shown_open: Steady[dict[int, int]] = field(default_factory=Steady)


@dataclass(frozen=True, slots=True)
class Look:
    """A run as a page shows it."""

    run: Run
    tally: Tally
    progress: Progress
    alarms: list[Alarm]
    unknown: Outlook | None
    unconfirmed_since: datetime | None


def init_looking(app: App) -> None:
    """Give the application a memory of its own."""
    app.extensions[_KEY] = Memory()


def own_run(run_id: int) -> Run:
    """Return a run of the member's organisation. Raises NotFoundError alike for a missing and a foreign one."""
    return progress.get_run(session(), run_id, current_organisation().id)


def look_at(run: Run) -> Look:
    """Count a run, or remember its last count, and judge it."""
    now, tally, patience = clock.now(), shown_tally_of(run), patience_of(settings())
    return Look(
        run=run,
        tally=tally,
        progress=progress.progress_of_run(session(), run, now=now, tally=tally),
        alarms=alarms_of(run),
        unknown=outlook_of(
            tally.first_call.get(SendState.UNKNOWN),
            patience,
            resends=bool(run.frozen.get("resend_unknown")) and run.state in GOING,
            now=now,
        ),
        unconfirmed_since=tally.first_call.get(SendState.UNCONFIRMED),
    )


def tally_of(run: Run) -> Tally:
    """Return the count of a run; that of a large one may be some seconds old."""
    return _memory().tallies.read(run.id, lambda: count_run(session(), run.id, now=clock.now()))


def shown_tally_of(run: Run) -> Tally:
    """Return the count of a run that the member is shown: for most, one a minute."""
    return _shown(run, _memory().shown_tallies, lambda: tally_of(run))


def open_of(runs: Iterable[Run]) -> dict[int, int]:
    """Return how many deliveries of each run are not final, as the member is shown them."""
    runs = list(runs)
    if sees_exact():
        return progress.count_open(session(), runs)
    return _memory().shown_open.read(
        current_organisation().id,
        (steady(clock.now()), [(run.id, run.state) for run in runs]),
        lambda: progress.count_open(session(), runs),
    )


def waves_of(run: Run) -> list[RunWave]:
    """Return the waves of a run; those of a large one may be some seconds old."""
    waves = _memory().waves
    return _shown(run, _memory().shown_waves, lambda: waves.read(run.id, lambda: waves_of_run(session(), run)))


def alarms_of(run: Run) -> list[Alarm]:
    """Return the alarms that ring over a run; its receipts are compared only when a page asks for it."""
    tally = tally_of(run)
    return _alarms(run, tally, progress.progress_of_run(session(), run, now=tally.counted_at, tally=tally))


def _alarms(run: Run, tally: Tally, how_far: Progress) -> list[Alarm]:
    known = _memory().doubled.find(run.id)
    doubled, patience = known.count if known else None, patience_of(settings())
    return ringing(facts_of_run(session(), run, tally, how_far.by_sender, patience, doubled=doubled), patience)


def compare_receipts(run: Run) -> Doubled:
    """Look for deliveries that were accepted more than once, or remember when that was looked for lately."""
    return _memory().doubled.read(run.id, lambda: Doubled(clock.now(), count_doubled(session(), run)))


def forget(run: Run) -> None:
    """Count a run anew for the next look, because a member changed it."""
    _memory().tallies.forget(run.id)
    _memory().waves.forget(run.id)
    _memory().shown_tallies.forget(run.id)
    _memory().shown_waves.forget(run.id)
    _memory().shown_open.forget(run.organisation_id)


def _shown(run: Run, kept: Steady[T], count: Callable[[], T]) -> T:
    """Count for a data manager, else once for each moment at which others are shown it."""
    if sees_exact():
        return count()
    return kept.read(run.id, (steady(clock.now()), run.state), count)


def _memory() -> Memory:
    return cast(Memory, current_app.extensions[_KEY])
