"""Named points at which a test may kill the process as `kill -9` would; without the variable nothing happens."""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import cache

#: "written:3" kills the process the third time it passes the point `written`.
VARIABLE = "FINGERPOST_CRASH_AT"
#: Every point, in the order in which a message passes them.
POINTS = ("planned", "claimed", "written", "replied", "recorded")

_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Kill this process when the environment asked for it at this passage of the point `name`."""
    plan = planned_crash()
    if plan is None or plan[0] != name:
        return
    _passed[name] += 1
    if _passed[name] >= plan[1]:
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def planned_crash() -> tuple[str, int] | None:
    """Return the point and the passage to die at, or None: read once, the environment does not change.

    Raises ValueError for a point that does not exist: a test that waits for it would show nothing.
    """
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    if name and name not in POINTS:
        raise ValueError(f"There is no crash point {name!r}.")
    return (name, int(count or 1)) if name else None
