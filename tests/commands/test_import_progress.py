"""A long import says how far it is; a short one says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.commands.import_progress import Progress


def clock(*seconds: float) -> Iterator[float]:
    return iter(seconds)


def test_speed_and_what_is_left_are_those_of_what_is_done_now() -> None:
    said: list[str] = []
    times = clock(0, 4, 10, 12, 20)
    progress = Progress(said.append, lambda: next(times))
    progress("read", 400, 0.2)
    progress("read", 2000, 1.0)
    progress("written", 100, 0.05)
    progress("written", 1000, 0.5)
    assert said == [
        "read: 2,000 rows, 200 a second, 0 seconds left",
        "written: 1,000 rows, 100 a second, 10 seconds left",
    ]


def test_what_is_done_at_once_is_not_told() -> None:
    said: list[str] = []
    times = clock(0, 4, 4.9)
    progress = Progress(said.append, lambda: next(times))
    progress("read", 10, 1.0)
    progress("written", 10, 1.0)
    assert said == []
