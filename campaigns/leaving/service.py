"""Somebody ends their messages on a page, by a link or by a code: the same stop as by a word.

The audit names nobody who left. Nothing here commits.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import number_of, read_number
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Address, Contact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY
from campaigns.core.errors import AddressError, TransitionError
from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import is_token_of, read_address_id
from campaigns.delivery.models import RunText
from campaigns.delivery.refusals import suppress_addresses
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.leaving.budgets import PREFIX_DIGITS
from campaigns.leaving.code_sending import LIVES
from campaigns.leaving.leave_codes import MOST_TRIES, hash_of_ticket
from campaigns.leaving.models import LeaveRequest
from campaigns.leaving.queries import is_gone
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: How the ledger names a stop from a page, and the version of what stands there.
METHOD, WORDING = "form", "leave 1"
#: How the audit names the act, whose subject is the organisation: it names nobody who left.
LEAVE = "organisation.person_left"
#: More than any number has, with whatever stands between the digits.
LONGEST_NUMBER = 40


def find_address(session: Session, token: str, *, vault: Vault) -> Address | None:
    """Return the address that the link of a text names; None: it is not whole, or the person is erased."""
    address_id = read_address_id(token, vault)
    address = None if address_id is None else session.get(Address, address_id)
    # The id may be somebody else's by now.
    is_theirs = address is not None and is_token_of(token, address.id, address.lookup, vault)
    return address if is_theirs else None


def leave(session: Session, address: Address) -> None:
    """Record that the person behind an address said stop, and take what waits for them out of the queue.

    Whoever left already is not noted again: a form may be sent as often as somebody likes.
    """
    if is_gone(session, address):
        return
    said = Declaration(METHOD, WORDING, clock.now())
    stopped = withdraw_everywhere(session, HashedHandle.of(address), said)
    suppressed = suppress_addresses(session, stopped)
    organisation = session.get_one(Organisation, address.organisation_id)
    facts = {"addresses": len(stopped), "suppressed": suppressed}
    audit.record(session, LEAVE, subject=organisation, organisation_id=organisation.id, **facts)


def ask_for_code(session: Session, typed: str, *, country: str, language: str, vault: Vault) -> str:
    """Note that somebody wants to leave with a number, whatever it is; return the ticket for the code's form.

    `country` (alpha-2 or '') reads a number without a country code. Nothing is sent from here, and nothing looked
    up: it is the same for every number.
    """
    ticket = secrets.token_hex(16)
    number = _number(typed, country)
    session.add(
        LeaveRequest(
            ticket=hash_of_ticket(ticket, vault),
            number=vault.number_hash(number),
            prefix=vault.lookup_hash("prefix", digits_of(number)[:PREFIX_DIGITS]),
            language=language,
            asked_at=clock.now(),
        )
    )
    session.flush()
    return ticket


def count_try(session: Session, ticket: str, *, vault: Vault) -> bool:
    """Count a try before it is compared, so that many at once are no more; False: used up, too old, or never sent.

    Every ticket has a code: one that nobody was sent is typed by whoever guesses. It is counted as any other, so
    that every number is answered alike.
    """
    changed = update(LeaveRequest).where(*_is_open(ticket, vault)).values(tries=LeaveRequest.tries + 1)
    return session.scalar(changed.returning(LeaveRequest.sent_at)) is not None


def leave_by_code(session: Session, ticket: str, *, erase: bool, vault: Vault) -> bool:
    """End the messages to the number of a ticket whose code was typed, and erase its people if they ask for it.

    The code holds until that is written, and then no more: False says that it was used meanwhile.
    """
    open_one = select(LeaveRequest).where(LeaveRequest.ticket == hash_of_ticket(ticket, vault))
    request = session.scalars(open_one.where(LeaveRequest.completed_at.is_(None)).with_for_update()).one_or_none()
    if request is None:
        return False
    request.completed_at = clock.now()
    theirs = select(Address).where(Address.number == request.number).order_by(Address.id)
    address = session.scalars(theirs.limit(1)).first()
    if address is not None:
        leave(session, address)
    if erase:
        _forget_text(session, request)
        # In every organisation: the number was typed for the whole instance.
        contacts = select(Contact).where(
            Contact.id.in_(theirs.with_only_columns(Address.contact_id).order_by(None))
        )
        for contact in session.scalars(contacts.order_by(Contact.id)).all():
            # It may have been asked for before.
            with suppress(TransitionError):
                ask_to_erase(session, contact, by=None, why=Why.ASKED, words="", vault=vault)
    return True


def _is_open(ticket: str, vault: Vault) -> tuple[ColumnElement[bool], ...]:
    return (
        LeaveRequest.ticket == hash_of_ticket(ticket, vault),
        LeaveRequest.tries < MOST_TRIES,
        LeaveRequest.completed_at.is_(None),
        LeaveRequest.asked_at > clock.now() - LIVES,
    )


def _forget_text(session: Session, request: LeaveRequest) -> None:
    gone = update(RunText).where(RunText.run_id == request.run_id).values(body="", sealed_body=None)
    session.execute(gone, execution_options=PAST_MEMORY)


def _number(typed: str, country: str) -> str:
    """Return a number in the one spelling that is hashed; what is none stands for itself, and is nobody's."""
    try:
        number, _ = read_number(typed[:LONGEST_NUMBER], default_country=country or None, guesses=True)
    except AddressError:
        return typed[:LONGEST_NUMBER]
    return number_of(number) or number
