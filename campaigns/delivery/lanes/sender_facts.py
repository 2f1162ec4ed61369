"""A lane is one sender, for people or in rehearsal; here stand its names and what it knows of that sender."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.audience.models import Channel
from campaigns.planning.models import Health, Sender

#: What one lane serves: the id of a sender, and whether it rehearses.
LaneKey = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class Line:
    """What one lane serves: a sender, for people or in rehearsal."""

    sender_id: int
    channel: Channel = Channel.SMS
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What a lane needs to know of its sender."""

    sender_id: int
    #: Kind of gateway and name of its credential.
    gateway: str
    secret_name: str
    #: Number, name or service that messages come from.
    identity: str
    #: Parts per second.
    pace: float
    channel: Channel
    health: Health = Health.WELL
    is_rehearsal: bool = False
    #: Whose it is; None: shared.
    organisation_id: int | None = None

    @property
    def line(self) -> Line:
        """What a lane with this sender serves."""
        return Line(self.sender_id, self.channel, self.is_rehearsal)


def facts_of(sender: Sender, *, is_rehearsal: bool = False) -> SenderFacts:
    """Return what a lane, or a look into the provider's list, needs to know of a sender."""
    return SenderFacts(
        sender_id=sender.id,
        gateway=sender.gateway,
        secret_name=sender.secret_name,
        identity=sender.identity,
        pace=sender.pace,
        channel=Channel(sender.channel),
        health=Health(sender.health),
        is_rehearsal=is_rehearsal,
        organisation_id=sender.organisation_id,
    )
