"""A rehearsal has stand-ins for addresses, made from a delivery's id and a country, never from a handle.

They look right (a valid mobile number of the country, a chat id), stay the same for a delivery, differ between
deliveries, and end in none of the digits that ask the sandbox for a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault

#: Country of those whose number names none, or one without mobile numbers.
USUAL_COUNTRY = "UA"
#: The addresses of invented people end here, whatever the country: below are members' phones (`member_phones.py`).
LAST_NOBODY = -1000
#: Within the 52 bits of a chat id, and far above any that was ever given out.
FIRST_CHAT = 4_000_000_000_000_000
#: Digits that differ between deliveries at most; a fault suffix is as long, and begins with 00.
_LONGEST_TAIL = 7
#: Without a factor 2, 3 or 5: neighbours get numbers that look unlike, and none gets another's.
_STRIDE = 5_765_431


_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Beginnings of a country's mobile numbers after which every ending is valid."""

    country_code: int
    beginnings: tuple[str, ...]
    #: Digits of an ending.
    tail: int

    def number(self, beginning: str, ending: str) -> PhoneNumber:
        """Return the number of these digits."""
        # Kept as a number, the leading zeros of Italy would be lost; no mobile number has any.
        return PhoneNumber(country_code=self.country_code, national_number=int(beginning + ending))


def stand_in(delivery_id: int, channel: Channel, country: str | None, *, nth: int = 0) -> str:
    """Return the handle that stands for a delivery's address; another for each `nth`, should one be somebody's."""
    if channel == Channel.TELEGRAM:
        return str(FIRST_CHAT + _spread(delivery_id, nth, digits=14))
    plan = _plan_of(country or USUAL_COUNTRY)
    place, which = divmod(delivery_id, len(plan.beginnings))
    number = plan.number(plan.beginnings[which], str(_spread(place, nth, digits=plan.tail)))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def nobodys(country: str | None) -> int:
    """Return the id that stands for the address of an invented person: below 0, it names a number's country."""
    if country is None:
        return -1
    first, second = (ord(letter) - ord("A") for letter in country)
    return -(2 + 26 * first + second)


def is_nobodys(address_id: int) -> bool:
    """Say whether an address is that of an invented person."""
    return LAST_NOBODY <= address_id < 0


def country_of(address_id: int) -> str | None:
    """Return the country that the address of an invented person names."""
    if address_id >= -1:
        return None
    return "".join(chr(ord("A") + place) for place in divmod(-address_id - 2, 26))


def find_stand_in(vault: Vault, delivery_id: int, channel: Channel, country: str | None, lookup: bytes) -> str:
    """Return the stand-in of a delivery; `lookup` is the keyed hash of the real handle, which it never is."""
    nth = 0
    while vault.lookup_hash(channel, handle := stand_in(delivery_id, channel, country, nth=nth)) == lookup:
        nth += 1
    return handle


def _spread(place: int, nth: int, *, digits: int) -> int:
    """Return a number of `digits` digits, the first not 0 and the last seven not beginning with 0."""
    if digits > _LONGEST_TAIL:
        high, low = divmod(place, 9_000_000)
        return (high + 1) * 10_000_000 + _spread(low, nth, digits=_LONGEST_TAIL)
    first: int = 10 ** (digits - 1)
    return first + (place * _STRIDE + nth) % (9 * first)


@cache
def _plan_of(country: str) -> _Plan:
    """Find out which beginnings leave the ending free; costs a tenth of a second a country, once."""
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if example is None:
        return _plan_of(USUAL_COUNTRY)
    digits = phonenumbers.national_significant_number(example)
    tail = min(_LONGEST_TAIL, len(digits) - 3)
    given = _Plan(example.country_code or 0, (digits[:-tail],), tail)
    fixed = digits[: len(digits) - tail - 3]
    tried = [f"{fixed}{number:03}" for number in range(0 if fixed else 100, 1000)]
    free = tuple(beginning for beginning in tried if _is_free(given, beginning))
    return _Plan(given.country_code, free or given.beginnings, tail)


def _is_free(plan: _Plan, beginning: str) -> bool:
    """Say whether numbers with this beginning are mobile ones whatever their ending, and ask for no fault."""
    if beginning.endswith("00"):
        return False
    first = 10 ** (plan.tail - 1)
    endings = range(first, 10 * first, 9 * first // 31)
    numbers = (plan.number(beginning, str(ending)) for ending in endings)
    return all(phonenumbers.number_type(number) in _MOBILE for number in numbers)
