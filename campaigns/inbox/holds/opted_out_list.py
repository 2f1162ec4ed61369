"""Everybody on a list of an older system opts out: contacts, and numbers that are none (yet); nothing commits.

It counts as a stop does that each of them sent: on every channel, in every organisation. What is said of a list
never tells who opted out before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.handles import PHONE_CHANNELS, number_key
from campaigns.audience.consent.ledger import Mark, hold_withdrawals, remember, withdraw
from campaigns.audience.consent.person import find_person, lock_addresses
from campaigns.audience.consent.sealed_words import Evidence
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.delivery.refusals import suppress_addresses
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.notes import note_reason
from campaigns.staff.queries import owned

#: How the ledger names it.
METHOD = "list"
#: Longest words on where a list comes from, as the ledger keeps them.
LONGEST_SOURCE = 200
#: Addresses that are written at once.
_PIECE = 500


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What a list did."""

    #: Different numbers of it, and contacts of the organisation that opted out by it.
    numbers: int
    contacts: int


def opt_out_numbers(
    session: Session, organisation_id: int, batches: Iterable[Sequence[str]], *, by: int, source: str, vault: Vault
) -> OptedOut:
    """Opt out everybody who has one of these numbers (E.164); a second time it changes nothing.

    Raises InputError when nothing says where they come from.
    """
    words = " ".join(source.split())
    if not words or len(words) > LONGEST_SOURCE:
        raise InputError(
            N_("Say in at most %(limit)s characters where the list comes from."), limit=LONGEST_SOURCE
        )
    # Alone from here on, as an import is at its end: whoever withdraws or adds an address waits.
    hold_withdrawals(session)
    numbers: set[bytes] = set()
    theirs: set[int] = set()
    for batch in batches:
        phones = {number_key(vault, Channel.SMS, number) for number in batch}
        marks: set[Mark] = {(phone, channel) for phone in phones for channel in PHONE_CHANNELS}
        remember(session, (), marks)
        lookups = {vault.lookup_hash(channel, number) for number in batch for channel in PHONE_CHANNELS}
        theirs |= find_person(session, phones, lookups)
        numbers |= phones
    said = Declaration(METHOD, Evidence(words, vault, organisation_id), clock.now())
    stopped = _withdraw(session, theirs, said)
    counts = {"addresses": len(stopped), "suppressed": _suppress(session, stopped), "numbers": len(numbers)}
    organisation = session.get_one(Organisation, organisation_id)
    entry = audit.record(
        session, "contacts.opt_out", subject=organisation, organisation_id=organisation_id, member_id=by, **counts
    )
    note_reason(session, entry, words, vault=vault)
    return OptedOut(len(numbers), _count_contacts(session, organisation_id, stopped))


def _withdraw(session: Session, address_ids: Iterable[int], said: Declaration) -> list[int]:
    """Withdraw those that have not yet, in the order of their ids, as everybody locks them; return their ids."""
    stopped: list[int] = []
    for piece in _pieces(sorted(address_ids)):
        addresses = lock_addresses(session, piece)
        remember(session, addresses)
        stopped += withdraw(
            session, [address for address in addresses if address.state != AddressState.OPTED_OUT], said
        )
    return stopped


def _suppress(session: Session, address_ids: list[int]) -> int:
    return sum(suppress_addresses(session, piece) for piece in _pieces(address_ids))


def _count_contacts(session: Session, organisation_id: int, address_ids: list[int]) -> int:
    # The addresses of one contact may stand in two pieces.
    found: set[int] = set()
    for piece in _pieces(address_ids):
        found |= set(
            session.scalars(
                owned(select(Address.contact_id), Address, organisation_id).where(Address.id.in_(piece))
            )
        )
    return len(found)


def _pieces(ids: list[int]) -> Iterable[list[int]]:
    return (ids[start : start + _PIECE] for start in range(0, len(ids), _PIECE))
