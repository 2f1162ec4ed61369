"""Pure functions make the link or keyword that leads people to a sender that hears: to join, or to end it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from campaigns.audience.models import Channel

_BOT = re.compile(r"@?(?P<name>[A-Za-z0-9_]{5,32})")
_NUMBER = re.compile(r"\+[1-9]\d{4,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")
#: The products' own names.
PRODUCTS = {Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp", Channel.TELEGRAM: "Telegram"}
#: Understood in every language, and by providers too.
STOP = "STOP"


class Answerable(Protocol):
    """What is asked of a sender."""

    channel: Channel
    identity: str
    two_way: bool
    active: bool


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way to write to a sender."""

    channel: Channel
    #: Number to write to, or name of the bot.
    address: str
    #: What a QR code or button opens.
    link: str

    @property
    def shows_number(self) -> bool:
        """Whether whoever is written to sees the writer's phone number."""
        return self.channel != Channel.TELEGRAM


def ways_in(code: str, senders: Iterable[Answerable]) -> list[WayIn]:
    """Return the ways in over senders that are in use and can be answered, each address once."""
    return _ways(code, senders)


def ways_to_stop(senders: Iterable[Answerable]) -> list[WayIn]:
    """Return the ways to say stop over such senders; a bot is opened, for no link can say it there."""
    return _ways(STOP, senders)


def _ways(text: str, senders: Iterable[Answerable]) -> list[WayIn]:
    found = (_way_over(sender, text) for sender in senders if sender.active and sender.two_way)
    return list(dict.fromkeys(way for way in found if way is not None))


def _way_over(sender: Answerable, text: str) -> WayIn | None:
    """Return the way over one sender; None for a name or service, which has no address to write to."""
    identity = sender.identity
    if sender.channel == Channel.TELEGRAM:
        bot = _BOT.fullmatch(identity)
        # https://core.telegram.org/bots/features#deep-linking; whatever it carries is said as a beginning.
        start = "" if text == STOP else f"?start={text}"
        return bot and WayIn(Channel.TELEGRAM, f"@{bot['name']}", f"https://t.me/{bot['name']}{start}")
    if sender.channel == Channel.WHATSAPP:
        if not _NUMBER.fullmatch(identity):
            return None
        # https://faq.whatsapp.com/5913398998672934
        return WayIn(Channel.WHATSAPP, identity, f"https://wa.me/{identity[1:]}?text={text}")
    if not _NUMBER.fullmatch(identity) and not _SHORT_CODE.fullmatch(identity):
        return None
    # RFC 5724 says how the text follows the number.
    return WayIn(Channel.SMS, identity, f"sms:{identity}?body={text}")
