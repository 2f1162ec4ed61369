"""Pure functions say whether somebody may be answered now, where they wrote last.

A page and the server ask the same question, so that nothing looks sent that nobody receives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.audience.models import AddressState, Channel
from campaigns.audience.walk import FREE_TEXT

#: Longest time for which an answer waits to be called; it answers what they asked then.
ANSWER_LIVES = timedelta(hours=24)


class Obstacle(StrEnum):
    """Why nobody may answer somebody."""

    #: Their address is gone.
    NO_ADDRESS = "no_address"
    #: They may have said stop: a member decides that first.
    ON_HOLD = "on_hold"
    #: They said stop and wrote nothing since.
    OPTED_OUT = "opted_out"
    #: WhatsApp lets nothing but templates through by now.
    WINDOW_CLOSED = "window_closed"
    #: No sender of the organisation writes on their channel.
    NO_SENDER = "no_sender"
    #: They reported something on a page, and want no answer there.
    NOT_WANTED = "not_wanted"


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of somebody who wrote, on the channel on which they did last."""

    #: None: a page for people, on which they ask for answers by a code.
    channel: Channel | None
    #: None: they have no address there any more.
    state: AddressState | None
    #: When they wrote from there last, whatever it was.
    heard_at: datetime | None
    #: When they wrote last what asks for an answer, and when they refused last; None: never.
    asked_at: datetime | None
    refused_at: datetime | None
    has_sender: bool
    #: False: they said that they want no answer.
    wants_answer: bool = True


def closes_at(channel: Channel | None, heard_at: datetime | None) -> datetime | None:
    """Return when free text stops to go through; None: it always does."""
    return heard_at + FREE_TEXT if channel is Channel.WHATSAPP and heard_at is not None else None


def find_obstacle(writer: Writer, *, now: datetime) -> Obstacle | None:
    """Return why somebody may not be answered at a moment (UTC); None: they may."""
    if writer.channel is None:
        return None if writer.wants_answer else Obstacle.NOT_WANTED
    if writer.state is None or writer.state is AddressState.INVALID:
        return Obstacle.NO_ADDRESS
    if writer.state is AddressState.HELD:
        return Obstacle.ON_HOLD
    if writer.state is AddressState.OPTED_OUT and not _wrote_since(writer):
        return Obstacle.OPTED_OUT
    if not writer.has_sender:
        return Obstacle.NO_SENDER
    until = closes_at(writer.channel, writer.heard_at)
    if writer.channel is Channel.WHATSAPP and (until is None or now >= until):
        return Obstacle.WINDOW_CLOSED
    return None


def lives_until(writer: Writer, *, now: datetime) -> datetime:
    """Return until when an answer of now may be called."""
    until = closes_at(writer.channel, writer.heard_at)
    return min(now + ANSWER_LIVES, until) if until is not None else now + ANSWER_LIVES


def _wrote_since(writer: Writer) -> bool:
    return writer.asked_at is not None and writer.refused_at is not None and writer.asked_at > writer.refused_at
