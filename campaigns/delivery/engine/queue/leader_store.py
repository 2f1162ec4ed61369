"""This is a worker's store on SQLite, where one worker serves every lane and the others none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.ears import Ears
from campaigns.continuity.lifeline import Lifeline
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.steady import ClockGuard
from campaigns.delivery.engine.ports import Ask, Found, Result, Snapshot
from campaigns.delivery.engine.queue.store import DatabaseStore, MayUse, everybody_may
from campaigns.delivery.lanes.leader_lock import LeaderLock
from campaigns.delivery.lanes.sender_facts import LaneKey


class LeaderStore(DatabaseStore):
    """Its snapshots say that every lane is this worker's own, or none is."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        vault: Vault,
        leader_lock: LeaderLock,
        guard: ClockGuard | None = None,
        lifeline: Lifeline | None = None,
        may_use: MayUse = everybody_may,
        ears: Ears | None = None,
    ) -> None:
        super().__init__(sessions, vault, lifeline, may_use, ears)
        self._leader_lock, self._guard = leader_lock, guard or ClockGuard()

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write the results and claim what is asked for; nothing is claimed by a clock that may be wrong."""
        return super().exchange(results, None if self._guard.is_astray() else ask)

    def snapshot(self) -> Snapshot:
        """Read what the fence needs. Raises UnavailableError when the disk of the database may only be read."""
        if self._guard.is_astray():
            # No sign of life either: members are told that nothing is sent.
            return replace(super().snapshot(), lanes=frozenset())
        try:
            # The leader lock first: who has it reads nothing from before its last holder ended.
            lanes: frozenset[LaneKey] | None = None if self._leader_lock.take() else frozenset()
        except OSError as error:
            raise UnavailableError(f"The disk of the database may only be read: {error.strerror}.") from error
        return replace(super().snapshot(), lanes=lanes)
