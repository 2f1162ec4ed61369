"""After a refusal some addresses are not written to any more, and what waits for them leaves the queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Update, bindparam, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import PHONE_CHANNELS
from campaigns.audience.consent.ledger import mark_invalid, remember, withdraw_reported
from campaigns.audience.consent.urgent_contacts import find_on_phone
from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.delivery.member_phones import is_members, phone_of
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Run
from campaigns.staff.models import MemberPhone

#: Addresses of a statement that is built once: building these costs more than to execute them.
_ADDRESSES: BindParameter[int] = bindparam("addresses", expanding=True)


def suppress_addresses(session: Session, address_ids: Collection[int]) -> int:
    """Take the queued deliveries to these addresses out of every living run; return how many there were.

    A stop names all addresses of the person, so it reaches every channel. What is on its way already meets the
    fence, which knows the withdrawal within half a second of its commit; what is queued again, or only now, meets
    the claim.
    """
    result: Any = session.execute(_suppressing(), {"addresses": list(address_ids)})
    return int(result.rowcount)


@cache
def _suppressing() -> Update:
    contacts = select(Address.contact_id).where(Address.id.in_(_ADDRESSES))
    living = select(Run.id).where(Run.state.in_(LIVING))
    return (
        update(Delivery)
        # By (run, contact), which is unique and indexed; the address alone is not.
        .where(Delivery.run_id.in_(living), Delivery.contact_id.in_(contacts))
        .where(Delivery.address_id.in_(_ADDRESSES), Delivery.send_state == SendState.QUEUED)
        .values(send_state=SendState.SUPPRESSED)
        .execution_options(synchronize_session=False)
    )


def hold_campaigns_back(session: Session, contact_id: int) -> int:
    """Take what campaigns queued for somebody out of the queue, but for corrections; return how many.

    Also what they queued for others who share a number with them: it comes to the same phone.
    """
    people = find_on_phone(session, contact_id)
    running = select(Run.id).where(Run.state.in_(LIVING), Run.campaign_id.is_not(None), Run.corrects_id.is_(None))
    queued = update(Delivery).where(Delivery.run_id.in_(running), Delivery.contact_id.in_(people))
    queued = queued.where(Delivery.send_state == SendState.QUEUED).values(send_state=SendState.SUPPRESSED)
    result: Any = session.execute(queued.execution_options(synchronize_session=False))
    return int(result.rowcount)


def heed_refusals(session: Session, refusals: Iterable[tuple[int, Action, str]]) -> None:
    """Do with addresses what refusals ask, each of them an address id, an action and a code.

    An opt-out is a stop by the person and holds on every channel; a dead number is not used again.
    """
    told = list(refusals)
    stops = {address_id: code for address_id, action, code in told if action is Action.OPT_OUT}
    dead = {address_id for address_id, action, _ in told if action is Action.INVALIDATE_ADDRESS}
    _remember_phones(session, {address_id for address_id in stops if is_members(address_id)})
    if stops:
        suppress_addresses(session, withdraw_reported(session, stops, dead=dead, at=clock.now()))
    if dead:
        mark_invalid(session, dead)


def _remember_phones(session: Session, address_ids: Collection[int]) -> None:
    """Remember that members' own phones said stop, as their provider tells: no test message goes there."""
    if address_ids:
        phones = select(MemberPhone.number).where(MemberPhone.id.in_([phone_of(each) for each in address_ids]))
        numbers = session.scalars(phones).all()
        remember(session, (), {(number, channel) for number in numbers for channel in PHONE_CHANNELS})
