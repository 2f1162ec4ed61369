"""People for the tests of this folder: contacts with an address, and the usual resolution of a rule."""

from __future__ import annotations

from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.models import AddressState, Channel, Contact
from campaigns.audience.rules import Resolution, SenderChoice
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_contact, an_address

#: SMS, with texts in Ukrainian and English and no fallback.
RESOLUTION = Resolution((SenderChoice(1, Channel.SMS),), ("uk", "en"), None, "Europe/Kyiv", NOON)

_numbers = count(100_000)


def person(
    session: Session,
    organisation: Organisation,
    vault: Vault,
    *,
    state: AddressState | None = AddressState.ACTIVE,
    **changes: Any,
) -> Contact:
    """Add a contact with one SMS address in `state`, or without one."""
    contact = a_contact(session, organisation, **changes)
    if state is not None:
        an_address(session, contact, vault, number=f"+380501{next(_numbers)}", state=state)
    return contact
