"""What the simulation found, told shortly; each was a failing seed first."""

from __future__ import annotations

from dataclasses import replace

from campaigns.delivery.states import SendState
from tests.simulation.database import Move
from tests.simulation.plan import SMS, Plan, ProviderPlan, ReceiptPlan, RunPlan
from tests.simulation.world import World

RUN = RunPlan(people=20, senders=(SMS,), resend_unknown=False, starts_at=0.0, lasts=7200.0)
PEACE = Plan(
    seed=0,
    runs=(RUN,),
    workers=1,
    window=4,
    pace=10.0,
    provider=ProviderPlan(),
    receipts=ReceiptPlan(silent=0.0, failing=0.0, spread=1.0),
    blow_steps=None,
    pauses=0.0,
    longest_pause=60.0,
)


def test_peaceful_world_sends_everything_once() -> None:
    outcome = World(PEACE).live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}
    assert outcome.counts["accepted"] == 20


def test_claims_of_a_stopping_worker_go_back() -> None:
    """What a claim brought after the callers had left waited for the reaper, and ended as unknown."""
    world, claims = World(PEACE), []
    seen = world.database.on_move

    def stop_at_claim(move: Move) -> None:
        seen(move)
        if move.states[-1] == SendState.SENDING and not claims:
            claims.append(move)
            world.restart_worker(0)

    world.database.on_move = stop_at_claim
    outcome = world.live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}
    assert not [line for line in outcome.trace if "unknown" in line[1]]


def test_sleeper_wakes_after_its_run_is_done() -> None:
    """Claims that a sleeper gave back stayed queued for ever in a run that had ended meanwhile."""
    asleep = replace(PEACE, workers=2, provider=ProviderPlan(slowness=2.0))
    world = World(asleep)
    for number in (0, 1):
        world.timeline.at(0.5 + number / 10, lambda number=number: world.put_to_sleep(number, 200.0))
    outcome = world.live()
    assert outcome.broken == []
    assert outcome.states == {SendState.ACCEPTED: 20}
