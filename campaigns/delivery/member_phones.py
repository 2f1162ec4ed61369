"""A text to a member's own phone is a delivery without a contact: an id far below 0 stands for its address.

Those of invented people are above it (`rehearsal_addresses.py`). The phone is written to once its number said no
stop, as a contact's is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, select

from campaigns.audience.models import SuppressedAddress
from campaigns.delivery.rehearsal_addresses import LAST_NOBODY
from campaigns.staff.models import MemberPhone


def address_of_phone(phone_id: int) -> int:
    """Return the id that stands for the address of a member's phone."""
    return LAST_NOBODY - phone_id


def phone_of(address_id: Any) -> Any:
    """Return the id of the phone that an address stands for, of a value or a column; below 0 where it is none."""
    return LAST_NOBODY - address_id


def is_members(address_id: int) -> bool:
    """Say whether an address is the phone of a member."""
    return address_id < LAST_NOBODY


def sealed_number_at(address_id: ColumnElement[int]) -> Any:
    """Return the sealed number of the phone that an address stands for; NULL where it is none."""
    return select(MemberPhone.sealed_number).where(MemberPhone.id == phone_of(address_id)).scalar_subquery()


def has_said_stop(address_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Match addresses that are a member's phone whose number said stop, or may have."""
    said = select(SuppressedAddress.lookup).join(MemberPhone, MemberPhone.number == SuppressedAddress.lookup)
    return said.where(MemberPhone.id == phone_of(address_id)).exists()


def select_stopped() -> Select[*tuple[Any, ...]]:
    """Select the members' phones whose number said stop, by the ids of their addresses, with the time of it."""
    return select(phone_of(MemberPhone.id).label("address_id"), SuppressedAddress.since.label("refused_at")).join(
        SuppressedAddress, MemberPhone.number == SuppressedAddress.lookup
    )
