"""The store of a worker on SQLite, where one worker serves every lane and the others none."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.crypto import Vault
from campaigns.core.errors import UnavailableError
from campaigns.delivery.baton import Baton
from campaigns.delivery.engine.ports import LaneKey, Snapshot
from campaigns.delivery.engine.store import DatabaseStore


class BatonStore(DatabaseStore):
    """Its snapshots say that every lane is this worker's own, or none is."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, baton: Baton) -> None:
        super().__init__(sessions, vault)
        self._baton = baton

    def snapshot(self) -> Snapshot:
        """Read what the fence needs. Raises UnavailableError when the disk of the database may only be read."""
        try:
            # The baton first: who has it reads nothing from before its last holder ended.
            lanes: frozenset[LaneKey] | None = None if self._baton.take() else frozenset()
        except OSError as error:
            raise UnavailableError(f"The disk of the database may only be read: {error.strerror}.") from error
        return replace(super().snapshot(), lanes=lanes)
