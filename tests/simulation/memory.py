"""The store of quick worlds is the package's own in memory, with the plan's runs and an eye on each move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.audience.models import Channel
from campaigns.delivery.engine.queue.memory_store import MemoryDelivery, MemoryRun, MemoryStore
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.planning.models import Priority
from tests.simulation.database import SMS_SENDER, Move
from tests.simulation.plan import RunPlan
from tests.simulation.runs import channel_of, handle_of, text_of

#: Ids of a run's deliveries begin at this many times its number.
STEP = 1000


@dataclass(slots=True, kw_only=True)
class Delivery(MemoryDelivery):
    """One message to one person in one run."""

    contact_id: int
    #: When the provider's list did not have it.
    absent_at: datetime | None = None

    @property
    def of(self) -> str:
        return f"run {self.run.id} person {self.contact_id} ({self.state})"


class Memory(MemoryStore[Delivery]):
    """What all processes of a quick world share."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self.plans: dict[int, RunPlan] = {}
        self.on_move: Callable[[Move], None] = lambda move: None
        self._pace = pace

    def begin_run(self, run_id: int, plan: RunPlan, now: datetime) -> None:
        """Let a run begin as it is planned, with a delivery for each of its people."""
        sender_id = plan.senders[0]
        channel = channel_of(sender_id)
        self.plans[run_id] = plan
        self.senders[sender_id] = SenderFacts(
            sender_id, "memory", "memory", SMS_SENDER, self._pace, Channel(channel)
        )
        priority = Priority.URGENT if plan.is_urgent else Priority.ORDINARY
        run = MemoryRun(run_id, sender_id, text_of(run_id), priority=priority)
        later, expires_at = (now + timedelta(seconds=each) for each in (plan.second_zone_after, plan.lasts))
        rows = [
            Delivery(
                STEP * run_id + contact,
                run,
                _address_id(channel, contact),
                handle_of(channel, contact),
                f"run{run_id}person{contact}",
                now if contact % 3 else later,
                expires_at,
                contact_id=contact,
            )
            for contact in range(1, plan.people + 1)
        ]
        self.begin(run, rows)
        for row in rows:
            self.on_move(Move(row.id, run_id, row.contact_id, [None, row.state]))

    def move(self, row: Delivery, state: SendState) -> None:
        """Move a delivery, before everybody's eyes."""
        if row.state is not state:
            before = row.state
            super().move(row, state)
            if state is SendState.SENDING:
                row.absent_at = None
            self.on_move(Move(row.id, row.run.id, row.contact_id, [before, state]))

    def withdraw_person(self, contact_id: int, channels: Sequence[str] = tuple(Channel)) -> None:
        """Do not write to a person on these channels any more."""
        self.withdraw([_address_id(channel, contact_id) for channel in channels])

    def restore_person(self, channel: str, contact_id: int) -> None:
        """Write to a person on this channel again."""
        self.restore(_address_id(channel, contact_id))

    def heed(self, row: Delivery, action: Action) -> None:
        """Do with a person what a provider's refusal asks for: a stop reaches them on every channel."""
        if action is Action.OPT_OUT:
            self.withdraw_person(row.contact_id)
        else:
            super().heed(row, action)


def _address_id(channel: str, contact_id: int) -> int:
    return contact_id if channel == Channel.SMS else STEP + contact_id
