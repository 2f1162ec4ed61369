"""How senders fare, written by the engine and by receipts; only a member takes a sender out of its pause."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.planning.models import Health, Sender


def write_health(session: Session, sender_ids: Collection[int], health: Health, *, code: str) -> None:
    """Note how senders fare and the code behind it; those that are paused stay so."""
    session.execute(
        update(Sender)
        .where(Sender.id.in_(sender_ids), Sender.health.not_in((health, Health.PAUSED)))
        .values(health=health, health_code=code[:40], health_at=clock.now())
        .execution_options(synchronize_session=False)
    )
