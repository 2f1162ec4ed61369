"""Chores are done again and again beside everything else; one kind that fails holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.waiting import rest

#: A chore that fails waits at most this many times as long as usual.
LONGEST_PAUSE = 10
#: A chore that had to wait looks again after so many seconds, however seldom it is done.
LOOK_AGAIN_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of work, and the seconds between two times."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]
    #: Whether it compares or writes times that others act on, so that it waits while the clock is wrong.
    needs_clock: bool = True
    #: Whether it reaches somebody outside, or queues what will: not before a restored instance is released.
    is_outward: bool = False


async def repeat(
    chore: Chore, stopping: asyncio.Event, *, must_wait: Callable[[Chore], bool] = lambda chore: False
) -> None:
    """Do a chore until told to stop; a failure is logged and the chore tried again, later."""
    failures = 0
    while not stopping.is_set():
        if must_wait(chore):
            await rest(stopping, min(chore.seconds, LOOK_AGAIN_SECONDS))
            continue
        try:
            await chore.work()
            failures = 0
        except SQLAlchemyError as error:
            failures += 1
            OUTAGES.tell(error, chore.name)
        except Exception:
            failures += 1
            _log.exception("%s failed", chore.name)
        await rest(stopping, chore.seconds * min(2**failures, LONGEST_PAUSE))


def do_for_each(
    ids: Iterable[int],
    do: Callable[[int], int | None],
    *,
    doing: str,
    told: str,
    at_once: tuple[type[Exception], ...] = (OperationalError,),
) -> int:
    """Do something for each of some ids, whatever becomes of the others, and return how much was done in all.

    What says that nothing can be done now is raised at once, all else as an ExceptionGroup `told` at the end, each
    with a note of what was being done (`doing`, with the id).
    """
    done, failures = 0, list[Exception]()
    for each in ids:
        try:
            done += do(each) or 0
        except at_once:
            raise
        except Exception as error:
            error.add_note(f"while {doing.format(each)}")
            failures.append(error)
    if failures:
        raise ExceptionGroup(told, failures)
    return done


def do_each(steps: dict[str, Callable[[], object]]) -> None:
    """Do every step, in order, whatever becomes of those before; failures are logged by the step's name."""
    for name, step in steps.items():
        try:
            step()
        except SQLAlchemyError as error:
            OUTAGES.tell(error, name)
        except Exception:
            _log.exception("%s failed", name)
