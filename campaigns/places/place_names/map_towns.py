"""The largest towns in a frame of the map, by whose names whoever looks at it knows where they are.

Asks neither database nor network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from campaigns.places.place_names.name_table import load_table
from campaigns.places.place_names.shown_names import name_for

#: More names than this have no room in a frame.
MOST_TOWNS = 40


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of the map, in degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Town:
    """A name and where it stands, in degrees."""

    name: str
    longitude: float
    latitude: float


@lru_cache(maxsize=256)
def towns_in(frame: Frame, language: str) -> tuple[Town, ...]:
    """Return the largest towns in a frame, the largest first, with their names in a language where known."""
    rows, longitudes, latitudes = _largest_first()
    inside = (longitudes >= frame.west) & (longitudes <= frame.east)
    inside &= (latitudes >= frame.south) & (latitudes <= frame.north)
    table = load_table()
    found = [table.place_at(int(row)) for row in rows[np.flatnonzero(inside)[:MOST_TOWNS]]]
    return tuple(Town(name_for(place, language), place.longitude, place.latitude) for place in found)


@cache
def _largest_first() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return where the lines of all towns begin in the list, and where they are; read once a process."""
    rows, longitudes, latitudes, people = np.array(list(load_table().peopled())).T
    order = np.argsort(-people, kind="stable")
    return rows[order].astype(np.int64), longitudes[order], latitudes[order]
