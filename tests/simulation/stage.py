"""What every kind of world has: a plan, one timeline, a provider, workers; and how it goes from begin to end."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from campaigns.core import clock
from campaigns.core.processes import outages
from campaigns.gateways.callbacks import StatusUpdate
from tests.factories import NOON
from tests.simulation.crew import Crew
from tests.simulation.oracle import Oracle
from tests.simulation.plan import Plan, ReceiptPlan
from tests.simulation.processes import Timeline
from tests.simulation.provider import Provider


@dataclass(slots=True)
class Outcome:
    """What became of one world."""

    plan: Plan
    broken: list[str]
    trace: list[tuple[float, str, str]]
    states: dict[str, int]
    #: Messages accepted beyond what was promised.
    doubles: int
    #: Calls after a stop had to be obeyed.
    after_stop: int
    counts: Counter[str] = field(default_factory=Counter)


class Stage(ABC):
    """A world as far as it does not depend on where deliveries are kept; `oracle` and `crew` are a subclass's."""

    oracle: Oracle
    crew: Crew

    def __init__(self, plan: Plan, kind: str) -> None:
        """Prepare a world; those of another kind have other luck with the same seed."""
        self.plan = plan
        self.chance = Random(f"{kind} {plan.seed}")
        self.timeline = Timeline(self.chance)

    def now(self) -> datetime:
        """Return the time as the clock of whoever asks shows it."""
        return NOON + timedelta(seconds=self.timeline.shown())

    def live(self) -> Outcome:
        """Let everything happen and return what became of it."""
        with clock.running_on(self.now), faults_noted(self.oracle):
            self._set_up()
            self._be_busy()
            self._be_calm()
            if not self.oracle.broken:
                self._check()
            for worker in list(self.crew.workers.values()):
                self.timeline.end(worker.process)
        oracle, counts = self.oracle, self.crew.counts
        counts.update(oracle.faults)
        counts.update(messages=len(oracle.people), accepted=len(oracle.messages), steps=self.timeline.steps)
        states = {str(state): count for state, count in oracle.counts.items() if count}
        return Outcome(
            self.plan, oracle.broken, oracle.trace, states, oracle.doubles(), oracle.after_stop(), counts
        )

    def _open_provider(self, receipts: ReceiptPlan, post: Callable[[StatusUpdate], None]) -> Provider:
        wire = self.plan.provider
        return Provider(self.timeline, self.oracle, self.chance, wire, receipts, post=post, now=self.now)

    @abstractmethod
    def _set_up(self) -> None:
        """Put in store what the plan says."""

    @abstractmethod
    def _be_busy(self) -> None:
        """Let everything happen that the plan says, until nothing is left to do."""

    @abstractmethod
    def _be_calm(self) -> None:
        """Mend everything, and see that it comes to rest by itself."""

    @abstractmethod
    def _check(self) -> None:
        """Blame what does not agree. Nothing moves any more."""


@contextmanager
def faults_noted(oracle: Oracle) -> Iterator[None]:
    """Keep the log quiet, but write errors into the trace: a lane or a call that breaks is no promise kept."""
    logger, handler = logging.getLogger("campaigns"), _Notes(oracle)
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
        logger.setLevel(level)


class _Notes(logging.Handler):
    def __init__(self, oracle: Oracle) -> None:
        super().__init__(logging.ERROR)
        self._oracle = oracle

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        # How often an outage is told goes by seconds of this machine, and a world has its own.
        if record.name != outages.__name__:
            self._oracle.note("error", words)
        if "broke" in words or "refused; writing" in words:
            self._oracle.blame(f"{words}: {record.exc_info[1] if record.exc_info else None!r}")
