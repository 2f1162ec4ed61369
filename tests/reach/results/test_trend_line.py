"""A line over the months stands where its figures are, breaks where nothing is told, and turns with the script."""

from __future__ import annotations

from campaigns.reach.results.trend_line import ABOVE, ASIDE, WIDTH, lay_out


def test_most_people_stand_highest() -> None:
    line = lay_out([20, 100, 60])
    assert line.dots[1].y == ABOVE < line.dots[2].y < line.dots[0].y < line.base
    assert [dot.x for dot in line.dots] == [ASIDE, WIDTH / 2, WIDTH - ASIDE]


def test_what_is_not_told_breaks_the_line() -> None:
    line = lay_out([20, 30, None, 40, 50])
    assert len(line.pieces) == 2
    assert line.dots[2].y == line.base


def test_it_turns_with_the_script_and_takes_one_month() -> None:
    assert [dot.x for dot in lay_out([20, 30], leftward=True).dots] == [WIDTH - ASIDE, ASIDE]
    assert lay_out([20]).dots[0].x == WIDTH / 2
    assert lay_out([]).dots == []
