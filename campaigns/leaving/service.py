"""Somebody ends their messages on a page: the same stop as by a word, with one line in the audit.

Nothing here commits.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import find_address_id
from campaigns.delivery.refusals import suppress_addresses
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: How the ledger names a stop from a page, and the version of what stands there.
METHOD, WORDING = "form", "leave 1"
#: How the audit names the act, whose subject is the organisation: it names nobody who left.
LEAVE = "organisation.person_left"


def find_address(session: Session, token: str, *, vault: Vault) -> Address | None:
    """Return the address that the link of a text names; None: it is not whole, or the person is erased."""
    address_id = find_address_id(token, vault)
    return None if address_id is None else session.get(Address, address_id)


def leave(session: Session, address: Address) -> None:
    """Record that the person behind an address said stop, and take what waits for them out of the queue."""
    said = Declaration(METHOD, WORDING, clock.now())
    stopped = withdraw_everywhere(session, HashedHandle.of(address), said)
    suppressed = suppress_addresses(session, stopped)
    organisation = session.get_one(Organisation, address.organisation_id)
    facts = {"addresses": len(stopped), "suppressed": suppressed}
    audit.record(session, LEAVE, subject=organisation, organisation_id=organisation.id, **facts)
