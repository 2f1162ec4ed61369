"""A worker raises its number by these statements, which are made once because every claim carries one."""

from __future__ import annotations

from functools import cache
from typing import cast

from sqlalchemy import Select, String, Table, Update, bindparam, func, select, update

from campaigns.continuity.models import Instance, Pulse
from campaigns.core.database import UTCDateTime

PULSE = cast(Table, Pulse.__table__)
INSTANCE = cast(Table, Instance.__table__)


@cache
def raising(*, is_sign: bool = False, is_first: bool = False, has_timeline: bool = False) -> Update:
    """Return the raise of a number, which finds its row only in a database that is not behind and not latched.

    With `is_sign` it is a sign of life as well, else a claim's. The worker's last sign must be a recent one, but
    for the first after a silence.
    """
    latched = select(INSTANCE.c.id).where(INSTANCE.c.latched_at.is_not(None)).exists()
    statement = (
        update(PULSE)
        .where(PULSE.c.id == bindparam("pulse"), PULSE.c.number >= bindparam("mark"), ~latched)
        .values(number=bindparam("step"))
    )
    if has_timeline:
        # A replica may have taken over since the last look, and lack what others claimed.
        present = func.substr(func.pg_walfile_name(func.pg_current_wal_lsn(), type_=String()), 1, 8)
        statement = statement.where(present == bindparam("timeline"))
    if not is_first:
        statement = statement.where(PULSE.c.seen_at > bindparam("lately", type_=UTCDateTime()))
    return statement.values(seen_at=bindparam("now", type_=UTCDateTime())) if is_sign else statement


@cache
def is_latched() -> Select[int]:
    """Select a row when the instance is latched."""
    return select(INSTANCE.c.id).where(INSTANCE.c.latched_at.is_not(None))
