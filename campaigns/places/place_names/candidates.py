"""A candidate is a place that may be meant; how it was found and how far it is away decide between several.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: How many times as many people live in what is meant without asking.
TIMES_AS_MANY = 10
#: What a place is taken for whose population is not known: few smaller ones are listed.
UNKNOWN_POPULATION = 500
#: Who is this near to a place, and to no namesake, means that one.
NEAR_METRES = 100_000
#: How many times as far the next one must be.
TIMES_AS_FAR = 5
#: More are not asked about.
MOST_CHOICES = 3


class Match(StrEnum):
    """How what was typed led to a place, from the surest way to the least sure one."""

    #: The name itself, in any script.
    EXACT = "exact"
    #: Its Latin name in Cyrillic letters.
    SPELT = "spelt"
    #: The first words of the name of a large town.
    BEGUN = "begun"
    #: Another name of it, where the name itself is that of other places: Donetsk was one of many Oleksandrivkas.
    ALIAS = "alias"
    #: One typing error.
    NEARLY = "nearly"
    #: The first words of what was typed.
    PART = "part"


#: Ways that say which name was typed.
SURE = (Match.EXACT, Match.SPELT)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may be meant, with a name to show to who asked."""

    shown: str
    longitude: float
    latitude: float
    #: 0: not known.
    population: int
    match: Match
    #: To the nearest place that is known of who asked; None when none is.
    metres: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Either one place is meant, or one of a few that can be asked about, or nothing was understood."""

    place: Candidate | None = None
    choices: tuple[Candidate, ...] = ()


def decide(candidates: Sequence[Candidate]) -> Decision:
    """Return the place that is meant, or at most three choices, in the order of the candidates.

    By population only an exact name is taken without asking, and never against a namesake that is much closer.
    """
    by_population, by_closeness = _most_populous(candidates), _closest(candidates)
    winners = {one for one in (by_population, by_closeness) if one is not None}
    if len(winners) == 1:
        return Decision(place=winners.pop())
    choices = list(candidates[:MOST_CHOICES])
    if by_closeness is not None and by_closeness not in choices:
        choices[-1] = by_closeness
    return Decision(choices=tuple(choices))


def _most_populous(candidates: Sequence[Candidate]) -> Candidate | None:
    if not candidates:
        return None
    first, *others = sorted(candidates, key=_people_of, reverse=True)
    if first.match not in SURE:
        return None
    return first if all(_people_of(first) >= TIMES_AS_MANY * _people_of(other) for other in others) else None


def _closest(candidates: Sequence[Candidate]) -> Candidate | None:
    away = sorted((one.metres, at) for at, one in enumerate(candidates) if one.metres is not None)
    if not away or candidates[away[0][1]].match is Match.PART:
        return None
    nearest, at = away[0]
    others = [metres for metres, _ in away[1:]]
    is_clear = all(metres >= max(NEAR_METRES, TIMES_AS_FAR * nearest) for metres in others)
    return candidates[at] if nearest <= NEAR_METRES and is_clear else None


def _people_of(candidate: Candidate) -> int:
    return candidate.population or UNKNOWN_POPULATION
