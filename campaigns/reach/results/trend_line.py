"""A line over the months is laid out on a sheet: pure, so that a page needs no script to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The sheet in its own units, and the room around the line: above for figures, beneath for months.
WIDTH, HEIGHT = 800, 260
ASIDE, ABOVE, BENEATH = 48, 40, 36


@dataclass(frozen=True, slots=True)
class Dot:
    """A month on the line: where it stands, and what it tells; None: too few people to be told."""

    x: float
    y: float
    people: int | None


@dataclass(frozen=True, slots=True)
class TrendLine:
    """A line ready to be drawn."""

    width: int
    height: int
    #: Where nobody is.
    base: int
    dots: list[Dot]
    #: Points of each unbroken piece; what is not told breaks the line.
    pieces: list[str]


def lay_out(people: Sequence[int | None], *, leftward: bool = False) -> TrendLine:
    """Lay out people by month, the oldest first; `leftward` where the reader's script goes so."""
    most = max((each for each in people if each is not None), default=0) or 1
    base, room = HEIGHT - BENEATH, WIDTH - 2 * ASIDE
    step = room / (len(people) - 1) if len(people) > 1 else 0.0
    dots = []
    for at, each in enumerate(people):
        along = ASIDE + at * step if step else WIDTH / 2
        x, y = (WIDTH - along if leftward else along), base - (base - ABOVE) * (each or 0) / most
        dots.append(Dot(round(x, 1), round(y, 1), each))
    return TrendLine(WIDTH, HEIGHT, base, dots, _pieces(dots))


def _pieces(dots: Sequence[Dot]) -> list[str]:
    pieces: list[list[str]] = [[]]
    for dot in dots:
        if dot.people is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{dot.x},{dot.y}")
    return [" ".join(points) for points in pieces if len(points) > 1]
