"""The engine of one process has a listener that keeps the fence fresh, and a lane for each sender it may serve.

A sender that carries a rehearsal beside runs for people has two lanes, since these go to different places.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core.errors import FingerpostError, ForeignCredentialError, SettingsError, UnavailableError
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.threads import Runner
from campaigns.core.processes.waiting import rest
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.engine.decisions import Decided, tell
from campaigns.delivery.engine.fence import REFRESH_SECONDS, Fence, LaneFence
from campaigns.delivery.engine.lane import Lane
from campaigns.delivery.engine.ports import RunningRun, Snapshot, Store
from campaigns.delivery.lanes.sender_facts import LaneKey, SenderFacts
from campaigns.delivery.lanes.sender_health import NO_CREDENTIAL, NOT_OPENED, NOT_OWNED
from campaigns.gateways.base import Gateway
from campaigns.planning.models import Health

#: Calls in flight get so long to finish after a stop, in seconds; what is left then is for the reaper.
FINISH_SECONDS = 12.0
CLOSED = N_("Nothing can be sent: %(fault)s")
BROKEN = N_("Nothing can be sent: the connection to the provider does not open.")

_CODES: dict[type[Exception], str] = {SettingsError: NO_CREDENTIAL, ForeignCredentialError: NOT_OWNED}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine is given from outside, so that a simulation can give something else."""

    store: Store
    #: Runs claims and results; one thread, because their order matters to the cursor.
    database: Runner
    #: Runs the listener's reads; a thread of its own, so that a slow claim does not blind the fence.
    watch: Runner
    open_gateway: Callable[[SenderFacts], Gateway]
    #: Callback URL up to the reference, by kind of gateway; None when it calls nobody back.
    callback_base: Callable[[str], str | None]
    chance: Callable[[], float]


class Engine:
    """Sends what is due over every sender until it is stopped."""

    def __init__(self, surroundings: Surroundings, *, window: int) -> None:
        self._around = surroundings
        self._window = window
        self._fence = Fence(asyncio.get_running_loop().time)
        #: By sender, and whether it rehearses.
        self._lanes: dict[LaneKey, tuple[Lane, asyncio.Task[None]]] = {}
        #: Monotonic moment before the last snapshot was asked for.
        self._seen_at = 0.0

    def serving(self) -> frozenset[LaneKey]:
        """Return the lanes that are open, those that are ending included."""
        return frozenset(self._lanes)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping` is set; then let calls in flight finish, write their results, and return."""
        try:
            while not stopping.is_set():
                snapshot = await self._listen()
                if snapshot is not None:
                    await self._assign(snapshot)
                await rest(stopping, REFRESH_SECONDS)
        finally:
            await self._finish()

    async def _listen(self) -> Snapshot | None:
        """Refresh the fence; return what was seen, or None when the database did not answer."""
        asked_at = asyncio.get_running_loop().time()
        try:
            snapshot = await self._around.watch(self._around.store.snapshot)
        except (SQLAlchemyError, UnavailableError) as error:
            OUTAGES.tell(error, "looking for stops; no call is begun until that works")
            return None
        self._seen_at = asked_at
        self._fence.refresh(snapshot, asked_at=asked_at)
        return snapshot

    async def _assign(self, snapshot: Snapshot) -> None:
        """Give each lane its runs, open lanes for new senders and stop those without a run."""
        by_lane: defaultdict[LaneKey, list[RunningRun]] = defaultdict(list)
        for run in snapshot.runs:
            key = run.sender_id, run.is_rehearsal
            if snapshot.is_ours(key):
                by_lane[key].append(run)
        for key, (lane, task) in list(self._lanes.items()):
            if task.done():
                self._forget(key, task)
                # What this snapshot says of it may be older than its end; the next one decides.
                by_lane.pop(key, None)
            elif key not in by_lane:
                lane.stop()
        for key, runs in by_lane.items():
            if key not in self._lanes:
                await self._open(key, runs)
                if runs[0].allowance is not None:
                    # Counted before the lane knew: an earlier lane may have claimed since.
                    continue
            if key in self._lanes:
                self._lanes[key][0].keep_runs(runs, seen_at=self._seen_at)

    async def _open(self, key: LaneKey, runs: list[RunningRun]) -> None:
        around = self._around
        try:
            sender = await around.database(around.store.open_sender, *key)
            gateway = await self._gateway_of(sender, runs)
            if gateway is None:
                return
            try:
                await around.database(around.store.note_account, sender.line, gateway.account)
            except SQLAlchemyError:
                await gateway.close()
                raise
        except SQLAlchemyError as error:
            OUTAGES.tell(error, f"opening sender {key[0]}")
            return
        except FingerpostError:
            # The next look tries again: somebody moved the run meanwhile.
            _log.warning("sender %s cannot be opened now", key[0], exc_info=True)
            return
        lane = Lane(
            sender,
            gateway,
            store=around.store,
            database=around.database,
            fence=LaneFence(self._fence, key),
            window=self._window,
            callback_base=around.callback_base(sender.gateway),
            chance=around.chance,
            passed_on=self._remind,
        )
        self._lanes[key] = (lane, asyncio.create_task(_run_and_close(lane, gateway)))

    async def _gateway_of(self, sender: SenderFacts, runs: list[RunningRun]) -> Gateway | None:
        """Open the gateway of a sender. One that cannot be opened is paused, and the runs go on over their others.

        Whatever it is concerns this sender only. A rehearsal has none to pause, so its runs are.
        """
        around = self._around
        try:
            return around.open_gateway(sender)
        except Exception as error:
            told = Sentence.of(error) if isinstance(error, FingerpostError) else None
            reason = Sentence(CLOSED, {"fault": told}) if told else Sentence(BROKEN)
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), NOT_OPENED)
            _log.error("sender %s cannot be opened: %s", sender.sender_id, error, exc_info=None if told else error)
        if not sender.is_rehearsal:
            await around.database(around.store.tell_health, sender.sender_id, Health.PAUSED, code)
            tell(Decided.SENDER_TOLD, sender=sender.sender_id, health=Health.PAUSED, code=code)
            return None
        for run in runs:
            await around.database(around.store.pause, run.run_id, reason)
            tell(Decided.RUN_PAUSED, run=run.run_id, code=code)
        return None

    def _remind(self, run_id: int) -> None:
        for lane, _ in self._lanes.values():
            lane.remind(run_id)

    def _forget(self, key: LaneKey, task: asyncio.Task[None]) -> None:
        """Remove a lane that ended; the next snapshot opens it again if there is work."""
        del self._lanes[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the lane of sender %s broke", key[0], exc_info=error)

    async def _finish(self) -> None:
        for lane, _ in self._lanes.values():
            lane.stop()
        tasks = [task for _, task in self._lanes.values()]
        if tasks:
            listening = asyncio.create_task(self._keep_listening())
            _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
            listening.cancel()
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, listening, return_exceptions=True)

    async def _keep_listening(self) -> None:
        """Keep the fence fresh while calls that were begun wait for their connection."""
        while True:
            await self._listen()
            await asyncio.sleep(REFRESH_SECONDS)


async def _run_and_close(lane: Lane, gateway: Gateway) -> None:
    try:
        await lane.run()
    finally:
        await gateway.close()
