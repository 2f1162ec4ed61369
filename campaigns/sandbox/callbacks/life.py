"""An accepted message goes through stages on the clock, at its sender's pace, with a callback for each."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from campaigns.sandbox.callbacks.notice import notice_form, report_form
from campaigns.sandbox.callbacks.webhooks import PLAIN_FORM, Webhook, Webhooks
from campaigns.sandbox.faults.create_checks import LATER_WITH_SERVICE
from campaigns.sandbox.faults.faults import outcome_of
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.profile import Outcome, Profile
from campaigns.sandbox.world.state import Message, World
from campaigns.sandbox.world.whatsapp_rules import NOBODY_THERE

#: Seconds a stage waits while the backlog of callbacks is full.
_BREATHER_S = 0.25
#: Seconds between the copies, or the reordered callbacks, of one message.
_SPACING_S = 0.03
_TURN_S = 5.0
#: Thousands of the codes that phone networks report.
_NETWORK_CODES = 30


@dataclass(slots=True, eq=False)
class Run:
    """A message on its way."""

    message: Message
    plan: Plan
    luck: Random
    profile: Profile
    outcome: Outcome
    #: The person will read it, which only WhatsApp tells.
    is_read: bool = False
    #: Callbacks kept back until all are there: to reorder them, or to send them before the answer.
    held: list[Webhook] = field(default_factory=list)


Step = Callable[[Run], None]


class Life:
    """Moves messages through their stages."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks

    def begin(self, message: Message, plan: Plan, luck: Random) -> Run:
        """Start the stages after the initial status, which has no callback."""
        profile = self._world.profile_for(message.to)
        run = Run(message, plan, luck, profile, plan.outcome or profile.draw_outcome(luck))
        if message.is_whatsapp:
            _fit_to_whatsapp(run)
        if message.status == "scheduled" and message.send_at is not None:
            self._at(message.send_at, self._queue, run)
        elif message.service:
            self._next(self._queue, run)
        else:
            self._enter(run)
        return run

    def cancel(self, message: Message) -> None:
        """Cancel a scheduled message and say so."""
        self._world.move(message, "canceled")
        if message.callback_url:
            form = notice_form(message, "canceled", 0)
            self._webhooks.put(Webhook(message.callback_url, form, message.sid, account=message.account))

    async def deliver_early(self, run: Run) -> None:
        """Deliver the held callbacks, one after the other, before the create call is answered."""
        for webhook in run.held:
            self._webhooks.counts["early"] += 1
            await self._webhooks.deliver(webhook)

    def _queue(self, run: Run) -> None:
        """Choose the sender of a Messaging Service and queue there."""
        message, world = run.message, self._world
        if message.status == "canceled" or message.service is None:
            return
        code = LATER_WITH_SERVICE.get(run.plan.error, 0)
        if not code and world.is_blocked(message.to, message.service):
            code = 21610
        if not code and message.sender is None:
            code = self._choose_sender(message)
        if code:
            self._end(run, "failed", code)
            return
        world.move(message, "queued")
        self._tell(run, "queued")
        self._enter(run)

    def _choose_sender(self, message: Message) -> int:
        """Give a message the pool's sender that always serves its person; return an error code if none can."""
        pool = self._world.pool_for(message.service or "", message.to)
        if not pool:
            return 21703
        queue = pool[zlib.crc32(message.to.encode()) % len(pool)]
        message.sender = queue.sender.address
        return 30001 if queue.waiting_s(self._world.timeline.now()) > self._world.fixture.queue_s else 0

    def _enter(self, run: Run) -> None:
        """Wait for a slot of the sender, or expire."""
        message, now = run.message, self._world.timeline.now()
        deadline = max(message.created_at, message.send_at or 0) + message.validity_s
        queue = self._world.senders.get(message.sender or "")
        slot = queue.book(message.billed_parts, now=now, deadline=deadline) if queue else now
        if slot is None:
            self._at(deadline, self._expire, run)
        elif slot > now:
            self._at(slot, self._send, run)
        else:
            self._next(self._send, run)

    def _expire(self, run: Run) -> None:
        self._end(run, "failed", 30036)

    def _send(self, run: Run) -> None:
        """Hand the message to the network, unless its end is to fail before that."""
        message, (status, code) = run.message, run.outcome
        if message.is_whatsapp and status != "failed" and (refusal := self._world.whatsapp_error(message)):
            status, code = outcome_of(refusal)
        if status == "failed":
            self._end(run, status, code)
            return
        self._charge(message)
        self._world.move(message, "sent")
        self._tell(run, "sent")
        if run.plan.is_strange:
            self._tell(run, "handed_over", lag=_SPACING_S)
        if status == "sent":
            self._release(run)
        else:
            self._next(self._finish, run)

    def _charge(self, message: Message) -> None:
        """Give a message that goes out its parts and its price."""
        world = self._world
        message.sent_at = world.timeline.now()
        message.parts = message.billed_parts
        is_free = message.is_whatsapp and world.is_in_window(message)
        message.price = 0.0 if is_free else world.price_for(message.to, message.parts)
        world.cost += message.price

    def _finish(self, run: Run) -> None:
        status, code = run.outcome
        if run.is_read and status == "delivered":
            self._world.move(run.message, status)
            self._tell(run, status)
            self._next(self._read, run)
            return
        self._end(run, status, code)
        if run.plan.turns_delivered:
            self._at(self._world.timeline.now() + _TURN_S, self._turn, run)

    def _read(self, run: Run) -> None:
        self._end(run, "read", 0)

    def _turn(self, run: Run) -> None:
        self._end(run, "delivered", 0)

    def _end(self, run: Run, status: str, code: int) -> None:
        self._world.move(run.message, status, code)
        for _ in range(run.message.parts if run.plan.is_per_part else 1):
            self._tell(run, status, code)
        self._release(run)

    def _next(self, step: Step, run: Run) -> None:
        """Take the next step after the profile's waiting time, or at once for callbacks before the answer."""
        if run.plan.order == "early":
            step(run)
        else:
            self._world.timeline.after(run.profile.stage.draw(run.luck), self._do, step, run)

    def _at(self, moment: float, step: Step, run: Run) -> None:
        self._world.timeline.after(moment - self._world.timeline.now(), self._do, step, run)

    def _do(self, step: Step, run: Run) -> None:
        if self._webhooks.is_full:
            self._world.timeline.after(_BREATHER_S, self._do, step, run)
        else:
            step(run)

    def _tell(self, run: Run, status: str, code: int = 0, *, lag: float = 0.0) -> None:
        """Send the callback of a stage, as often and as late as plan and profile want."""
        message, plan = run.message, run.plan
        if not message.callback_url or plan.is_silent:
            return
        is_twilio = message.provider == "twilio"
        form = (notice_form if is_twilio else report_form)(message, status, code)
        if plan.is_strange:
            form.append(("CarrierHint", "unknown"))
        webhook = Webhook(
            message.callback_url,
            form,
            message.sid,
            plan.is_badly_signed,
            headers=None if is_twilio else PLAIN_FORM,
            account=message.account,
        )
        if plan.order:
            run.held.append(webhook)
            return
        for copy in range(self._copies(run)):
            delay = lag + copy * _SPACING_S + run.profile.callback.delay.draw(run.luck)
            self._put_after(delay, webhook)

    def _copies(self, run: Run) -> int:
        """Return how often a callback goes out; chance may lose or double it."""
        if run.plan.is_exact:
            return run.plan.copies
        chance = run.profile.callback
        lost, doubled = run.luck.random() < chance.lose_p, run.luck.random() < chance.duplicate_p
        self._webhooks.counts["lost"] += lost
        return 0 if lost else run.plan.copies + doubled

    def _release(self, run: Run) -> None:
        """Let held callbacks go in their other order; early ones wait for `deliver_early`."""
        if run.plan.order == "early":
            return
        webhooks, run.held = run.held, []
        if run.plan.order == "reversed":
            webhooks.reverse()
        else:
            run.luck.shuffle(webhooks)
        for place, webhook in enumerate(webhooks):
            for copy in range(self._copies(run)):
                self._put_after((place + copy * len(webhooks)) * _SPACING_S, webhook)

    def _put_after(self, delay: float, webhook: Webhook) -> None:
        if delay > 0:
            self._world.timeline.after(delay, self._webhooks.put, webhook)
        else:
            self._webhooks.put(webhook)


def _fit_to_whatsapp(run: Run) -> None:
    """Let chance decide on reading, and give what a phone network reports a meaning on WhatsApp."""
    if run.plan.is_exact:
        return
    run.is_read = run.luck.random() < run.profile.read_p
    if run.outcome[1] // 1000 == _NETWORK_CODES:
        run.outcome = outcome_of(NOBODY_THERE)
