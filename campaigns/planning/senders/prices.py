"""Pure functions price one message part: a sender's own prices come first, else those of one dated table.

All money is in US dollars, in which the providers' price lists are. A price that nobody quoted is marked, so that
pages can say how far a sum may be trusted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from importlib.resources import files

from campaigns.audience.models import Channel
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.messages.text.sms_parts import count_parts

#: Stands for every country that has no line of its own.
ELSEWHERE = "*"
#: A part that costs more is taken for a slip of the pen.
DEAREST = Decimal(10)
MOST_PRICES = 250


class Basis(StrEnum):
    """How well a price is known."""

    #: A member entered it with the sender.
    AGREED = "agreed"
    #: A provider's price list says it.
    QUOTED = "quoted"
    #: Right in its order of magnitude.
    ESTIMATED = "estimated"
    #: Nothing is known about the country: the stated default.
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one part of an SMS, or for one message of another channel."""

    usd: Decimal
    basis: Basis
    #: Who says so, and when; empty for a sender's own price.
    source: str = ""


def price_of(channel: str, country: str | None, own: Mapping[str, str]) -> Price:
    """Return the price over a sender with the prices `own` ({"UA": "0.17", "*": "0.05"}) to a country's numbers.

    `country` is alpha-2, or None when it is not known.
    """
    for key in (country or ELSEWHERE, ELSEWHERE):
        if key in own:
            return Price(Decimal(own[key]), Basis.AGREED)
    table = all_prices()
    return table.get((channel, country or ELSEWHERE)) or table[channel, ELSEWHERE]


def most_cents(body: str, country: str | None, own: Mapping[str, str]) -> int:
    """Return what an SMS to a country's number costs at most over a sender with the prices `own`, in cents."""
    price = price_of(Channel.SMS, country, own)
    return int((price.usd * count_parts(body).parts * 100).to_integral_value(ROUND_CEILING))


@cache
def all_prices() -> dict[tuple[str, str], Price]:
    """Return the bundled table by channel and country; each channel has a line for elsewhere."""
    with (files("campaigns.planning") / "data" / "prices.csv").open(encoding="utf-8") as lines:
        return {
            (Channel(row["channel"]).value, row["country"]): Price(
                Decimal(row["usd"]), Basis(row["basis"]), f"{row['source']} ({row['as_of']})"
            )
            for row in csv.DictReader(lines)
        }


def read_prices(text: str) -> dict[str, str]:
    """Read a sender's own prices, a country and a price a line: "UA 0.1747" and "* 0.05" for everywhere else.

    Raises InputError naming the line that cannot be read. Countries are not checked here.
    """
    prices: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace("=", " ").replace(":", " ").split()
        if not words:
            continue
        usd = _dollars(words[1].replace(",", ".")) if len(words) == 2 else None
        key = words[0].upper()
        if usd is None or not (key == ELSEWHERE or (len(key) == 2 and key.isascii() and key.isalpha())):
            raise InputError(
                N_("Line %(number)s is not a country and a price between 0 and %(most)s, like UA 0.1747."),
                number=number,
                most=DEAREST,
            )
        if key in prices:
            raise InputError(N_("Line %(number)s: %(country)s has a price already."), number=number, country=key)
        prices[key] = str(usd)
    if len(prices) > MOST_PRICES:
        raise InputError(N_("A sender has at most %(most)s prices."), most=MOST_PRICES)
    return prices


def written_prices(prices: Mapping[str, str]) -> str:
    """Return prices as `read_prices` reads them, everywhere else last."""
    lines = sorted(prices.items(), key=lambda pair: (pair[0] == ELSEWHERE, pair[0]))
    return "\n".join(f"{country} {usd}" for country, usd in lines)


def _dollars(word: str) -> Decimal | None:
    try:
        usd = Decimal(word)
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and 0 <= usd <= DEAREST and len(word) <= 12 else None


@dataclass(frozen=True, slots=True)
class Spread:
    """What sending something to one person costs where it is cheapest and where it is dearest, in dollars."""

    least: Decimal
    most: Decimal


def priced_countries(channel: str) -> list[str]:
    """Return what the bundled table has a line for over a channel, ELSEWHERE among it."""
    return [country for each, country in all_prices() if each == channel]


def spread_of(channel: str, parts: int) -> Spread:
    """Return what `parts` parts cost over a channel, in the countries of the bundled table."""
    prices = [
        price.usd for (each, country), price in all_prices().items() if each == channel and country != ELSEWHERE
    ]
    return Spread(min(prices) * parts, max(prices) * parts)
