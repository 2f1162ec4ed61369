"""Two handles on WhatsApp turn out to be of one person: what was said by one of them counts for the other too.

Somebody may have said stop by the one while nobody knew that the other is theirs. A start since stands: for the
channel that it was said on, as any does, and on WhatsApp for both handles.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.holds import hold
from campaigns.audience.consent.pairs import is_news, note_pair
from campaigns.audience.consent.person import lock_person
from campaigns.audience.joining.join import KEYWORD
from campaigns.audience.loading.new_rows import METHOD as IMPORT
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.refusals import suppress_addresses
from campaigns.gateways.callbacks import Inbound
from campaigns.gateways.kinds import unsigned_gateways
from campaigns.inbox.models import Reply, ReplyKind

#: By what a member decides that somebody is written to again: after a stop, and after what may have been one.
_DECIDED = {False: (ConsentKind.LIFTED,), True: (ConsentKind.LIFTED, ConsentKind.RELEASED)}
#: States that a stop leaves as they are, and those that a hold does.
_SHUT = {False: (AddressState.OPTED_OUT,), True: (AddressState.OPTED_OUT, AddressState.HELD)}


def learn_other(session: Session, inbound: Inbound, reply: Reply, vault: Vault) -> dict[str, int]:
    """Note by which other handle a provider knows who wrote; return what an audit says of what that closed."""
    one, other = HashedHandle.of(reply), _other_of(inbound, reply, vault)
    if other is None or not is_news(session, one, other):
        return {}
    # No stop may be written beside this: it would not see the pair, nor this the stop.
    ledger.hold_withdrawals(session)
    note_pair(session, one, other)
    # A stop closes all that they have, whatever they said before.
    closed = [] if reply.kind == ReplyKind.STOP else _heed_earlier(session, one, other)
    return {"addresses": len(closed), "suppressed": suppress_addresses(session, closed)} if closed else {}


def _other_of(inbound: Inbound, reply: Reply, vault: Vault) -> HashedHandle | None:
    if not inbound.other_handle:
        return None
    channel, handle = Channel(reply.channel), inbound.other_handle
    return HashedHandle(vault.lookup_hash(channel, handle), channel, number_key(vault, channel, handle))


def _heed_earlier(session: Session, one: HashedHandle, other: HashedHandle) -> list[int]:
    """Let a stop or hold that is remembered of one handle count for all of the person; return what it closed."""
    keys, closed = {one.lookup, one.phone, other.lookup, other.phone}, list[int]()
    # What may have been a stop can be younger than one, and hold what a start opened between them.
    for is_hold in (False, True):
        refused_at = _last_refused(session, keys, is_hold=is_hold)
        if refused_at is None:
            continue
        addresses = lock_person(session, {one.phone, other.phone}, {one.lookup, other.lookup})
        started = _started(session, addresses, keys, since=refused_at)
        spared = started | _settled(session, addresses, Consent.kind.in_(_DECIDED[is_hold]), since=refused_at)
        going = [each for each in addresses if each.id not in spared and each.state not in _SHUT[is_hold]]
        marks = {mark for handle in (one, other) for mark in ledger.marks_of_person(session, handle)}
        marks |= {mark for each in going for mark in ledger.marks_of(HashedHandle.of(each))}
        marks -= {(each.number or each.lookup, each.channel) for each in addresses if each.id in started}
        if any(_is_shown(each, keys) for each in addresses if each.id in started):
            marks -= {(key, Channel.WHATSAPP) for key in keys}
        ledger.remember(session, (), marks, is_hold=is_hold)
        (hold if is_hold else ledger.withdraw)(session, going, Declaration(KEYWORD, "remembered", refused_at))
        closed += [each.id for each in going if each.state in _SHUT[is_hold]]
    return closed


def _last_refused(session: Session, keys: Collection[bytes], *, is_hold: bool) -> datetime | None:
    """Return when a stop, or a hold, that is remembered of any of these hashes was said last; None: none is."""
    is_theirs = SuppressedAddress.lookup.in_(keys)
    marked = select(func.max(SuppressedAddress.since)).where(is_theirs, SuppressedAddress.is_hold == is_hold)
    since = session.scalar(marked)
    if since is None:
        return None
    # Of several stops only the first is remembered so, but each has its line where it found an address.
    kind = ConsentKind.HELD if is_hold else ConsentKind.WITHDRAWN
    known = or_(Address.number.in_(keys), Address.lookup.in_(keys))
    lines = select(func.max(Consent.given_at)).join(Address, Address.id == Consent.address_id)
    return session.scalar(lines.where(known, Consent.kind == kind)) or since


def _started(
    session: Session, addresses: Sequence[Address], keys: Collection[bytes], *, since: datetime
) -> set[int]:
    """Return the ids of addresses for which the person asked for messages since then, which lifts what they said.

    No file of contacts does, nor what an address alone proves.
    """
    is_unproved = exists().where(
        Reply.contact_id == Consent.contact_id,
        Reply.received_at == Consent.given_at,
        Reply.gateway.in_(unsigned_gateways()),
    )
    is_start = and_(Consent.kind == ConsentKind.GRANTED, Consent.method != IMPORT, ~is_unproved)
    started = _settled(session, addresses, is_start, since=since)
    shown = {each.id for each in addresses if _is_shown(each, keys)}
    return started | shown if started & shown else started


def _settled(
    session: Session, addresses: Sequence[Address], line: ColumnElement[bool], *, since: datetime
) -> set[int]:
    """Return the ids of those of these addresses that have such a line since then."""
    ids = [each.id for each in addresses]
    found = select(Consent.address_id).where(Consent.address_id.in_(ids), Consent.given_at > since, line)
    return set(session.scalars(found))


def _is_shown(address: Address, keys: Collection[bytes]) -> bool:
    """Say whether an address is what WhatsApp knows by one of the two handles."""
    return address.channel == Channel.WHATSAPP and (address.number or address.lookup) in keys
