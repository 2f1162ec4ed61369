"""The database says here which instance it is, how far each worker came, and whether it is latched."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON, BigInteger, SmallInteger, String

from campaigns.core.database import Base

#: The id of the only row of `instance`.
ONLY = 1


class LatchReason(StrEnum):
    """Why nothing may leave an instance until its operator has released it."""

    #: The database lacks what a worker of this machine has seen in it.
    BEHIND = "behind"
    #: It is a copy, was restored elsewhere or failed over: it says another identity than it has.
    MOVED = "moved"
    #: It has sent before, but never from this machine, and no living worker is on it.
    STRANGER = "stranger"
    #: A provider lists messages of ours that it does not know.
    LISTED = "listed"


class Instance(Base):
    """The one row by which an instance knows itself; every process heeds `latched_at` before it calls anybody."""

    __tablename__ = "instance"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    #: Random; made once, and copied with the database.
    code: Mapped[str] = mapped_column(String(32))
    #: Counts the releases after a restore; a mark of an earlier epoch says nothing of this one.
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Identity of the place where the database was last known to live, which a copy has not; None: no worker yet.
    place: Mapped[str | None] = mapped_column(String(100))
    #: Set while nothing may leave, with the reason.
    latched_at: Mapped[datetime | None]
    latched_because: Mapped[LatchReason | None] = mapped_column(String(10))
    released_at: Mapped[datetime | None]
    #: Codes of other instances whose marks a release has found on its machine; they say nothing any more.
    forgiven: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")


class Pulse(Base):
    """How far one worker came, and when it last gave a sign of life; only this worker writes it."""

    __tablename__ = "pulse"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: Raised by each group of claims and each sign of life, in their transaction.
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    #: By the worker's clock; None until it may send for the first time.
    seen_at: Mapped[datetime | None]


class HookBeat(Base):
    """The one row by which processes that answer providers say that they live, and that a stop could be kept."""

    __tablename__ = "hook_beat"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    #: Raised every few seconds by each of them.
    number: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime]
