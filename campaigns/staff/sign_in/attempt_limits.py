"""Limits on what strangers may try stand in the database: all processes share them, no restart forgets any.

Each limit is a leaky bucket: an attempt pours in its part, all of it leaks away in the window, and who finds the
bucket full is refused. So a refusal is a wait of at most a window divided by the limit, for one attempt.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.staff.models import LeakyBucket
from campaigns.web.guards.networks import networks_of


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts in a window, of whatever the key stands for."""

    key: str
    most: int
    window: timedelta

    @property
    def part(self) -> timedelta:
        """How long one attempt needs to leak away."""
        return self.window / self.most


def key_of(secret_key: str, *parts: str) -> str:
    """Return the key that stands for `parts`, by which nobody finds out an account or network."""
    content = "\n".join(parts).encode(errors="surrogatepass")
    return hmac.new(secret_key.encode(), content, hashlib.sha256).hexdigest()


def limits_on_network(
    secret_key: str, environ: Mapping[str, Any], *, act: str, most: int, window: timedelta, now: datetime
) -> Sequence[Limit]:
    """Return the limit of the wide network that sends a WSGI request; none where a proxy hides it.

    Of its address nothing stays but a hash with the day.
    """
    networks = networks_of(environ)
    if networks is None:
        return []
    return [Limit(key_of(secret_key, act, now.date().isoformat(), networks[1]), most, window)]


def pour(session: Session, limits: Sequence[Limit], *, now: datetime) -> bool:
    """Count one attempt against each of `limits`, or against none when one is full; say whether it was counted.

    To be called in a writing transaction that is committed before the attempt is looked at: of many at once no
    more are counted than the limit allows.
    """
    buckets = _lock_buckets(session, [limit.key for limit in limits], now)
    filled = [(buckets[each.key], _filled(buckets[each.key], each, now), each) for each in limits]
    if any(empty_at > now + limit.window for _, empty_at, limit in filled):
        return False
    for bucket, empty_at, _ in filled:
        bucket.empty_at = empty_at
    session.flush()
    _remove_empty(session, now)
    return True


def pour_over(session: Session, limit: Limit, *, now: datetime) -> bool:
    """Count one attempt even where the limit is reached; say whether it was.

    The bucket holds twice as much as the limit, so that it stays reached for as long again after many at once. It
    is held until the transaction ends.
    """
    bucket = _lock_buckets(session, [limit.key], now)[limit.key]
    filled = _filled(bucket, limit, now)
    bucket.empty_at = min(filled, now + 2 * limit.window)
    session.flush()
    return filled > now + limit.window


def pour_back(session: Session, limits: Iterable[Limit]) -> None:
    """Take back one attempt that should not have counted, from each of `limits`; an empty bucket stays so."""
    parts = {limit.key: limit.part for limit in limits}
    for bucket in session.scalars(_locking(parts)):
        bucket.empty_at -= parts[bucket.key]
    session.flush()


def is_full(session: Session, limits: Sequence[Limit], *, now: datetime) -> bool:
    """Say whether the next attempt would be refused."""
    buckets = {bucket.key: bucket for bucket in session.scalars(_locking([limit.key for limit in limits]))}
    return any(
        buckets[limit.key].empty_at + limit.part > now + limit.window for limit in limits if limit.key in buckets
    )


def empty(session: Session, limits: Iterable[Limit]) -> None:
    """Forget every attempt that was counted against `limits`."""
    session.execute(delete(LeakyBucket).where(LeakyBucket.key.in_([limit.key for limit in limits])))


def _filled(bucket: LeakyBucket, limit: Limit, now: datetime) -> datetime:
    """Return when the bucket is empty once an attempt is poured in."""
    return max(bucket.empty_at, now) + limit.part


def _lock_buckets(session: Session, keys: Iterable[str], now: datetime) -> dict[str, LeakyBucket]:
    """Return the buckets of `keys`, new ones empty, held until the transaction ends (on SQLite it is alone)."""
    wanted = sorted(set(keys))
    made = [{"key": key, "empty_at": now} for key in wanted]
    buckets: dict[str, LeakyBucket] = {}
    # One that another removes meanwhile is neither made nor found: it is gone once this has waited for it.
    while len(buckets) < len(wanted):
        session.execute(insert_or(session, LeakyBucket).on_conflict_do_nothing(), made)
        buckets = {bucket.key: bucket for bucket in session.scalars(_locking(wanted))}
    return buckets


def _remove_empty(session: Session, now: datetime) -> None:
    """Remove what has leaked away: strangers who try many names leave nothing behind for longer than a window."""
    # After the own ones are locked, and without waiting for those of others: two would wait for each other.
    empty = select(LeakyBucket.key).where(LeakyBucket.empty_at <= now).with_for_update(skip_locked=True)
    session.execute(delete(LeakyBucket).where(LeakyBucket.key.in_(empty)), execution_options=PAST_MEMORY)


def _locking(keys: Iterable[str]) -> Select[LeakyBucket]:
    """Select buckets to hold them, in one order everywhere: two that wait for each other's would both fail."""
    return (
        select(LeakyBucket)
        .where(LeakyBucket.key.in_(list(keys)))
        .order_by(LeakyBucket.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
