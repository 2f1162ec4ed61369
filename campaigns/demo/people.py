"""Invented people stand along real routes: nobody is sent to their handles, and they have no names.

Nothing here is about anyone. The numbers have the form of real ones, because an importer would refuse others;
in demo mode the gateway factory builds nothing that could leave this machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from campaigns.places.files.sheet_cells import write_sheet

T = TypeVar("T")

#: Mobile prefixes of Ukraine; the sandbox's fault suffixes (00 and five digits) are never generated.
PREFIXES = ("+38050", "+38063", "+38066", "+38067", "+38068", "+38093", "+38095", "+38096", "+38097", "+38098")
FAULT_MARK = "00"
#: How far from a stop people are put, in degrees (about 3 km).
SPREAD_DEGREES = 0.03
#: Share of people whose last word on where they are is too old for the campaign.
STALE_SHARE = 0.03
HANDLES = ("number", "whatsapp", "telegram")
COLUMNS = (*HANDLES, "language", "latitude", "longitude", "position_date", "consent_date", "consent_how")


class Way(StrEnum):
    """How an invented person can be reached."""

    SMS = "sms"
    WHATSAPP_AND_SMS = "whatsapp_and_sms"
    #: By an id that shows no number.
    WHATSAPP = "whatsapp"
    TELEGRAM = "telegram"


@dataclass(frozen=True, slots=True)
class Stop:
    """A place people are put near: longitude, latitude, and the country whose language shares apply."""

    longitude: float
    latitude: float
    country: str


@dataclass(frozen=True, slots=True)
class World:
    """Where invented people are, what they read and how they are reached."""

    stops: Sequence[Stop]
    #: Weights of languages by country.
    languages: Mapping[str, Mapping[str, int]]
    #: Weights of ways.
    ways: Mapping[Way, int]


def invent_people(count: int, world: World, *, now: datetime, seed: int) -> Iterator[dict[str, str]]:
    """Yield `count` rows of a contact file; the same seed gives the same people."""
    chance = random.Random(seed)  # noqa: S311 - invented people, not secrets
    taken: set[str] = set()
    while len(taken) < count:
        handles = _handles(_drawn(chance, world.ways), chance)
        name = next(iter(handles.values()))
        # Neither twice nor one that the sandbox takes for an order to fail.
        if name in taken or name[-7:].startswith(FAULT_MARK):
            continue
        taken.add(name)
        yield dict.fromkeys(HANDLES, "") | handles | _rest(chance, world, now)


def way_of(row: Mapping[str, str]) -> Way:
    """Return how the person of a row is reached."""
    if row["telegram"]:
        return Way.TELEGRAM
    if row["whatsapp"]:
        return Way.WHATSAPP_AND_SMS if row["number"] else Way.WHATSAPP
    return Way.SMS


def as_csv(rows: Iterable[dict[str, str]]) -> bytes:
    """Return the rows as the CSV file a member would upload (UTF-8)."""
    return write_sheet(COLUMNS, rows).encode()


def _handles(way: Way, chance: random.Random) -> dict[str, str]:
    if way is Way.TELEGRAM:
        return {"telegram": str(chance.randrange(10**8, 10**9))}
    if way is Way.WHATSAPP:
        return {"whatsapp": f"UA.{chance.getrandbits(40):010x}"}
    number = chance.choice(PREFIXES) + f"{chance.randrange(10**7):07d}"
    return {"number": number} | ({"whatsapp": number} if way is Way.WHATSAPP_AND_SMS else {})


def _rest(chance: random.Random, world: World, now: datetime) -> dict[str, str]:
    stop = chance.choice(world.stops)
    days = chance.randint(60, 90) if chance.random() < STALE_SHARE else chance.randint(0, 13)
    said_at = (now - timedelta(days=days)).date().isoformat()
    return {
        "language": _drawn(chance, world.languages.get(stop.country) or {"uk": 1}),
        "latitude": f"{stop.latitude + chance.uniform(-SPREAD_DEGREES, SPREAD_DEGREES):.4f}",
        "longitude": f"{stop.longitude + chance.uniform(-SPREAD_DEGREES, SPREAD_DEGREES):.4f}",
        "position_date": said_at,
        "consent_date": said_at,
        "consent_how": "demo: invented form",
    }


def _drawn(chance: random.Random, weights: Mapping[T, int]) -> T:
    return chance.choices(list(weights), weights=list(weights.values()))[0]
