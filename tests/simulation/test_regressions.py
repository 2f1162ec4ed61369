"""What the simulation found, told shortly; each was a failing seed first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.delivery.states import SendState
from tests.simulation.database import PEOPLE
from tests.simulation.plan import SMS, ProviderPlan
from tests.simulation.scenes import PEACE, RUN, at_claims, claim_that_is_slept_over, look_that_is_slept_over
from tests.simulation.world import World


def test_peaceful_world_sends_everything_once() -> None:
    outcome = World(PEACE).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}
    assert outcome.counts["accepted"] == 20


def test_claims_of_a_stopping_worker_go_back() -> None:
    """What a claim brought after the callers had left waited for the reaper, and ended as unknown."""
    world = World(PEACE)
    outcome = at_claims(world, lambda claims: world.crew.restart(0) if claims == 1 else None).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}
    assert not [line for line in outcome.trace if "unknown" in line[1]]


def test_sleeper_wakes_after_its_run_is_done() -> None:
    """Claims that a sleeper gave back stayed queued for ever in a run that had ended meanwhile."""
    asleep = replace(PEACE, workers=2, provider=ProviderPlan(slowness=2.0))
    world = World(asleep)
    for number in (0, 1):
        world.timeline.at(0.5 + number / 10, partial(world.crew.put_to_sleep, number, 200.0))
    outcome = world.live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}


def test_old_claim_does_not_touch_a_new_one() -> None:
    outcome = claim_that_is_slept_over().live()
    assert outcome.broken == []
    assert outcome.counts["pauses"] == outcome.counts["accepted"] == 1


def test_lifted_limit_holds_nobody_back() -> None:
    """The count of the day before the limit was lifted went on holding the sender until its worker ended."""
    outcome = World(replace(PEACE, daily_limits={SMS: 5})).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}


def test_limit_holds_among_several_workers() -> None:
    """Two workers of one file each claimed what the last count had left: together far more than a day's limit."""
    outcome = World(replace(PEACE, workers=2, pace=1000.0, daily_limits={SMS: 5})).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}


def test_lifted_limit_is_seen_by_each_worker() -> None:
    """What one worker, which still knew the old limit, found empty was taken for empty by all the others."""
    outcome = World(replace(PEACE, workers=3, window=2, daily_limits={SMS: 2})).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}


def test_damaged_number_delays_nobody_else() -> None:
    outcome = World(replace(PEACE, damaged=[7])).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 19, SendState.FAILED: 1}


def test_urgent_run_goes_first() -> None:
    urgent = replace(RUN, people=10, starts_at=2.0, is_urgent=True)
    outcome = World(replace(PEACE, runs=(replace(RUN, people=PEOPLE), urgent), pace=3.0)).live()
    calls = [(at, of) for at, what, of in outcome.trace if what == "call"]
    moments = [at for at, of in calls if of.startswith("run 2 ")]
    between = [of for at, of in calls if min(moments) < at < max(moments) and of.startswith("run 1 ")]
    assert outcome.broken == []
    assert min(moments) < 2.0 + 5.0
    # What was on its way already.
    assert len(between) <= PEACE.window


def test_rehearsal_writes_to_nobody() -> None:
    rehearsal = replace(RUN, is_rehearsal=True, is_fanned_out=True)
    outcome = World(replace(PEACE, runs=(rehearsal, RUN))).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: SMALLEST_SHOWN + 20}


def test_sleep_in_a_look_for_work_delays_nothing_later() -> None:
    """A look that a sleep stretched to minutes put the next one off for the better part of an hour."""
    outcome = look_that_is_slept_over(300.0).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 1}
