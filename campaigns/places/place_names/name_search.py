"""Looking up a name tries ways from the surest to the least sure, and stops at the first that finds a place.

Pure, apart from the bundled list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from geopy.distance import great_circle

from campaigns.core.folding import words_of
from campaigns.places.place_names.candidates import Match
from campaigns.places.place_names.cyrillic import latin_spellings
from campaigns.places.place_names.name_table import ListedPlace, NameTable, load_table
from campaigns.places.place_names.place_keys import key_of, key_of_words
from campaigns.places.place_names.readings import Reading, parts_of, readings_of

#: Longitude and latitude in degrees.
Point = tuple[float, float]

#: Parts of one town are listed beside it: within these metres the largest stands for all of its country.
SAME_TOWN_METRES = 10_000
#: People of a town that is known by the beginning of its name, and letters of that beginning.
LARGE_TOWN = 100_000
SHORTEST_BEGINNING = 4
#: A name that so many places have is not taken for another name of a larger one.
MANY_NAMESAKES = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A place of the list that was found, how, by which key, and how far it is from what is known."""

    place: ListedPlace
    match: Match
    key: str
    metres: float | None


def look_up(text: str, *, near: Sequence[Point] = ()) -> list[Found]:
    """Return the places that a text may mean, those with more people first, then what is closer to a `near` point.

    Beside a place of exactly this name stands a large town whose name begins so: "Addis" is rarely a village.
    """
    table = load_table()
    for match, reading, find in _ways(table, text):
        places = dict.fromkeys(find(reading), match)
        if match is Match.EXACT and places:
            places = dict.fromkeys(_large_towns(table, reading), Match.BEGUN) | _with_namesakes(
                table, reading, places
            )
        if places:
            found = [Found(place, way, reading.key, _metres(place, near)) for place, way in places.items()]
            return _without_parts_of_towns(sorted(found, key=_rank))
    return []


def _ways(table: NameTable, text: str) -> Iterator[tuple[Match, Reading, Callable[[Reading], list[ListedPlace]]]]:
    def by_key(rows_of: Callable[[str], list[int]]) -> Callable[[Reading], list[ListedPlace]]:
        return lambda reading: _places_at(table, rows_of(reading.key), reading.country)

    readings = readings_of(text)
    yield from ((Match.EXACT, reading, by_key(table.named)) for reading in readings)
    spelt = by_key(lambda key: table.spelt(latin_spellings(key)))
    yield from ((Match.SPELT, reading, spelt) for reading in readings)
    yield from ((Match.BEGUN, reading, lambda reading: _large_towns(table, reading)) for reading in readings)
    yield from ((Match.NEARLY, reading, by_key(table.nearly_named)) for reading in readings)
    if readings:
        yield from ((Match.PART, reading, by_key(table.named)) for reading in parts_of(text))


def _with_namesakes(
    table: NameTable, reading: Reading, found: Mapping[ListedPlace, Match]
) -> dict[ListedPlace, Match]:
    """Add what is called so by its Latin name alone, where many are: then it is no sure name of anything else."""
    spellings = latin_spellings(reading.key)
    spelt = _places_at(table, table.spelt(spellings), reading.country) if spellings else []
    places = {**dict.fromkeys(spelt, Match.SPELT), **found}
    proper = _pattern_of(reading.key, spellings)
    own = {place for place in places if proper.fullmatch(key_of(place.name))}
    if len(own) < MANY_NAMESAKES:
        return dict(found)
    return {place: match if place in own else Match.ALIAS for place, match in places.items()}


def _pattern_of(key: str, spellings: Sequence[tuple[str, ...]]) -> re.Pattern[str]:
    """Return the pattern of the Latin keys of a name: itself, or all that its Cyrillic letters may be."""
    letters = ("|".join(map(re.escape, options)) for options in spellings)
    return re.compile("".join(f"(?:{options})" for options in letters) if spellings else re.escape(key))


def _places_at(table: NameTable, rows: Sequence[int], country: str | None) -> list[ListedPlace]:
    places = map(table.place_at, rows)
    return [place for place in places if country in (None, place.country)]


def _large_towns(table: NameTable, reading: Reading) -> list[ListedPlace]:
    """Return the large towns with a name of which this is the first word or words."""
    if len(reading.key) < SHORTEST_BEGINNING:
        return []
    return [
        place
        for place in _places_at(table, table.begun_with(reading.key), reading.country)
        if place.population >= LARGE_TOWN and any(_begins(name, reading.key) for name in _names_of(place))
    ]


def _names_of(place: ListedPlace) -> tuple[str, ...]:
    return (place.name, *place.other_names)


def _begins(name: str, key: str) -> bool:
    words = words_of(name)
    return any(key_of_words(words[:count]) == key for count in range(1, len(words)))


def _rank(found: Found) -> tuple[bool, int, float, int]:
    return found.match is Match.ALIAS, -found.place.population, found.metres or 0.0, found.place.number


def _metres(place: ListedPlace, near: Sequence[Point]) -> float | None:
    return min((_between(_point_of(place), point) for point in near), default=None)


def _without_parts_of_towns(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in found:
        if not any(
            one.place.country == other.place.country
            and _between(_point_of(one.place), _point_of(other.place)) <= SAME_TOWN_METRES
            for other in kept
        ):
            kept.append(one)
    return kept


def _point_of(place: ListedPlace) -> Point:
    return place.longitude, place.latitude


def _between(one: Point, other: Point) -> float:
    return float(great_circle(one[::-1], other[::-1]).meters)
