"""Only this file reads the two states of a delivery as a rung of the ladder, and so says who was reached.

Every delivery stands on exactly one rung, so a run's planned people are the sum over all rungs but `planned`.
A page shows how far people came (`CAME_TO`), which holds for a rung and for every one above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache

from campaigns.audience.models import Channel
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.country_rules import all_country_rules


class Rung(StrEnum):
    """Where one person of a run stands."""

    #: Everybody a delivery was made for; never stored, always the sum of the others.
    PLANNED = "planned"
    #: The provider took it; nothing more is known (yet).
    ACCEPTED = "accepted"
    #: Delivered by the carrier's word only: no handset confirmed it.
    CARRIER = "carrier"
    DELIVERED = "delivered"
    READ = "read"
    #: Refused before anything was accepted.
    FAILED = "failed"
    #: Accepted, and not delivered afterwards.
    UNDELIVERED = "undelivered"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCONFIRMED = "unconfirmed"
    #: Not final yet: waiting, on the wire, or with a lost reply.
    PENDING = "pending"


#: Rungs that deliveries stand on, in the order of a table.
STANDINGS = tuple(rung for rung in Rung if rung is not Rung.PLANNED)
#: Rungs that carry a cause.
FAILURES = frozenset({Rung.FAILED, Rung.UNDELIVERED})

#: How far somebody on a rung came. Never added: whoever read it was also delivered to, and accepted.
CAME_TO: Mapping[Rung, frozenset[Rung]] = {
    Rung.PLANNED: frozenset(STANDINGS),
    Rung.ACCEPTED: frozenset({Rung.ACCEPTED, Rung.UNDELIVERED, Rung.CARRIER, Rung.DELIVERED, Rung.READ}),
    Rung.DELIVERED: frozenset({Rung.CARRIER, Rung.DELIVERED, Rung.READ}),
    Rung.READ: frozenset({Rung.READ}),
}

#: What counts as reached on a channel. Telegram sends no receipts: a message its server took is in the chat.
REACHED: Mapping[Channel, frozenset[Rung]] = {
    Channel.SMS: CAME_TO[Rung.DELIVERED],
    Channel.WHATSAPP: CAME_TO[Rung.DELIVERED],
    Channel.TELEGRAM: CAME_TO[Rung.ACCEPTED],
}


class Step(StrEnum):
    """A rung of the whole ladder, from what somebody guessed to what somebody saw; never added to another one."""

    #: Somebody's estimate: leaflets given out, listeners of a station.
    ESTIMATED = "estimated"
    #: A platform's own word for its adverts.
    PLATFORM_REPORTED = "platform_reported"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    #: Answered us.
    ENGAGED = "engaged"
    #: Turned to a service, by the word of that service or of whoever sent them there.
    SIGNPOSTED = "signposted"
    #: Got help, by the word of the partner that gave it.
    ASSISTED = "assisted"


class Proof(StrEnum):
    """What stands behind "reached" on a channel in a country."""

    #: The phone or the app confirms it.
    HANDSET = "handset"
    #: The carrier says so, no handset does.
    CARRIER = "carrier"
    #: There are receipts, and nobody knows whose word they are.
    UNKNOWN = "unknown"
    #: There are no receipts: that the provider took it counts.
    NONE = "none"


def proof_of(channel: Channel, country: str | None) -> Proof:
    """Return what "reached" rests on; `country` (alpha-2) is the one a number was issued in.

    Source of the countries: data/country_rules.csv, column dlr.
    """
    if channel is Channel.TELEGRAM:
        return Proof.NONE
    if channel is Channel.WHATSAPP:
        return Proof.HANDSET
    rule = all_country_rules().get(country or "")
    stated = {"YES": Proof.HANDSET, "CARRIER": Proof.CARRIER, "NO": Proof.NONE}
    return stated.get(rule.receipts, Proof.UNKNOWN) if rule else Proof.UNKNOWN


#: The steps that a channel can tell apart.
LADDERS: Mapping[Channel, tuple[Rung, ...]] = {
    Channel.SMS: (Rung.PLANNED, Rung.ACCEPTED, Rung.DELIVERED),
    Channel.WHATSAPP: (Rung.PLANNED, Rung.ACCEPTED, Rung.DELIVERED, Rung.READ),
    Channel.TELEGRAM: (Rung.PLANNED, Rung.ACCEPTED),
}


def ladder_of(channels: Iterable[Channel]) -> tuple[Rung, ...]:
    """Return the steps that at least one of these channels can tell apart."""
    steps = {rung for channel in channels for rung in LADDERS[channel]}
    return tuple(rung for rung in LADDERS[Channel.WHATSAPP] if rung in steps)


#: Where a delivery stands as long as no receipt says more.
_BY_SENDING: Mapping[SendState, Rung] = {
    SendState.QUEUED: Rung.PENDING,
    SendState.SENDING: Rung.PENDING,
    SendState.UNKNOWN: Rung.PENDING,
    SendState.ACCEPTED: Rung.ACCEPTED,
    SendState.FAILED: Rung.FAILED,
    SendState.SUPPRESSED: Rung.SUPPRESSED,
    SendState.CANCELLED: Rung.CANCELLED,
    SendState.EXPIRED: Rung.EXPIRED,
    SendState.UNCONFIRMED: Rung.UNCONFIRMED,
}
#: States in which the message may be with the provider, so that a receipt is believed.
_ON_ITS_WAY = frozenset({SendState.SENDING, SendState.UNKNOWN, SendState.UNCONFIRMED, SendState.ACCEPTED})
_BY_RECEIPT: Mapping[ReceiptState, Rung] = {
    ReceiptState.ACCEPTED: Rung.ACCEPTED,
    ReceiptState.QUEUED: Rung.ACCEPTED,
    ReceiptState.SENDING: Rung.ACCEPTED,
    ReceiptState.SENT: Rung.ACCEPTED,
    ReceiptState.UNDELIVERED: Rung.UNDELIVERED,
    ReceiptState.FAILED: Rung.UNDELIVERED,
    ReceiptState.DELIVERED: Rung.DELIVERED,
    ReceiptState.READ: Rung.READ,
}


@cache
def carrier_countries() -> frozenset[str]:
    """Return the countries (alpha-2, of the number) whose SMS receipts are the carrier's, not the handset's."""
    return frozenset(code for code, rule in all_country_rules().items() if rule.receipts == "CARRIER")


def rung_of(
    channel: Channel, country: str | None, *, send_state: SendState, receipt_state: ReceiptState | None
) -> Rung:
    """Return the rung of one delivery; `country` is the one its number was issued in."""
    if receipt_state is None or send_state not in _ON_ITS_WAY:
        return _BY_SENDING[send_state]
    rung = _BY_RECEIPT[receipt_state]
    if rung is Rung.DELIVERED and channel is Channel.SMS and country in carrier_countries():
        return Rung.CARRIER
    return rung
