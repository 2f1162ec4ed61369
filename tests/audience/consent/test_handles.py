"""A handle is written in one form on each channel, or the member is told what is wrong with it."""

from __future__ import annotations

from contextlib import suppress

import phonenumbers
import pytest

from campaigns.audience.consent.handles import Handle, heard_handle, read_handle
from campaigns.audience.models import Channel
from campaigns.core.errors import AddressError

#: Along the routes of people whom campaigns write to.
COUNTRIES = (
    *("UA", "PL", "RO", "MD", "SK", "HU", "CZ", "DE", "AT", "IT", "GR", "BG", "TR", "LT", "LV", "EE"),
    *("BY", "RU", "KE", "UG", "ET", "SO", "SD", "ER", "DJ", "YE", "SA", "AE", "QA", "KW", "OM"),
)


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


GERMAN = {
    "491713920012": "+491713920012",
    "1713920012": "+491713920012",
    "1713920012.0": "+491713920012",
    "0171 392 00 12": "+491713920012",
    "1713920.012": "+491713920012",
    "017 13.92.00.12": "+491713920012",
    # Of Poland, Romania, Moldova and Kenya: landlines of Germany, if a zero was dropped.
    "48501234567": None,
    "40721234567": None,
    "37369123456": None,
    "254712345678": None,
    # Of Texas, or a mobile of Germany.
    "15123456789": None,
}


@pytest.mark.parametrize("written", GERMAN)
def test_number_without_plus_is_what_it_is_or_nothing(written: str) -> None:
    """Read as another one, a stop is remembered of a number that nobody has, and its person is written to."""
    if GERMAN[written] is None:
        with pytest.raises(AddressError):
            read_handle(Channel.SMS, written, default_country="DE")
    else:
        assert read_handle(Channel.SMS, written, default_country="DE").text == GERMAN[written]


def example_of(country: str) -> phonenumbers.PhoneNumber:
    found = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assert found is not None
    return found


@pytest.mark.parametrize("country", COUNTRIES)
def test_mobile_of_a_country_is_read_with_and_without_what_a_spreadsheet_drops(country: str) -> None:
    number = example_of(country)
    national, whole = (
        phonenumbers.format_number(number, form)
        for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.E164)
    )
    for written in (national, f"{number.national_number}", whole, whole[1:]):
        with suppress(AddressError):
            assert read_handle(Channel.SMS, written, default_country=country).text == whole
    # Whatever is refused without it is read as people there write it.
    assert read_handle(Channel.SMS, national, default_country=country).text == whole
    assert read_handle(Channel.SMS, whole[1:], default_country=country).text == whole


@pytest.mark.parametrize("country", COUNTRIES)
def test_foreign_mobile_without_plus_is_never_a_number_of_the_country(country: str) -> None:
    for other in set(COUNTRIES) - {country}:
        whole = phonenumbers.format_number(example_of(other), phonenumbers.PhoneNumberFormat.E164)
        with suppress(AddressError):
            assert read_handle(Channel.SMS, whole[1:], default_country=country).text == whole


def test_unknown_country_is_told_and_not_the_number() -> None:
    with pytest.raises(AddressError, match="country XX"):
        read_handle(Channel.SMS, "050 123 45 67", default_country="XX")
