"""This table keeps what a worker counted of each run that is too large to be counted while a member waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, rows_with
from campaigns.delivery.counts import LARGE_RUN
from campaigns.planning.models import Run

#: A large run; in words, so that both databases see that an index has them.
LARGE = f"planned > {LARGE_RUN}"
Index("ix_run_large", Run.state, **rows_with(LARGE))


class RunTally(Base):
    """What was counted of a run, in three counts that each have a moment of their own; no ids of people."""

    __tablename__ = "run_tally"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    #: Its tally and its waves, as `kept_tallies.py` writes them; None: they were never counted.
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    counted_at: Mapped[datetime | None]
    took_ms: Mapped[int] = mapped_column(default=0)
    #: In which state the run was then, and when it was first counted in that state.
    state: Mapped[str | None] = mapped_column(String(10))
    still_since: Mapped[datetime | None]
    #: It ended long before, and nothing of it was in doubt: only a late receipt moves its figures, and says so.
    is_settled: Mapped[bool] = mapped_column(default=False)
    #: Its states alone, which are counted more often, and how many calls had ended at moments before.
    states: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    states_at: Mapped[datetime | None]
    states_took_ms: Mapped[int] = mapped_column(default=0)
    #: Deliveries that were accepted more than once, as its receipts told.
    doubled: Mapped[int | None]
    compared_at: Mapped[datetime | None]
    compared_took_ms: Mapped[int] = mapped_column(default=0)
    #: When a page last asked for a new tally, or for its receipts to be compared.
    asked_at: Mapped[datetime | None]
    compare_asked_at: Mapped[datetime | None]
    #: Until when a worker has it; one that says nothing for longer is taken for dead.
    claimed_until: Mapped[datetime | None]
