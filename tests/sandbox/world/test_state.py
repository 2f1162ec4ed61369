"""Memory is bounded: the oldest messages are forgotten, counts and waiting callbacks are not."""

import asyncio
from dataclasses import replace

from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.callbacks.webhooks import Webhooks
from campaigns.sandbox.world.chance import dice
from campaigns.sandbox.world.config import CallbackSettings
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.state import Message, World
from tests.sandbox.process import DEFAULTS, SENDER


def remember(world: World, to: str) -> Message:
    """Let a world remember one more queued message."""
    message = world.new_message(
        to=to, sender=SENDER, service=None, body="x", status="queued", direction="outbound-api"
    )
    world.remember(message)
    return message


def test_oldest_messages_are_forgotten_in_one_go() -> None:
    world = World(replace(DEFAULTS, keep_messages=5))
    for place in range(10_005):
        remember(world, f"+{place % 7}")
    assert [message.seq for message in world.log] == list(range(10_001, 10_006))
    assert len(world.by_sid) == 5
    assert sum(len(mine) for mine in world.by_person.values()) == 5
    assert world.totals == {"queued": 10_005}


def test_full_backlog_holds_stages_back_without_loss() -> None:
    async def story() -> tuple[int, int]:
        world = World(replace(DEFAULTS, callbacks=CallbackSettings(backlog=3)))
        webhooks = Webhooks(world.config, world.alert)
        life = Life(world, webhooks)
        world.timeline.set_factor(0)
        for place in range(20):
            message = remember(world, f"+38067123450{place}")
            message.callback_url = "http://127.0.0.1:9/s"
            life.begin(message, Plan(), dice("s", message.to, "", 1))
        await world.timeline.advance(60)
        most = webhooks.pending
        while len(world.timeline) or webhooks.pending:
            most = max(most, webhooks.pending)
            webhooks.drop_waiting()
            await world.timeline.advance(1)
        return most, webhooks.counts["webhooks"]

    assert asyncio.run(story()) == (3, 40)
