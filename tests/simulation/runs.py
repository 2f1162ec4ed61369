"""Runs of a world, and the words and handles by which the oracle knows whose message it sees."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.delivery.fanout.canary import choose_canary
from campaigns.delivery.models import Delivery, RunQuiet, RunText, RunZone
from campaigns.delivery.references import REHEARSAL_PREFIX
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunSender, RunState
from tests.delivery.builders import frozen
from tests.simulation.chores import CANARY
from tests.simulation.database import PEOPLE, SMS_PREFIX, WHATSAPP_PREFIX
from tests.simulation.plan import WHATSAPP, RunPlan

ZONE = "Europe/Warsaw"


def text_of(run_id: int) -> str:
    """Return the text of a run; no other run has it."""
    return f"Text of run {run_id}."


def handle_of(channel: str, contact_id: int) -> str:
    """Return a person's handle on a channel."""
    return f"{SMS_PREFIX if channel == 'sms' else WHATSAPP_PREFIX}{contact_id:07}"


def channel_of(sender_id: int) -> str:
    """Return the channel of one of the template's senders."""
    return "whatsapp" if sender_id == WHATSAPP else "sms"


def add_run(session: Session, run_id: int, plan: RunPlan, now: datetime) -> None:
    """Add a run as `plan` says: with its deliveries, or still to be fanned out."""
    first = plan.senders[0]
    run = Run(
        id=run_id,
        organisation_id=1,
        campaign_id=1,
        occurrence=datetime(2026, 3, 2, 12, 0),
        state=RunState.PLANNING if plan.is_fanned_out else RunState.RUNNING,
        sender_id=first,
        channel=channel_of(first),
        priority=Priority.URGENT if plan.is_urgent else Priority.ORDINARY,
        is_rehearsal=plan.is_rehearsal,
        digest="0" * 64,
        message_version=1,
        frozen=frozen(
            {"en": text_of(run_id)},
            resend_unknown=plan.resend_unknown,
            expires_after_minutes=max(1, int(plan.lasts // 60)),
        ),
        created_at=now,
        started_at=None if plan.is_fanned_out else now,
        planned=0 if plan.is_fanned_out else plan.people,
    )
    session.add(run)
    session.flush()
    ranked = [
        {"run_id": run_id, "rank": rank, "sender_id": sender, "channel": channel_of(sender), "countries": []}
        for rank, sender in enumerate(plan.senders)
    ]
    session.execute(insert(RunSender), ranked)
    if not plan.is_fanned_out:
        _add_deliveries(session, run_id, plan, now)
        if plan.has_canary:
            choose_canary(session, run, CANARY)


def _add_deliveries(session: Session, run_id: int, plan: RunPlan, now: datetime) -> None:
    expires_at = now + timedelta(seconds=plan.lasts)
    text_id = 1000 * run_id
    later = now + timedelta(seconds=plan.second_zone_after)
    session.execute(
        insert(RunText), {"id": text_id, "run_id": run_id, "language": "en", "body": text_of(run_id), "parts": 1}
    )
    if plan.quiet is not None:
        after, lasts = (timedelta(seconds=each) for each in plan.quiet)
        # The people of the template are in no known zone.
        where = {"run_id": run_id, "time_zone": UNKNOWN_ZONE, "country": ""}
        session.execute(insert(RunQuiet), where | {"begins_at": now + after, "ends_at": now + after + lasts})
    zones = [(ZONE, now), ("Europe/Kyiv", later)]
    session.execute(
        insert(RunZone),
        [{"run_id": run_id, "time_zone": zone, "due_at": due, "expires_at": expires_at} for zone, due in zones],
    )
    rows = [
        {
            "run_id": run_id,
            "contact_id": contact,
            # Addresses were given out in the order of the contacts, channel by channel.
            "address_id": contact if sender != WHATSAPP else PEOPLE + contact,
            "channel": channel_of(sender),
            "sender_id": sender,
            "text_id": text_id,
            "region_id": 0,
            "send_state": SendState.QUEUED,
            "reference": f"{REHEARSAL_PREFIX if plan.is_rehearsal else ''}run{run_id}person{contact}",
            "due_at": later if contact % 3 == 0 else now,
            "expires_at": expires_at,
            "attempts": 0,
        }
        for contact in range(1, plan.people + 1)
        for sender in (plan.senders[contact % 2 if plan.is_mixed else 0],)
    ]
    session.execute(insert(Delivery), rows)
