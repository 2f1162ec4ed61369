"""Invented people along real routes: numbers nobody is sent to, languages in invented shares, no names.

Nothing here is about anyone. The numbers have the form of real ones, because an importer would refuse others;
in demo mode the gateway factory builds nothing that could leave this machine.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Mobile prefixes of Ukraine; the sandbox's fault suffixes (00 and five digits) are never generated.
PREFIXES = ("+38050", "+38063", "+38066", "+38067", "+38068", "+38093", "+38095", "+38096", "+38097", "+38098")
FAULT_MARK = "00"
#: How far from a stop people are put, in degrees (about 3 km).
SPREAD_DEGREES = 0.03
#: Share of people whose last word on where they are is too old for the campaign.
STALE_SHARE = 0.03
COLUMNS = ("number", "language", "latitude", "longitude", "position_date", "consent_date", "consent_how")


@dataclass(frozen=True, slots=True)
class Stop:
    """A place people are put near: longitude, latitude, and the country whose language shares apply."""

    longitude: float
    latitude: float
    country: str


def invent_people(
    count: int, *, stops: Sequence[Stop], shares: Mapping[str, Mapping[str, int]], now: datetime, seed: int
) -> Iterator[dict[str, str]]:
    """Yield `count` rows of a contact file; the same seed gives the same people."""
    chance = random.Random(seed)  # noqa: S311 - invented people, not secrets
    numbers: set[str] = set()
    while len(numbers) < count:
        number = chance.choice(PREFIXES) + f"{chance.randrange(10**7):07d}"
        if number in numbers or number[-7:].startswith(FAULT_MARK):
            continue
        numbers.add(number)
        yield _person(number, chance, stops=stops, shares=shares, now=now)


def as_csv(rows: Iterator[dict[str, str]]) -> bytes:
    """Return the rows as the CSV file a member would upload (UTF-8)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _person(
    number: str,
    chance: random.Random,
    *,
    stops: Sequence[Stop],
    shares: Mapping[str, Mapping[str, int]],
    now: datetime,
) -> dict[str, str]:
    stop = chance.choice(stops)
    languages = shares.get(stop.country) or {"uk": 1}
    days = chance.randint(60, 90) if chance.random() < STALE_SHARE else chance.randint(0, 13)
    said_at = (now - timedelta(days=days)).date().isoformat()
    return {
        "number": number,
        "language": chance.choices(list(languages), weights=list(languages.values()))[0],
        "latitude": f"{stop.latitude + chance.uniform(-SPREAD_DEGREES, SPREAD_DEGREES):.4f}",
        "longitude": f"{stop.longitude + chance.uniform(-SPREAD_DEGREES, SPREAD_DEGREES):.4f}",
        "position_date": said_at,
        "consent_date": said_at,
        "consent_how": "demo: invented form",
    }
