"""One place is clearly meant, or at most three are asked about, or nothing was understood."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.places.place_names.candidates import Candidate, Decision, Match, decide

CITY = Candidate("City", 20.0, 50.0, 800_000, Match.EXACT)
TOWN = Candidate("Town", 21.0, 51.0, 80_000, Match.EXACT)
VILLAGE = Candidate("Village", 22.0, 52.0, 0, Match.EXACT)


def test_nothing_was_found() -> None:
    assert decide([]) == Decision()


@pytest.mark.parametrize("match", [Match.EXACT, Match.SPELT])
def test_only_one_of_that_name_is_meant(match: Match) -> None:
    only = replace(VILLAGE, match=match)
    assert decide([only]) == Decision(place=only)


@pytest.mark.parametrize("match", [Match.BEGUN, Match.ALIAS, Match.NEARLY, Match.PART])
def test_inexact_name_is_asked_about_even_alone(match: Match) -> None:
    only = replace(CITY, match=match)
    assert decide([only]) == Decision(choices=(only,))


def test_ten_times_as_many_people_decide() -> None:
    assert decide([CITY, TOWN]).place == CITY
    nearly = replace(TOWN, population=80_001)
    assert decide([CITY, nearly]) == Decision(choices=(CITY, nearly))


def test_unknown_population_is_that_of_a_village() -> None:
    assert decide([replace(TOWN, population=5_000), VILLAGE]).place is not None
    assert decide([replace(TOWN, population=4_999), VILLAGE]).place is None
    assert decide([VILLAGE, replace(VILLAGE, shown="Other")]).place is None


def test_much_closer_place_is_meant() -> None:
    here, far = replace(TOWN, metres=20_000.0), replace(TOWN, shown="Far", metres=400_000.0)
    assert decide([far, here]).place == here
    assert decide([far, replace(here, match=Match.NEARLY)]).place is not None
    assert decide([far, replace(here, match=Match.PART)]).place is None


@pytest.mark.parametrize(("here", "there"), [(100_001.0, 900_000.0), (90_000.0, 449_000.0), (1_000.0, 99_000.0)])
def test_closeness_has_to_be_clear(here: float, there: float) -> None:
    assert decide([replace(TOWN, metres=here), replace(TOWN, shown="There", metres=there)]).place is None


def test_city_far_away_and_namesake_here_are_asked_about() -> None:
    far, here = replace(CITY, metres=480_000.0), replace(TOWN, metres=1_000.0)
    assert decide([far, here]) == Decision(choices=(far, here))


def test_closest_is_always_among_the_choices() -> None:
    far = [replace(TOWN, shown=name, metres=900_000.0) for name in "abc"]
    city, here = replace(CITY, metres=900_000.0), replace(VILLAGE, metres=100.0)
    assert decide([*far, here]).place == here
    assert decide([city, *far, here]).choices == (city, far[0], here)


candidates = st.builds(
    Candidate,
    shown=st.text(max_size=3),
    longitude=st.floats(-180, 180),
    latitude=st.floats(-90, 90),
    population=st.integers(0, 10_000_000),
    match=st.sampled_from(Match),
    metres=st.none() | st.floats(0, 20_000_000),
)


@given(st.lists(candidates, max_size=8))
def test_answer_is_a_place_or_few_choices_of_what_was_found(found: list[Candidate]) -> None:
    decision = decide(found)
    assert decision.place is None or (decision.place in found and not decision.choices)
    assert len(decision.choices) <= 3
    assert set(decision.choices) <= set(found)
    assert bool(found) is (decision.place is not None or bool(decision.choices))
