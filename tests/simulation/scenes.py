"""Worlds that were thought out instead of drawn: peace, and what is done at a certain moment of it."""

from __future__ import annotations

from collections.abc import Callable
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


def at_claims(world: World, act: Callable[[int], None]) -> World:
    """Tell `act` how often a delivery was claimed so far, each time, in the midst of the worker that claims."""
    seen, claims = world.database.on_move, 0

    def look(move: Move) -> None:
        nonlocal claims
        seen(move)
        if move.states[-1] == SendState.SENDING:
            claims += 1
            act(claims)

    world.database.on_move = look
    return world


def claim_that_is_slept_over() -> World:
    """Let a worker sleep on its claim until another one holds the row, and wake it while that one calls."""
    run = replace(RUN, people=1, resend_unknown=True)
    world = World(replace(PEACE, runs=(run,), workers=2, window=1, provider=ProviderPlan(reply_lost=1.0)))

    def act(claims: int) -> None:
        if claims == 1:
            world.crew.put_to_sleep(world.crew.number_at_work(), 600.0)
        elif claims == 2:
            world.timeline.after(3.0, world.crew.wake_all)

    return at_claims(world, act)


def look_that_is_slept_over(seconds: float) -> World:
    """Let a worker sleep for so long in a look that finds nothing, while the one message of its run is lost."""
    run = replace(RUN, people=1, resend_unknown=True)
    world = World(replace(PEACE, runs=(run,), window=1, provider=ProviderPlan(swallowed=1.0)))

    def sleep_once() -> None:
        world.database.on_empty = lambda: None
        world.crew.put_to_sleep(world.crew.number_at_work(), seconds)

    world.database.on_empty = sleep_once
    return world
