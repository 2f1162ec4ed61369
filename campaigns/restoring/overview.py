"""The operator of a latched instance reads in lines what is doubtful in it."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.continuity.latch import SENTENCES, find_latched
from campaigns.continuity.models import Pulse
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Campaign, Run, Sender

#: What may have been sent since the backup, or is doubtful anyway.
_DOUBTFUL = (SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)


def doubts_of(session: Session) -> list[str]:
    """Return why the instance is latched, its runs in flight, and by sender what may have been sent already."""
    instance = find_latched(session)
    if instance is None or instance.latched_because is None:
        return []
    lines = [
        SENTENCES[instance.latched_because],
        f"Nothing leaves it since {instance.latched_at:%Y-%m-%d %H:%M} UTC.",
    ]
    seen_at = session.scalar(select(func.max(Pulse.seen_at)))
    if seen_at is not None:
        lines.append(f"The last sign of life in it is of {seen_at:%Y-%m-%d %H:%M} UTC.")
    flying = session.execute(
        select(Run.id, Run.state, Campaign.name)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .where(Run.state.in_(IN_FLIGHT), ~Run.is_rehearsal)
        .order_by(Run.id)
    ).all()
    if not flying:
        lines.append("No run is in flight.")
    counts = _count(session, [run.id for run in flying])
    for run_id, state, name in flying:
        lines.append(f"Run {run_id} of {name} is {state}:")
        lines += [f"  {line}" for line in counts[run_id]] or ["  nothing of it is doubtful."]
    return lines


def _count(session: Session, run_ids: list[int]) -> defaultdict[int, list[str]]:
    rows = session.execute(
        select(Delivery.run_id, Sender.name, Delivery.send_state, func.count())
        .join(Sender, Sender.id == Delivery.sender_id)
        .where(Delivery.run_id.in_(run_ids), Delivery.send_state.in_(_DOUBTFUL))
        .group_by(Delivery.run_id, Sender.name, Delivery.send_state)
        .order_by(Delivery.run_id, Sender.name, Delivery.send_state)
    )
    lines: defaultdict[int, list[str]] = defaultdict(list)
    for run_id, sender, state, count in rows:
        lines[run_id].append(f"{count} over {sender} are {state}.")
    return lines
