"""Pure functions read numbers and dates as people and platforms write them, and never guess.

What can be read in two ways is settled by the rest of the file ("1.234" beside "12,5"), else it is a problem.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from babel import Locale

from campaigns.core.errors import CellError
from campaigns.core.words import N_

#: Languages whose names of months are known.
MONTH_LANGUAGES = ("en", "uk", "ru", "pl", "ro", "ar", "de", "fr", "hu", "sk", "cs", "es", "it", "tr", "sw")
#: How files say "nothing".
NOTHING = frozenset({"", "-", "--", "–", "—", "n/a", "na", "null"})

_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f'’]+")
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
_LARGEST = 10**12
#: The table has room for ten times as much; more is the number of an account, or of an advert.
_MOST_SPENT = 10**11


@dataclass(frozen=True, slots=True)
class Habits:
    """How a file writes what could be read in two ways; None: nothing in it tells."""

    #: "," or ".", what stands before decimals.
    decimal_sign: str | None = None
    #: Whether 03/04/2022 is the third of April.
    day_first: bool | None = None


def habits_of(cells: Iterable[str], *, decimal_sign: str | None, day_first: bool | None) -> Habits:
    """Return the habits of a file: what was chosen, else what its cells show beyond doubt."""
    signs, orders = set(), set()
    for cell in cells:
        text = _plain(cell)
        signs.add(_sign_shown_by(text))
        orders.add(_order_shown_by(text))
    signs.discard(None)
    orders.discard(None)
    return Habits(
        decimal_sign or (signs.pop() if len(signs) == 1 else None),
        day_first if day_first is not None else (orders.pop() if len(orders) == 1 else None),
    )


def whole_number(text: str) -> int | None:
    """Return people as a number, None for nothing: 1234, "1 234", "1.234", "1,234". Raises CellError."""
    plain = _plain(text)
    if plain.casefold() in NOTHING:
        return None
    _refuse(plain)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", "")
    number = _decimal(plain, None) if not plain.isdecimal() else Decimal(plain)
    if number is None:
        raise CellError(N_("“%(text)s” is not a number."), text=text[:40])
    if number != number.to_integral_value():
        raise CellError(N_("“%(text)s” has decimals, but people are counted whole."), text=text[:40])
    if number > _LARGEST:
        raise CellError(N_("“%(text)s” is more than there are people."), text=text[:40])
    return int(number)


def amount(text: str, habits: Habits) -> Decimal | None:
    """Return money or a ratio, None for nothing. Raises CellError, also when it can be read in two ways."""
    plain = re.sub(r"^[^\d.,+-]+|[^\d.,]+$", "", _plain(text))
    if plain.casefold() in NOTHING:
        return None
    _refuse(plain)
    number = _decimal(plain, habits.decimal_sign)
    if number is None:
        raise CellError(N_("“%(text)s” can be read in two ways. Say what stands before decimals."), text=text[:40])
    if number >= _MOST_SPENT:
        raise CellError(N_("“%(text)s” is more than anybody spends."), text=text[:40])
    return number


def day(text: str, habits: Habits) -> date | None:
    """Return a date, None for nothing. Raises CellError, also when day and month could be swapped."""
    plain = _western(text).strip()
    if plain.casefold() in NOTHING:
        return None
    parts = _parts_of_date(plain, habits)
    try:
        if parts is not None:
            return date(*parts)
    except ValueError:
        pass
    if re.fullmatch(r"[45]\d{4}", plain):
        raise CellError(
            N_("“%(text)s” is a spreadsheet's number for a day. Format the column as a date."), text=plain
        )
    raise CellError(N_("“%(text)s” is no date. Write it as 2026-03-31."), text=text[:40])


def month(text: str) -> tuple[date, date] | None:
    """Return the first and last day of a month ("2026-03", "03/2026", "березень 2026"); None for nothing."""
    plain = _western(text).strip()
    if plain.casefold() in NOTHING:
        return None
    found = re.fullmatch(r"(\d{4})[-/.](\d{1,2})(?:[-/.]0?1)?", plain)
    year, number = (int(found[1]), int(found[2])) if found else (0, 0)
    if not found and (found := re.fullmatch(r"(\d{1,2})[-/.](\d{4})", plain)):
        year, number = int(found[2]), int(found[1])
    if not found:
        words = re.findall(r"[^\W\d_]+|\d{4}", plain.casefold())
        numbers = [_months()[word] for word in words if word in _months()]
        years = [int(word) for word in words if word.isdecimal()]
        year, number = (years[0], numbers[0]) if years and numbers else (0, 0)
    if not (2000 <= year < 2100 and 1 <= number <= 12):
        raise CellError(N_("“%(text)s” is no month. Write it as 2026-03."), text=text[:40])
    after = date(year + number // 12, number % 12 + 1, 1)
    return date(year, number, 1), date.fromordinal(after.toordinal() - 1)


def _plain(text: str) -> str:
    return _SPACES.sub("", _western(text))


def _western(text: str) -> str:
    """Write the digits and separators of Arabic and other scripts as 0–9, comma and point."""
    letters = (str(unicodedata.decimal(one)) if one.isdecimal() else one for one in text)
    hidden = dict.fromkeys(map(ord, "\u200e\u200f\u061c\ufeff"))
    return "".join(letters).replace("٬", "'").replace("٫", ",").replace("−", "-").translate(hidden)


def _refuse(plain: str) -> None:
    """Raise CellError for what looks like a number and is something else."""
    if plain.startswith("="):
        raise CellError(N_("A formula stands here (%(text)s). Paste its value instead."), text=plain[:40])
    if "%" in plain or "٪" in plain:
        raise CellError(N_("“%(text)s” is a share. People are counted, not told in per cent."), text=plain[:40])
    if plain.startswith("-"):
        raise CellError(N_("“%(text)s” is less than nothing."), text=plain[:40])
    if re.fullmatch(r"\+?[\d.,]+\s*(k|m|mln|mio|tys\.?|тис\.?|тыс\.?|млн\.?)", plain, re.IGNORECASE):
        raise CellError(N_("“%(text)s” is shortened. Write the number in full."), text=plain[:40])


def _decimal(plain: str, sign: str | None) -> Decimal | None:
    """Return a number; None when it is none, or when it is not known which sign stands before decimals."""
    plain = plain.removeprefix("+")
    if not re.fullmatch(r"\d[\d.,]*", plain):
        return None
    shown = _sign_shown_by(plain)
    if shown is None and sign is None and re.search(r"[.,]", plain):
        return None
    sign = shown or sign or "."
    whole, _, rest = plain.rpartition(sign) if plain.count(sign) == 1 else (plain, "", "")
    digits = whole.replace(".", "").replace(",", "")
    return Decimal(f"{digits or 0}.{rest or 0}") if rest.isdigit() or not rest else None


def _sign_shown_by(plain: str) -> str | None:
    """Return what stands before decimals in a number that leaves no doubt."""
    if not re.fullmatch(r"[^\d]*\d[\d.,]*[^\d]*", plain):
        return None
    both: list[str] = re.findall(r"[.,]", plain.strip(".,"))
    if len(set(both)) == 2:
        return both[-1] if both.count(both[-1]) == 1 else None
    if len(both) > 1:
        return "." if both[0] == "," else ","
    if len(both) == 1 and not re.search(r"[.,]\d{3}\b", plain):
        return both[0]
    # "0.123" is no thousands.
    return both[0] if both and re.match(r"\D*0[.,]", plain) else None


def _order_shown_by(plain: str) -> bool | None:
    found = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}", plain)
    if not found:
        return None
    if "." in plain or int(found[1]) > 12:
        return True
    return False if int(found[2]) > 12 else None


def _parts_of_date(plain: str, habits: Habits) -> tuple[int, int, int] | None:
    """Return year, month and day; None for what is none. Raises CellError where the order is not known."""
    if found := re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]\d\d:\d\d.*)?$", plain):
        return int(found[1]), int(found[2]), int(found[3])
    if found := re.fullmatch(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})", plain):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        is_day_first = _order_shown_by(_plain(plain))
        is_day_first = habits.day_first if is_day_first is None else is_day_first
        if is_day_first is None and first != second:
            raise CellError(N_("“%(text)s” could be two days. Say whether the day comes first."), text=plain)
        return (year, second, first) if is_day_first else (year, first, second)
    words = re.findall(r"[^\W\d_]+|\d+", plain.casefold())
    named = [_months()[word] for word in words if word in _months()]
    numbers = sorted((int(word) for word in words if word.isdecimal()), reverse=True)
    if len(named) == 1 and len(numbers) == 2 and numbers[0] > 999:
        return numbers[0], named[0], numbers[1]
    return None


@cache
def _months() -> dict[str, int]:
    """Return the number of a month by its name, whole or short, in every language of MONTH_LANGUAGES."""
    found: dict[str, int] = {}
    for language in MONTH_LANGUAGES:
        months = Locale(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[context][width].items():
                    word = name.casefold().strip(".")
                    if not word.isdecimal():
                        found.setdefault(word, number)
    return found
