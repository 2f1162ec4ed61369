"""The map draws each region once, in a step that its count earns, and reads no outline it does not need."""

from __future__ import annotations

import re

import pytest

from campaigns.reach.results.choropleth import STEPS, WIDTH, draw, ranges, step_of

PEOPLE = {"PL-18": 231, "UA-46": None, "RO-IS": 0, "DE-BE": 5000}


def test_regions_that_count_are_drawn_on_top() -> None:
    drawn = draw(PEOPLE)
    assert drawn is not None
    coloured = {shape.code: shape.step for shape in drawn.shapes if shape.step is not None}
    assert coloured == {"PL-18": 3, "UA-46": 1, "RO-IS": 0, "DE-BE": 5}
    assert [shape.step is not None for shape in drawn.shapes] == sorted(
        shape.step is not None for shape in drawn.shapes
    )


def test_outlines_stay_on_the_sheet() -> None:
    drawn = draw(PEOPLE)
    assert drawn is not None
    for shape in drawn.shapes:
        for x, y in re.findall(r"M(-?\d+) (-?\d+)", shape.path):
            assert 0 <= int(x) <= WIDTH
            assert 0 <= int(y) <= drawn.height
        assert re.fullmatch(r"(M-?\d+ -?\d+l(-?\d+ -?\d+ ?)+z)+", shape.path)


def test_neighbouring_countries_are_one_shape_each() -> None:
    drawn = draw({"PL-18": 1})
    assert drawn is not None
    codes = [shape.code for shape in drawn.shapes]
    assert len(codes) == len(set(codes))
    assert {"UA", "SK"} < {code for code in codes if len(code) == 2}


@pytest.mark.parametrize(
    "codes",
    [("HN-LE", "HN-OC", "HN-VA"), ("DE-BE", "DE-HH", "DE-SH", "DE-SL", "MD-FA"), ("AL-03", "AL-07"), ("CK",)],
)
def test_neighbours_whose_borders_no_longer_meet_are_drawn(codes: tuple[str, ...]) -> None:
    drawn = draw(dict.fromkeys(codes, 30))
    assert drawn is not None
    assert {shape.code for shape in drawn.shapes if shape.step is not None} == set(codes)
    assert all(shape.path for shape in drawn.shapes)


@pytest.mark.parametrize("codes", [{}, {"XX-99": 3}])
def test_nothing_to_draw_is_no_map(codes: dict[str, int | None]) -> None:
    assert draw(codes) is None


def test_steps_meet_without_gap() -> None:
    assert [low for _, low, _ in ranges()] == [0, *STEPS]
    assert all(high is None or step_of(high) + 1 == step_of(high + 1) for _, _, high in ranges())
    assert ranges(10)[:2] == [(1, 10, 19), (2, 20, 99)]
    assert step_of(None) == step_of(19)
