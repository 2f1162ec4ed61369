"""Pure functions make the link or keyword that leads people from an entry point to a sender that hears."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from campaigns.audience.models import Channel

_BOT = re.compile(r"@?(?P<name>[A-Za-z0-9_]{5,32})")
_NUMBER = re.compile(r"\+[1-9]\d{4,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")


class Answerable(Protocol):
    """What is asked of a sender."""

    channel: Channel
    identity: str
    two_way: bool
    active: bool


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way to join through an entry point."""

    channel: Channel
    #: Number to write to, or name of the bot.
    address: str
    #: What a QR code or button opens.
    link: str


def ways_in(code: str, senders: Iterable[Answerable]) -> list[WayIn]:
    """Return the ways in over senders that are in use and can be answered, each address once."""
    found = (_way_in(code, sender) for sender in senders if sender.active and sender.two_way)
    return list(dict.fromkeys(way for way in found if way is not None))


def _way_in(code: str, sender: Answerable) -> WayIn | None:
    """Return the way over one sender; None for a name or service, which has no address to write to."""
    identity = sender.identity
    if sender.channel == Channel.TELEGRAM:
        bot = _BOT.fullmatch(identity)
        # https://core.telegram.org/bots/features#deep-linking
        return bot and WayIn(Channel.TELEGRAM, f"@{bot['name']}", f"https://t.me/{bot['name']}?start={code}")
    if sender.channel == Channel.WHATSAPP:
        if not _NUMBER.fullmatch(identity):
            return None
        # https://faq.whatsapp.com/5913398998672934
        return WayIn(Channel.WHATSAPP, identity, f"https://wa.me/{identity[1:]}?text={code}")
    if not _NUMBER.fullmatch(identity) and not _SHORT_CODE.fullmatch(identity):
        return None
    # RFC 5724 says how the text follows the number.
    return WayIn(Channel.SMS, identity, f"sms:{identity}?body={code}")
