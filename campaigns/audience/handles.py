"""Handles: what an address is on each channel, read from what members write or providers say."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers

from campaigns.audience.models import Channel
from campaigns.core.errors import AddressError
from campaigns.core.words import N_

#: What a spreadsheet makes of a number it takes for a quantity.
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE][+-]?\d+")
#: A WhatsApp account that shows no number: its country and the provider's id of it.
_WITHOUT_NUMBER = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
#: A private Telegram chat; groups have negative ids.
_CHAT = re.compile(r"[1-9]\d{0,19}")
_E164 = re.compile(r"\+[1-9]\d{4,14}")
_FORMS = {
    Channel.SMS: (_E164,),
    Channel.WHATSAPP: (_E164, _WITHOUT_NUMBER),
    Channel.TELEGRAM: (_CHAT,),
}


@dataclass(frozen=True, slots=True)
class Handle:
    """What names a person on one channel, in the one form that is hashed and sealed."""

    channel: Channel
    #: E.164 for SMS and WhatsApp, "UA.…" for a WhatsApp account without a number, a chat id for Telegram.
    text: str
    #: Country it was issued in (alpha-2), where it says so.
    country: str | None


def read_handle(channel: Channel, text: str, *, default_country: str | None) -> Handle:
    """Return the handle a member wrote into a file. Raises AddressError saying what to mend.

    `default_country` (alpha-2) reads numbers without a country code.
    """
    if channel is Channel.TELEGRAM:
        chat = _bare(text)
        if not _CHAT.fullmatch(chat):
            raise AddressError(N_("a Telegram address is the number of a chat with our bot, not a name."))
        return Handle(channel, chat, None)
    if channel is Channel.WHATSAPP and "." in text:
        account = _bare(text)
        if _WITHOUT_NUMBER.fullmatch(account):
            return Handle(channel, account, account[:2])
    number, country = read_number(text, default_country=default_country)
    return Handle(channel, number, country)


def heard_handle(channel: Channel, text: str) -> Handle | None:
    """Return the handle that a provider says somebody wrote from, or None when nobody can be written to there.

    Short codes and names write to us too. Whether a number exists is the provider's to know.
    """
    if not any(form.fullmatch(text) for form in _FORMS[channel]):
        return None
    return Handle(channel, text, _country_of(text))


def read_number(text: str, *, default_country: str | None) -> tuple[str, str | None]:
    """Return a phone number as E.164 and the country that issued it. Raises AddressError saying what to mend."""
    text = _bare(text)
    if _SCIENTIFIC.fullmatch(text):
        raise AddressError(
            N_("a spreadsheet shortened the number (it holds an E); format the column as text and enter it again.")
        )
    written = f"+{text[2:]}" if text.startswith("00") else text
    if not written.startswith("+") and default_country is None:
        raise AddressError(N_("write the number with + and its country code, or choose a country for the file."))
    try:
        parsed = phonenumbers.parse(written, default_country)
    except phonenumbers.NumberParseException:
        raise AddressError(N_("this is not a phone number.")) from None
    if not phonenumbers.is_valid_number(parsed):
        raise AddressError(N_("no phone can have this number; a digit may be missing or wrong."))
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return number, phonenumbers.region_code_for_number(parsed)


def _country_of(handle: str) -> str | None:
    if _WITHOUT_NUMBER.fullmatch(handle):
        return handle[:2]
    if not handle.startswith("+"):
        return None
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(handle))
    except phonenumbers.NumberParseException:
        return None


def _bare(text: str) -> str:
    """Return a handle without what spreadsheets and address books put around it: ="…", marks of direction."""
    shown = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return shown.removeprefix("=").strip('"\xa0 ')
