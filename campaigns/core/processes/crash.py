"""A test may kill or freeze the process at these named points; without the variable nothing happens."""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import cache

#: "written:3" kills the process as `kill -9` does, the third time it passes the point `written`;
#: "written:3:stop" freezes it there once, until it gets SIGCONT.
VARIABLE = "FINGERPOST_CRASH_AT"
_SIGNALS = {"": signal.SIGKILL, "stop": signal.SIGSTOP}
#: Every point, in the order in which a message passes them.
POINTS = ("planned", "claimed", "fenced", "written", "replied", "recorded")

_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Kill or freeze this process when the environment asked for it at this passage of the point `name`."""
    plan = planned_crash()
    if plan is None or plan[0] != name:
        return
    _passed[name] += 1
    if _passed[name] == plan[1]:
        os.kill(os.getpid(), plan[2])


@cache
def planned_crash() -> tuple[str, int, signal.Signals] | None:
    """Return the point, the passage and the signal that ends it, or None: the environment does not change.

    Raises ValueError for a point or an end that does not exist: a test that waits for it would show nothing.
    """
    name, _, rest = os.environ.get(VARIABLE, "").partition(":")
    count, _, end = rest.partition(":")
    if not name:
        return None
    if name not in POINTS:
        raise ValueError(f"There is no crash point {name!r}.")
    if end not in _SIGNALS:
        raise ValueError(f"{end!r} is no way to end at a crash point.")
    return name, int(count or 1), _SIGNALS[end]
