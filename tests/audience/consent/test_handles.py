"""A handle is written in one form on each channel, or the member is told what is wrong with it."""

from __future__ import annotations

import pytest

from campaigns.audience.consent.handles import Handle, heard_handle, read_handle
from campaigns.audience.models import Channel
from campaigns.core.errors import AddressError


@pytest.mark.parametrize(
    ("channel", "written", "expected"),
    [
        (Channel.SMS, "00380 50 123 45 67", ("+380501234567", "UA")),
        (Channel.WHATSAPP, "+380 (50) 123-45-67", ("+380501234567", "UA")),
        (Channel.WHATSAPP, "UA.a1B2c3", ("UA.a1B2c3", "UA")),
        (Channel.TELEGRAM, '="5550123"', ("5550123", None)),
    ],
)
def test_written_handles_get_one_form(channel: Channel, written: str, expected: tuple[str, str | None]) -> None:
    assert read_handle(channel, written, default_country=None) == Handle(channel, *expected)


@pytest.mark.parametrize(
    ("channel", "written", "told"),
    [
        (Channel.SMS, "UA.a1B2c3", "write the number with"),
        (Channel.WHATSAPP, "ua.a1", "write the number with"),
        (Channel.WHATSAPP, "+38050", "no phone can have"),
        (Channel.TELEGRAM, "@somebody", "not a name"),
        (Channel.TELEGRAM, "-100123", "not a name"),
        (Channel.TELEGRAM, "", "not a name"),
    ],
)
def test_malformed_handles_are_explained(channel: Channel, written: str, told: str) -> None:
    with pytest.raises(AddressError, match=told):
        read_handle(channel, written, default_country=None)


@pytest.mark.parametrize(
    ("channel", "text"),
    [(Channel.SMS, "Orange"), (Channel.SMS, "7711"), (Channel.TELEGRAM, "-5"), (Channel.WHATSAPP, "")],
)
def test_names_and_groups_are_nobody(channel: Channel, text: str) -> None:
    assert heard_handle(channel, text) is None


def test_heard_numbers_need_not_be_known() -> None:
    assert heard_handle(Channel.SMS, "+99912345678") == Handle(Channel.SMS, "+99912345678", None)
    assert heard_handle(Channel.WHATSAPP, "KE.x9") == Handle(Channel.WHATSAPP, "KE.x9", "KE")


def test_unknown_country_is_told_and_not_the_number() -> None:
    with pytest.raises(AddressError, match="country XX"):
        read_handle(Channel.SMS, "050 123 45 67", default_country="XX")
