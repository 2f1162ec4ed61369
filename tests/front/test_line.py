"""Everybody has a turn before anybody has a second one."""

from __future__ import annotations

from campaigns.front.line import Line


def test_peers_take_turns() -> None:
    line: Line[str] = Line(9)
    for one in ("a1", "a2", "a3", "b1", "b2", "c1"):
        assert line.enter(one[0], one) is None
    assert [line.take() for _ in range(len(line))] == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert len(line) == 0


def test_rest_of_an_answer_goes_before_new_ones_of_its_peer() -> None:
    line: Line[str] = Line(9)
    line.enter("a", "a1")
    line.enter("a", "rest", goes_first=True)
    assert [line.take(), line.take()] == ["rest", "a1"]


def test_last_of_the_largest_crowd_is_sent_away() -> None:
    line: Line[str] = Line(3)
    for one in ("a1", "a2", "b1"):
        line.enter(one[0], one)
    # Of two that would have as many, who comes.
    assert line.enter("b", "b2") == "b2"
    assert line.enter("c", "c1") == "a2"
    # All have as many now, and who comes is one too many.
    assert line.enter("c", "c2") == "c2"
    assert [line.take() for _ in range(3)] == ["a1", "b1", "c1"]
