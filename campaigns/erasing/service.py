"""Erases one person: everything of theirs that an organisation holds goes, and reach stays as counts.

What stays of a contact is its id, with which deliveries are counted, and which is given to nobody else. Contacts
of other organisations with the same number are theirs. Who said stop stays remembered by a keyed hash.

Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy.orm import Session

from campaigns.audience.consent.pairs import forget_unused
from campaigns.audience.consent.person import try_to_lock
from campaigns.audience.models import Address, AddressState, Contact, Erasure
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.erasing import contact_data, contact_files, heard_rows, sent_rows
from campaigns.staff import audit
from campaigns.staff.notes import note_reason

#: How the audit names the act.
ERASE = "contact.erase"
#: Longest words of a member beside the reason.
LONGEST_WORDS = 200


class Why(StrEnum):
    """Why a person is erased."""

    ASKED = "asked"
    ASKED_FOR = "asked_for"
    WRONG_PERSON = "wrong_person"
    OTHER = "other"


def ask_to_erase(
    session: Session, contact: Contact, *, by: int | None, why: Why, words: str, vault: Vault
) -> bool:
    """Erase a contact; return False when a message on its way to them is waited for first.

    Nothing more is sent to them from now on. `by` is None when they asked for it on a page. The audit keeps the
    reason, and a member's words sealed. Raises
    InputError for words that are too long, TransitionError when it was asked for already.
    """
    words = " ".join(words.split())
    if len(words) > LONGEST_WORDS:
        raise InputError(N_("Use at most %(limit)s characters."), limit=LONGEST_WORDS)
    nothing_yet = {"references": [], "reply_ids": [], "receipts_through": 0}
    asking = insert_or(session, Erasure).values(contact_id=contact.id, asked_at=clock.now(), **nothing_yet)
    asked = session.execute(asking.on_conflict_do_nothing().returning(Erasure.contact_id)).all()
    if not asked or contact.erased_at is not None:
        raise TransitionError(N_("Their data is erased already, or is about to be."))
    is_erased = go_on_erasing(session, contact.id, vault=vault)
    of = contact.organisation_id
    entry = audit.record(session, ERASE, subject=contact, organisation_id=of, member_id=by, reason=str(why))
    if words:
        note_reason(session, entry, words, vault=vault)
    return is_erased


def go_on_erasing(session: Session, contact_id: int, *, vault: Vault) -> bool:
    """Erase somebody whose erasure was asked for; return False while anything is on its way to or from them.

    What is planned for them beside this, or was when it was done, leaves the queue.
    """
    erasure = session.get_one(Erasure, contact_id, populate_existing=True)
    addresses = try_to_lock(session, contact_id)
    if addresses is None:
        return False
    contact = session.get_one(Contact, contact_id, populate_existing=True)
    deliveries, are_all = sent_rows.load(session, contact)
    if sent_rows.are_on_their_way(session, deliveries) or not are_all:
        for address in addresses:
            # No run that starts meanwhile writes to them. They said no stop: nothing of it is remembered.
            address.state = AddressState.OPTED_OUT
        return False
    erasure.references = sorted({*erasure.references, *sent_rows.references_of(session, deliveries)})
    if contact.erased_at is None:
        _erase(session, contact, erasure, addresses, vault=vault)
    sent_rows.cut(session, deliveries)
    return True


def _erase(
    session: Session, contact: Contact, erasure: Erasure, addresses: Sequence[Address], *, vault: Vault
) -> None:
    replies = heard_rows.load(session, contact, heard_rows.hashes_of(addresses, vault))
    reached = sent_rows.moments_of_reach(session, contact)
    erasure.reply_ids = heard_rows.strip(session, contact, replies, reached, vault=vault)
    contact_data.forget_reasons(session, contact, erasure.reply_ids)
    contact_data.drop_conversation(session, contact)
    contact_files.discard_all(session, contact.organisation_id, vault=vault)
    handles = {key for address in addresses for key in (address.lookup, address.number) if key is not None}
    contact_data.empty(session, contact)
    forget_unused(session, handles)
    erasure.erased_at = clock.now()
    session.flush()
