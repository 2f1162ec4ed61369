"""A worker keeps the books: what runs cost."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.processes.chores import Chore
from campaigns.reach.counting.run_costs import recount_costs

#: Seconds between two looks for runs whose cost has moved.
COSTS_EVERY = 5.0


class Money:
    """What is spent on this instance, looked after by one worker."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def chores(self) -> list[Chore]:
        """Return what a worker does again and again for the books."""
        return [Chore("counting costs", COSTS_EVERY, self.count_costs)]

    async def count_costs(self) -> None:
        """Count what runs cost that moved since the last look."""
        await asyncio.to_thread(recount_costs, self._sessions)
