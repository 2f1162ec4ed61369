"""A handle is what an address is on one channel, read from what members write or providers say."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers

from campaigns.audience.models import Channel
from campaigns.core.errors import AddressError
from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_

#: What a spreadsheet makes of a number it takes for a quantity.
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE][+-]?\d+")
#: What programs make of a number in a column with empty cells: a fraction.
_FRACTION = re.compile(r"(\+?\d{7,}+)[.,]0+")
#: Kinds of numbers that people carry with them.
_MOBILES = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
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
#: Channels on which one phone has one number.
PHONE_CHANNELS = (Channel.SMS, Channel.WHATSAPP)
#: What providers put before a number to name its channel.
_PREFIX = re.compile(r"[a-z]{2,12}:")
#: A number whose provider writes no "+"; short codes have fewer digits.
_DIGITS = re.compile(r"[1-9]\d{7,14}")
#: Spellings of one phone, and the one that is hashed: SMS and WhatsApp do not agree on the digit that marked
#: mobiles in Mexico and marks them in Argentina, nor on the ninth digit that Brazil gave its own.
_SPELLINGS = (
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    (re.compile(r"\+549(\d{10})"), r"+54\1"),
    (re.compile(r"\+55(\d\d)([6-9]\d{7})"), r"+55\g<1>9\2"),
)


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

    Short codes and names write to us too. Whether a number exists is the provider's to know, unless it lacks the
    "+" that tells it from a short code.
    """
    text = _PREFIX.sub("", text.strip(), count=1)
    if channel in PHONE_CHANNELS and _DIGITS.fullmatch(text) and _found(f"+{text}"):
        text = f"+{text}"
    if not any(form.fullmatch(text) for form in _FORMS[channel]):
        return None
    return Handle(channel, text, country_of_handle(text))


def number_of(text: str) -> str | None:
    """Return the phone number of a handle in the one spelling that is hashed; None where it is no phone number.

    Messages go to the handle as it was written or heard, not to this.
    """
    if not _E164.fullmatch(text):
        return None
    for spelling, one in _SPELLINGS:
        if spelling.fullmatch(text):
            return spelling.sub(one, text)
    return text


def number_key(vault: Vault, channel: Channel, text: str) -> bytes:
    """Return the keyed hash that all addresses of a phone share; of a handle without a number, its own hash."""
    number = number_of(text)
    return vault.lookup_hash(channel, text) if number is None else vault.number_hash(number)


def lookups_of(vault: Vault, number: str) -> set[bytes]:
    """Return the keyed hashes of a phone number as a handle, one for each channel on which it may be one."""
    return {vault.lookup_hash(channel, number) for channel in PHONE_CHANNELS}


def read_number(text: str, *, default_country: str | None, guesses: bool = False) -> tuple[str, str | None]:
    """Return a phone number as E.164 and the country that issued it. Raises AddressError saying what to mend.

    `guesses` takes the likelier of two numbers that may be meant, where the wrong one would harm nobody.
    """
    text = _in_ascii(_bare(text))
    if _SCIENTIFIC.fullmatch(text):
        raise AddressError(
            N_("a spreadsheet shortened the number (it holds an E); format the column as text and enter it again.")
        )
    if default_country is not None and default_country not in phonenumbers.SUPPORTED_REGIONS:
        raise AddressError(N_("no numbers of the country %(country)s are known."), country=default_country)
    if (fraction := _FRACTION.fullmatch(text)) is not None:
        text = fraction[1]
    written = f"+{text[2:]}" if text.startswith("00") else text
    if written.startswith("+"):
        return _checked(_parsed(written, None))
    if default_country is None:
        raise AddressError(
            N_("write the number with + and its country code; for a file you can choose a country instead.")
        )
    national = _parsed(written, default_country)
    if written.startswith("0"):
        return _checked(national)
    return _checked(_only_meaning(national, digits_of(written), guesses=guesses))


def _parsed(written: str, country: str | None) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        raise AddressError(N_("this is not a phone number.")) from None


def _only_meaning(national: phonenumbers.PhoneNumber, digits: str, *, guesses: bool) -> phonenumbers.PhoneNumber:
    """Return which number is meant, where a spreadsheet may have dropped the "+", or the zero before a number.

    With its country code the mobile of one country is a landline of another one: Germany's have any length. What
    stands there as numbers of the country are written is one of them. Raises AddressError where it is not certain.
    """
    international = _found(f"+{digits}")
    if international is None or international == national:
        return national
    as_written_there = phonenumbers.format_number(national, phonenumbers.PhoneNumberFormat.NATIONAL)
    carried = [phonenumbers.number_type(each) in _MOBILES for each in (national, international)]
    if carried[0] and (not carried[1] or digits_of(as_written_there) == digits):
        return national
    if not any(carried) and phonenumbers.is_valid_number(national):
        return national
    if not carried[0] and international.country_code == national.country_code:
        return international
    if guesses:
        return national if carried[0] else international
    raise AddressError(N_("this may be a number of two countries; write it with + and its country code."))


def _checked(parsed: phonenumbers.PhoneNumber) -> tuple[str, str]:
    # As `is_valid_number` does, which looks for the country itself: where several share a code that takes long.
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or not phonenumbers.is_valid_number_for_region(parsed, country):
        raise AddressError(N_("no phone can have this number; a digit may be missing or wrong."))
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), country


def _found(number: str) -> phonenumbers.PhoneNumber | None:
    """Return the number that a text with "+" is, or None where there is no such number."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None


def country_of_handle(handle: str) -> str | None:
    """Return the country (alpha-2) that issued a number, or None where a handle does not tell it."""
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
    # No letter of ASCII is a mark of direction.
    shown = text if text.isascii() else "".join(each for each in text if unicodedata.category(each) != "Cf")
    return shown.removeprefix("=").strip('"\xa0 ')


def _in_ascii(text: str) -> str:
    """Return a number with a plus and digits as any keyboard may write them in those of ASCII."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(int(letter)) if letter.isdecimal() else letter for letter in plain)
