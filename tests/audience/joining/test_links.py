"""Every sender that can be answered has its way in, and the others have none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from campaigns.audience.joining.links import ways_in
from campaigns.audience.models import Channel


@dataclass
class Known:
    """A sender as ways in see it."""

    channel: Channel
    identity: str
    two_way: bool = True
    active: bool = True


@pytest.mark.parametrize(
    ("channel", "identity", "link"),
    [
        (Channel.TELEGRAM, "fingerpost_bot", "https://t.me/fingerpost_bot?start=GATE-1"),
        (Channel.TELEGRAM, "@fingerpost_bot", "https://t.me/fingerpost_bot?start=GATE-1"),
        (Channel.WHATSAPP, "+48500100200", "https://wa.me/48500100200?text=GATE-1"),
        (Channel.SMS, "+48500100200", "sms:+48500100200?body=GATE-1"),
        (Channel.SMS, "7711", "sms:7711?body=GATE-1"),
    ],
)
def test_each_channel_has_its_link(channel: Channel, identity: str, link: str) -> None:
    [way] = ways_in("GATE-1", [Known(channel, identity)])
    assert (way.channel, way.link) == (channel, link)


@pytest.mark.parametrize(
    "sender",
    [
        Known(Channel.SMS, "NGOINFO"),
        Known(Channel.SMS, "MG" + "0" * 32),
        Known(Channel.WHATSAPP, "MG" + "0" * 32),
        Known(Channel.TELEGRAM, "a bot"),
        Known(Channel.SMS, "+48500100200", two_way=False),
        Known(Channel.SMS, "+48500100200", active=False),
    ],
)
def test_others_cannot_be_written_to(sender: Known) -> None:
    assert ways_in("GATE-1", [sender]) == []


def test_one_address_is_told_once() -> None:
    assert len(ways_in("GATE-1", [Known(Channel.SMS, "7711"), Known(Channel.SMS, "7711")])) == 1
