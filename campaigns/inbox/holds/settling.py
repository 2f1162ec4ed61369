"""Members decide for people: they opt them out, put them on hold, end a hold, lift a stop; none commits.

A stop and a hold count for the person everywhere, whoever decides. Only a lifted stop counts for one organisation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere, lift, release
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.consent.person import lock_addresses, lock_person
from campaigns.audience.consent.sealed_words import Evidence
from campaigns.audience.keywords import Meaning, meaning_of
from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.delivery.refusals import suppress_addresses
from campaigns.inbox.holds.hold_list import is_stranger_held
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.queries import find_languages
from campaigns.staff import audit
from campaigns.staff.notes import note_reason
from campaigns.staff.queries import owned

#: How the ledger names what a member decided.
METHOD = "member"
#: The act of which administrators are told.
LIFT_STOP = "contact.lift_stop"
#: Longest reason and evidence, as the ledger keeps them.
LONGEST_REASON = 200
#: States in which nothing is sent to an address by itself.
_REFUSED = (AddressState.HELD, AddressState.OPTED_OUT)


def opt_out(session: Session, contact: Contact, *, by: int, reason: str, vault: Vault) -> int:
    """Withdraw for a person on every channel, everywhere; return how many addresses of theirs are opted out.

    Raises InputError without a reason or address, TransitionError when they are opted out already.
    """
    words, addresses = _checked(reason, vault, contact.organisation_id), _addresses_of(session, contact)
    if all(address.state == AddressState.OPTED_OUT for address in addresses):
        raise TransitionError(N_("They have opted out already."))
    stopped = withdraw_everywhere(session, HashedHandle.of(addresses[0]), _said(words))
    return _record_refusal(session, "contact.opt_out", contact, stopped, by=by, reason=words)


def put_on_hold(session: Session, contact: Contact, *, by: int, reason: str, vault: Vault) -> int:
    """Put a person on hold on every channel, everywhere; return how many addresses of theirs are.

    Raises InputError without a reason or address, TransitionError when nothing would be sent to them anyway.
    """
    words, addresses = _checked(reason, vault, contact.organisation_id), _addresses_of(session, contact)
    if not any(address.state in (AddressState.ACTIVE, AddressState.PENDING) for address in addresses):
        raise TransitionError(N_("Nothing is sent to them as it is."))
    held = hold_everywhere(session, HashedHandle.of(addresses[0]), _said(words))
    return _record_refusal(session, "contact.hold", contact, held, by=by, reason=words)


def hold_for_words(session: Session, reply: Reply, words: str, *, by: int, vault: Vault) -> bool:
    """Put a person on hold if what a member heard in what they sent may be a stop, as if they had written it.

    Returns whether members have to decide that now. Nothing changes for whom all is on hold already, or opted out.
    """
    if not _may_be_stop(session, reply, words):
        return False
    handle = HashedHandle.of(reply)
    theirs = lock_person(session, [handle.phone], [handle.lookup])
    if theirs and all(address.state in _REFUSED for address in theirs):
        return False
    contact = session.get(Contact, reply.contact_id) if reply.contact_id is not None else None
    if contact is None and reply.kind != ReplyKind.STOP:
        # Who is no contact is known to wait for a decision by this alone.
        reply.kind = ReplyKind.HOLD
    reason = _checked(" ".join(words.split())[:LONGEST_REASON], vault, reply.organisation_id)
    held = hold_everywhere(session, handle, _said(reason))
    action = "reply.hold" if contact is None else "contact.hold"
    _record_refusal(session, action, contact or reply, held, by=by, reason=reason)
    if contact is None:
        return is_stranger_held(session, reply)
    return any(one.state == AddressState.HELD and one.contact_id == contact.id for one in theirs)


def end_hold(session: Session, contact: Contact, *, by: int, reason: str, vault: Vault) -> int:
    """End the hold of a person, because it was no stop; return for how many addresses.

    Raises InputError without a reason or address, TransitionError when they are not on hold any more.
    """
    words, addresses = _checked(reason, vault, contact.organisation_id), _addresses_of(session, contact)
    keys = [address.number or address.lookup for address in addresses], [one.lookup for one in addresses]
    released = release(session, *keys, _said(words))
    if not released:
        raise TransitionError(N_("They are not on hold any more."))
    _record(session, "contact.end_hold", contact, by=by, addresses=len(released), reason=words)
    return len(released)


def settle_stranger(session: Session, reply: Reply, *, is_stop: bool, by: int, reason: str, vault: Vault) -> None:
    """Decide what somebody meant who is no contact: it was a stop, or none.

    Raises InputError without a reason, TransitionError when it was decided already.
    """
    words = _checked(reason, vault, reply.organisation_id)
    if not is_stranger_held(session, reply):
        raise TransitionError(N_("They are not on hold any more."))
    if is_stop:
        stopped = withdraw_everywhere(session, HashedHandle.of(reply), _said(words))
        _record_refusal(session, "reply.opt_out", reply, stopped, by=by, reason=words)
        return
    released = release(session, [reply.number or reply.lookup], [reply.lookup], _said(words))
    _record(session, "reply.end_hold", reply, by=by, addresses=len(released), reason=words)


def lift_stop(
    session: Session, contact: Contact, channel: Channel, *, by: int, evidence: str, vault: Vault
) -> int:
    """Lift the stop of a person on one channel for their organisation; return for how many addresses.

    The ledger keeps the evidence. Raises InputError without it, TransitionError when they have not opted out.
    """
    words = _checked(evidence, vault, contact.organisation_id)
    lifted = lift(session, _same_phone(session, contact, channel), _said(words))
    if not lifted:
        raise TransitionError(N_("They have not opted out there."))
    _record(session, LIFT_STOP, contact, by=by, reason=words, addresses=len(lifted), channel=str(channel))
    return len(lifted)


def _same_phone(session: Session, contact: Contact, channel: Channel) -> Sequence[Address]:
    """Return the organisation's addresses on a channel that are the contact's phone, locked."""
    theirs = [address for address in _addresses_of(session, contact) if address.channel == channel]
    keys = [key for address in theirs for key in (address.number, address.lookup) if key is not None]
    same = or_(Address.number.in_(keys), Address.lookup.in_(keys))
    ids = owned(select(Address.id).where(same, Address.channel == channel), Address, contact.organisation_id)
    return lock_addresses(session, session.scalars(ids).all())


def _may_be_stop(session: Session, reply: Reply, words: str) -> bool:
    """Say whether words may be a stop in any language in which anybody here knows who sent something."""
    handle = HashedHandle.of(reply)
    languages: Collection[str | None] = find_languages(session, handle.lookup, number=handle.phone) or [None]
    meanings = {meaning_of(words, language) for language in languages}
    return not meanings.isdisjoint((Meaning.STOP, Meaning.HOLD))


def _checked(words: str, vault: Vault, organisation_id: int | None) -> Evidence:
    clean = " ".join(words.split())
    if not clean or len(clean) > LONGEST_REASON:
        raise InputError(N_("Say in at most %(limit)s characters why."), limit=LONGEST_REASON)
    return Evidence(clean, vault, organisation_id)


def _addresses_of(session: Session, contact: Contact) -> Sequence[Address]:
    addresses = session.scalars(select(Address).where(Address.contact_id == contact.id)).all()
    if not addresses:
        raise InputError(N_("This contact has no address any more."))
    return addresses


def _said(words: Evidence) -> Declaration:
    return Declaration(METHOD, words, clock.now())


def _record_refusal(
    session: Session, action: str, subject: Contact | Reply, address_ids: list[int], *, by: int, reason: Evidence
) -> int:
    counts = {"addresses": len(address_ids), "suppressed": suppress_addresses(session, address_ids)}
    _record(session, action, subject, by=by, reason=reason, **counts)
    return len(address_ids)


def _record(
    session: Session, action: str, subject: Contact | Reply, *, by: int, reason: Evidence, **detail: Any
) -> None:
    """Leave the entry of an act, and the reason sealed beside it: words about a person are in no audit."""
    of = subject.organisation_id
    entry = audit.record(session, action, subject=subject, organisation_id=of, member_id=by, **detail)
    note_reason(session, entry, reason.text, vault=reason.vault)
