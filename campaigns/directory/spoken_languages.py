"""A service's languages are written with their days as one line: "cs, en, ru Mon & Thu"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.directory.opening_hours import read_days, write_days

_ITEM = re.compile(r"(?P<code>[a-z]{2,3}(?:-[a-z]{2,4})?)(?:\s+(?P<days>.+))?")


def read_spoken(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the codes in `text`, and the days of those that are not answered every day.

    "cs, en; ru Mon & Thu" gives cs, en, ru and {"ru": ["mon", "thu"]}; "mul" is every other language through an
    interpreter. Raises InputError naming the first part that cannot be read.
    """
    languages: list[str] = []
    days: dict[str, list[str]] = {}
    for item in filter(None, (each.strip() for each in re.split("[,;]", text.casefold()))):
        match = _ITEM.fullmatch(item)
        found = read_days(match["days"]) if match and match["days"] else []
        if match is None or (match["days"] and not found):
            raise InputError(N_("“%(text)s” is no language with its days: write uk, or ru Mon & Thu."), text=item)
        languages.append(match["code"])
        if found:
            days[match["code"]] = found
    return list(dict.fromkeys(languages)), days


def write_spoken(languages: Sequence[str], days: Mapping[str, Sequence[str]]) -> str:
    """Return the line that `read_spoken` understands, those of every day first."""
    ordered = sorted(languages, key=lambda code: bool(days.get(code)))
    return ", ".join(f"{code} {write_days(days[code])}" if days.get(code) else code for code in ordered)
