"""What answers one person is a run of one delivery, so that the engine keeps every promise for it.

It goes before campaigns over the sender that the person wrote to, over no other, and whatever the hour. The words
are sealed. Whoever said stop may have written again since: the answer is sent all the same, and one refusal more
closes it (`RunAnswer`). Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import REFUSALS, Address, Channel, Consent, Contact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.delivery.lanes.lane_jobs import enqueue_lanes
from campaigns.delivery.member_phones import address_of_phone
from campaigns.delivery.models import AnswerService, Delivery, RunAnswer, RunText
from campaigns.delivery.references import new_reference
from campaigns.delivery.sealed_texts import seal_body
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Template
from campaigns.messages.text.sms_parts import count_parts
from campaigns.planning.models import Priority, Run, RunSender, RunState, Sender
from campaigns.staff.models import MemberPhone, Organisation


@dataclass(frozen=True, slots=True)
class AnswerText:
    """What one person is answered."""

    language: str
    body: str
    #: Services that it names.
    service_ids: Sequence[int] = ()
    #: The approved WhatsApp template that says it, where the channel asks for one.
    template: Template | None = None


def queue_answer(
    session: Session,
    address: Address,
    sender: Sender,
    text: AnswerText,
    *,
    vault: Vault,
    until: datetime,
    due_at: datetime | None = None,
) -> Run:
    """Queue an answer to an address of the organisation, for the engine to send until a moment (UTC).

    It is sent at once, or from `due_at` on where nobody asked for it just now.

    The address is locked (`lock_addresses`): a stop comes before the answer, which then knows it, or after it, and
    closes it.
    """
    now = clock.now()
    run = _add_run(session, address.organisation_id, sender, contact_id=address.contact_id, now=now)
    session.add(RunAnswer(run_id=run.id, refusals=count_refusals(session, address.id)))
    session.flush()
    session.add_all(AnswerService(run_id=run.id, service_id=each, named_at=now) for each in text.service_ids)
    region_id = session.scalar(select(Contact.region_id).where(Contact.id == address.contact_id)) or 0
    _add_delivery(
        session,
        run,
        text,
        address_id=address.id,
        region_id=region_id,
        vault=vault,
        until=until,
        due_at=due_at,
    )
    return run


def queue_to_phone(
    session: Session,
    phone: MemberPhone,
    organisation_id: int,
    sender: Sender,
    text: AnswerText,
    *,
    vault: Vault,
    until: datetime,
) -> Run:
    """Queue a text to a member's own phone, for the engine to send until a moment (UTC); it is no contact's."""
    address_id = address_of_phone(phone.id)
    run = _add_run(session, organisation_id, sender, contact_id=address_id, now=clock.now())
    _add_delivery(session, run, text, address_id=address_id, region_id=0, vault=vault, until=until)
    return run


def close_answer(session: Session, run: Run) -> None:
    """Take an answer that was queued in this transaction out of the queue: it is never sent."""
    closing = update(Delivery).where(Delivery.run_id == run.id, Delivery.send_state == SendState.QUEUED)
    session.execute(closing.values(send_state=SendState.SUPPRESSED), execution_options=PAST_MEMORY)


def stop_answers(
    session: Session, run_ids: Collection[int] | Select[Any], *, reason: Sentence | None = None
) -> None:
    """Stop answers that are being sent: what is in the queue is cancelled by the next sweep."""
    stopping = update(Run).where(Run.id.in_(run_ids), Run.state == RunState.RUNNING)
    values = {"state": RunState.STOPPED, "reason": reason, "finished_at": clock.now()}
    session.execute(stopping.values(values), execution_options=PAST_MEMORY)


def _add_delivery(
    session: Session,
    run: Run,
    text: AnswerText,
    *,
    address_id: int,
    region_id: int,
    vault: Vault,
    until: datetime,
    due_at: datetime | None = None,
) -> None:
    session.execute(
        insert(Delivery).values(
            run_id=run.id,
            contact_id=run.planned_through,
            address_id=address_id,
            channel=run.channel,
            sender_id=run.sender_id,
            text_id=_add_text(session, run, text, vault=vault),
            region_id=region_id,
            send_state=SendState.QUEUED,
            reference=new_reference(is_rehearsal=False),
            attempts=0,
            due_at=due_at or run.created_at,
            expires_at=until,
        )
    )
    enqueue_lanes(session, {(run.sender_id, False)})


def count_refusals(session: Session, address_id: int) -> int:
    """Count the stops and holds that the ledger has of an address."""
    refused = select(func.count(Consent.id)).where(Consent.address_id == address_id, Consent.kind.in_(REFUSALS))
    return session.scalar(refused) or 0


def _add_run(session: Session, organisation_id: int, sender: Sender, *, contact_id: int, now: datetime) -> Run:
    zone = session.get_one(Organisation, organisation_id).time_zone
    run = Run(
        organisation_id=organisation_id,
        campaign_id=None,
        schedule_id=None,
        occurrence=now.astimezone(ZoneInfo(zone)).replace(tzinfo=None),
        state=RunState.RUNNING,
        sender_id=sender.id,
        channel=sender.channel,
        digest="",
        message_version=0,
        frozen={"resend_unknown": False},
        planned_through=contact_id,
        planned=1,
        created_at=now,
        started_at=now,
        priority=Priority.ANSWER,
        ranked_senders=[RunSender(rank=0, sender_id=sender.id, channel=sender.channel, countries=[])],
    )
    session.add(run)
    session.flush()
    return run


def _add_text(session: Session, run: Run, text: AnswerText, *, vault: Vault) -> int:
    (text_id,) = reserve_ids(session, RunText, 1)
    template = text.template
    session.add(
        RunText(
            id=text_id,
            run_id=run.id,
            language=text.language,
            service_ids=list(text.service_ids),
            body=None,
            sealed_body=seal_body(text.body, text_id, vault),
            parts=count_parts(text.body).parts if run.channel == Channel.SMS else 1,
            content_sid=template.id if template else None,
            content_variables=dict(template.variables) if template else None,
        )
    )
    session.flush()
    return int(text_id)
