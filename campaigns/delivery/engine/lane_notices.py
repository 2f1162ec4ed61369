"""Beside results a lane tells the database that a run has to be paused, and how its sender fares."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core.errors import FingerpostError
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.threads import Runner
from campaigns.delivery.engine.decisions import Decided, tell
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Result, Store
from campaigns.planning.models import Health

#: Pause after the database did not answer, in seconds.
DATABASE_PAUSE = 1.0

_log = logging.getLogger(__name__)


class LaneNotices:
    """Writes what members have to know of a lane; what cannot be written is tried again."""

    def __init__(
        self, store: Store, database: Runner, *, sender_id: int, flow: FlowControl, runs: LaneRuns
    ) -> None:
        self._store, self._database = store, database
        self._sender_id, self._flow, self._runs = sender_id, flow, runs

    async def pause_runs(self) -> None:
        """Pause the runs that are to be paused."""
        for run_id, reason in list(self._runs.to_pause.items()):
            _log.warning("run %s is paused: %s", run_id, reason)
            try:
                await self._database(self._store.pause, run_id, reason)
            except SQLAlchemyError as error:
                OUTAGES.tell(error, f"pausing run {run_id}")
                return
            except FingerpostError:
                _log.warning("run %s is not paused any more", run_id, exc_info=True)
            self._runs.paused(run_id)

    async def tell_health(self, results: Iterable[Result]) -> None:
        """Write how the sender fares, when that changed; one that its provider blames stops here."""
        news = self._flow.news(results)
        if news is None:
            return
        health, code = news
        try:
            await self._database(self._store.tell_health, self._sender_id, health, code)
        except SQLAlchemyError as error:
            OUTAGES.tell(error, f"writing how sender {self._sender_id} fares")
            await asyncio.sleep(DATABASE_PAUSE)
            return
        self._flow.told(health)
        tell(Decided.SENDER_TOLD, sender=self._sender_id, health=health, code=code)
        if health is Health.PAUSED:
            _log.warning("sender %s is paused: %s", self._sender_id, code)
            # Not before it is written: the engine opens the lane anew as long as the sender is not paused.
            self._flow.stop()
