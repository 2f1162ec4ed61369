"""Falling back: a person whom one channel refused for good is tried over the next sender of the run.

The delivery stays the same row, so nobody can get two; what failed is kept as an attempt, so that the provider's
list can still be explained. Never after a stop, never while the outcome is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.pairs import phone_of
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.audience.walk import SenderChoice, find_sender
from campaigns.continuity.latch import find_released
from campaigns.core import clock
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.one_person.answerable_senders import stop_way_of_delivery
from campaigns.delivery.one_person.shared_numbers import find_taken
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.lifecycle import GOING
from campaigns.planning.models import Run, RunSender, RunState, Sender

FELL_BACK = "fell_back"
#: Of a stopped run the sweep cancels it, as all that was queued: it goes on when the run is resumed.
_QUEUEING = GOING | {RunState.STOPPED}
#: What texts share that say the same thing in the words of different channels.
_ALIKE = ("run_id", "language", "region_id", "time_zone", "place_id", "roaming")
_DELIVERY = cast(Table, Delivery.__table__)


@dataclass(frozen=True, slots=True)
class Reachable:
    """One address of the person."""

    id: int
    state: AddressState
    country: str | None
    heard_at: datetime | None
    #: As pairs.phone_of returns it.
    phone: bytes | None = None
    is_shared: bool = False


def fall_back(session: Session, delivery_ids: Collection[int]) -> int:
    """Queue these deliveries over the next sender that reaches their people; return how many there were.

    Each must be `failed`, or `accepted` with a receipt that says failed; what is neither is left alone.
    What was called before a restore is left alone too: it may have gone on since the backup, and no row says so.
    A run that was done goes on when the sweep has seen that its texts hold; a stopped one when somebody
    resumes it.
    """
    if not delivery_ids:
        return 0
    now = clock.now()
    rows = session.execute(_select_failed(delivery_ids, now).where(_is_remembered(session))).all()
    senders = _senders_of(session, {row.run_id for row in rows})
    addresses = _addresses_of(session, {row.contact_id for row in rows})
    taken = _Taken(session, {row.run_id for row in rows}, addresses)
    speechless = _find_speechless(session, {row.text_id for row in rows})
    noted: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    for row in rows:
        order, reached_by = senders[row.run_id], taken.left_of(row.run_id, addresses[row.contact_id])
        for channel in speechless[row.text_id]:
            reached_by.pop(channel, None)
        tried = next((rank for rank, each in enumerate(order, start=1) if each.id == row.sender_id), 0)
        choice = find_sender(order[tried:], reached_by, has_template=row.content_sid is not None, now=now)
        if choice is not None:
            taken.take(row.run_id, reached_by[choice.channel])
            noted.append(_attempt(row, now))
            moved.append(_move(row, choice, reached_by[choice.channel]))
    if moved:
        session.execute(insert(Attempt), noted)
        session.connection().execute(_moving(), moved)
        _change_words(session, [each["row"] for each in moved])
    return len(moved)


class _Taken:
    """Where a run writes to another contact already, and the phones to which it goes on now.

    The first is said of each address, for a contact is no other to itself; whom this call moves is no longer where
    they were.
    """

    def __init__(
        self, session: Session, run_ids: set[int], addresses: Mapping[int, Mapping[Channel, Reachable]]
    ) -> None:
        shared = {each.id for reached_by in addresses.values() for each in reached_by.values() if each.is_shared}
        self._before = find_taken(session, run_ids, shared) if shared else set[tuple[int, int]]()
        self._now = set[tuple[int, bytes | None]]()

    def left_of(self, run_id: int, addresses: Mapping[Channel, Reachable]) -> dict[Channel, Reachable]:
        """Return the addresses of a contact whose phone is no other's in this run."""
        return {channel: each for channel, each in addresses.items() if not self._is_taken(run_id, each)}

    def take(self, run_id: int, address: Reachable) -> None:
        """Note that the run goes on to an address now."""
        if address.is_shared:
            self._now.add((run_id, address.phone))

    def _is_taken(self, run_id: int, address: Reachable) -> bool:
        return (run_id, address.id) in self._before or (run_id, address.phone) in self._now


def _select_failed(delivery_ids: Collection[int], now: datetime) -> Any:
    """Select deliveries that failed for good, locked in the order of their ids, with what the choice needs."""
    failed = or_(
        Delivery.send_state == SendState.FAILED,
        and_(Delivery.send_state == SendState.ACCEPTED, Delivery.receipt_state == ReceiptState.FAILED),
    )
    return (
        select(
            Delivery.id,
            Delivery.run_id,
            Delivery.contact_id,
            Delivery.sender_id,
            Delivery.address_id,
            Delivery.text_id,
            Delivery.reference,
            Delivery.provider_id,
            Delivery.attempts,
            func.coalesce(Delivery.receipt_error, Delivery.error).label("error"),
            RunText.content_sid,
            Run.is_rehearsal,
        )
        .join(Run, Run.id == Delivery.run_id)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .where(Delivery.id.in_(delivery_ids), failed, Delivery.expires_at > now, Run.state.in_(_QUEUEING))
        # A correction goes over the very address that got what was wrong.
        .where(Run.corrects_id.is_(None))
        .order_by(Delivery.id)
        .with_for_update(of=Delivery)
    )


def _is_remembered(session: Session) -> ColumnElement[bool]:
    """Match deliveries of which this database knows all that became: those called since it was restored last."""
    released_at = find_released(session)
    if released_at is None:
        return true()
    # What a backup had in the queue has no call of ours, whatever a receipt says of it.
    return and_(Delivery.intent_at > released_at, Delivery.attempts > 0)


def _senders_of(session: Session, run_ids: set[int]) -> dict[int, list[SenderChoice]]:
    found: defaultdict[int, list[SenderChoice]] = defaultdict(list)
    rows = session.execute(
        select(RunSender, Sender.active)
        .join(Sender, Sender.id == RunSender.sender_id)
        .where(RunSender.run_id.in_(run_ids))
        .order_by(RunSender.run_id, RunSender.rank)
    )
    for each, active in rows:
        countries = tuple(each.countries)
        found[each.run_id].append(SenderChoice(each.sender_id, Channel(each.channel), countries, active=active))
    return found


def _addresses_of(session: Session, contact_ids: set[int]) -> dict[int, dict[Channel, Reachable]]:
    found: defaultdict[int, dict[Channel, Reachable]] = defaultdict(dict)
    addresses = select(Address, phone_of(Address.number)).where(Address.contact_id.in_(contact_ids))
    for each, phone in session.execute(addresses):
        found[each.contact_id][Channel(each.channel)] = Reachable(
            each.id, AddressState(each.state), each.country, each.heard_at, phone, each.is_shared
        )
    return found


def _find_speechless(session: Session, text_ids: Collection[int]) -> defaultdict[int, list[Channel]]:
    """Return the channels whose own words have no number to name where these texts go, by the id of the text.

    Fan-out leaves out whom it would write to there, and the words of another channel were not approved for it.
    """
    found: defaultdict[int, list[Channel]] = defaultdict(list)
    before, after = aliased(RunText), aliased(RunText)
    rows = session.execute(
        select(before.id, after.channel)
        .distinct()
        .join(after, _alike(before, after))
        .where(before.id.in_(text_ids), after.channel != "")
        .where(after.body.is_(None), after.sealed_body.is_(None))
    )
    for text_id, channel in rows:
        found[text_id].append(Channel(channel))
    return found


def _attempt(row: Any, now: datetime) -> dict[str, Any]:
    """Return the attempt that keeps what failed."""
    return {
        "delivery_id": row.id,
        "number": row.attempts,
        "at": now,
        "outcome": FELL_BACK,
        "error": row.error,
        "sender_id": row.sender_id,
        "address_id": row.address_id,
        "reference": row.reference,
        "provider_id": row.provider_id,
    }


def _move(row: Any, choice: SenderChoice, address: Reachable) -> dict[str, Any]:
    return {
        "row": row.id,
        "sender": choice.id,
        "on": choice.channel,
        "to": address.id,
        "rehearsed": row.is_rehearsal,
    }


def _moving() -> Update:
    """Return the statement that queues one delivery over another sender, as if it were new.

    It stays due since whenever it was: the clock of whoever reads this may be wrong just now.
    """
    cleared = ("token", "provider_id", "error", "receipt_state", "receipt_id", "receipt_error")
    return (
        update(_DELIVERY)
        .where(_DELIVERY.c.id == bindparam("row"))
        .values(
            send_state=SendState.QUEUED,
            sender_id=bindparam("sender"),
            channel=bindparam("on"),
            address_id=bindparam("to"),
            # Late receipts of what failed must not find it any more.
            reference=case(
                (bindparam("rehearsed", type_=Boolean()), new_reference(is_rehearsal=True)),
                else_=new_reference(is_rehearsal=False),
            ),
            attempts=0,
            **dict.fromkeys(cleared),
        )
    )


def _change_words(session: Session, delivery_ids: Collection[int]) -> None:
    """Give deliveries the words of the sender that they are on now, where senders have words of their own."""
    before, after = aliased(RunText), aliased(RunText)
    same = select(after.id).join(before, _alike(before, after)).where(before.id == Delivery.text_id)
    words = (
        same.where(or_(before.channel != "", before.stop != ""))
        .where(after.channel == case((before.channel == "", ""), else_=Delivery.channel))
        .where(after.stop == case((before.stop == "", ""), else_=stop_way_of_delivery()))
        .correlate(Delivery)
    )
    change = update(Delivery).where(Delivery.id.in_(delivery_ids), words.exists())
    session.execute(change.values(text_id=words.scalar_subquery()).execution_options(synchronize_session=False))


def _alike(before: type[RunText], after: type[RunText]) -> ColumnElement[bool]:
    return and_(*(getattr(after, name) == getattr(before, name) for name in _ALIKE))
