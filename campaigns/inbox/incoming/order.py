"""Words that reach us late count as what they were when they were said: before the later ones of the person.

A stop counts for the person, a start for the phone it comes from. So a word may be overtaken by one from another
of their phones, and a stop that is overtaken on one still holds on the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.pairs import find_pairs
from campaigns.audience.consent.person import find_person
from campaigns.audience.models import REFUSALS as REFUSED
from campaigns.audience.models import Address, Consent
from campaigns.gateways.kinds import unsigned_gateways
from campaigns.inbox.models import Reply, ReplyKind

#: What ends that somebody is written to, and what begins it.
REFUSALS = (ReplyKind.STOP, ReplyKind.HOLD)
AGREEMENTS = (ReplyKind.START, ReplyKind.JOIN)


def is_overtaken(session: Session, reply: Reply) -> bool:
    """Say whether what a late reply asks was settled since, by a stop or hold from any phone of the person.

    A stop or hold never is: `lift_again` ends it where the person said otherwise since. Whoever asks holds
    withdrawals (`ledger.hold_withdrawals`), so that nothing the person says meanwhile goes unseen.
    A start or code settles no earlier one, which may have been for another organisation.
    """
    if reply.kind in REFUSALS:
        return False
    person = _find_person(session, reply)
    later = _find_later(session, reply, person)
    if any(each.kind in REFUSALS for each in later):
        return True
    refused_at = _last_refused(session, reply, person)
    return refused_at is not None and refused_at > reply.received_at


def lift_again(session: Session, reply: Reply) -> list[int]:
    """Lift a late stop or hold on each phone that said start since; return the ids of the addresses it was for."""
    person = _find_person(session, reply)
    later = _find_later(session, reply, person)
    refused = [each.received_at for each in later if each.kind in REFUSALS]
    # A provider may have reported a stop since, or a member decided one.
    last_no = max([reply.received_at, *refused, _last_refused(session, reply, person) or reply.received_at])
    starts = {
        (each.lookup, each.channel): each
        for each in later
        # What an address alone proves lifts no stop, late or not.
        if each.kind in AGREEMENTS and each.received_at > last_no and each.gateway not in unsigned_gateways()
    }
    active: list[int] = []
    for start in starts.values():
        active += ledger.restore(
            session, HashedHandle.of(start), Declaration("keyword", evidence_of(start), start.received_at)
        )
    return active


def evidence_of(reply: Reply) -> str:
    """Name the reply that a line of the ledger rests on."""
    return f"reply {reply.id}"


def _last_refused(session: Session, reply: Reply, person: Collection[int]) -> datetime | None:
    """Return when a person (ids of their addresses) was withdrawn or put on hold last, but for this reply."""
    refused = select(func.max(Consent.given_at)).where(
        Consent.address_id.in_(person),
        Consent.kind.in_(REFUSED),
        Consent.wording != evidence_of(reply),
    )
    return session.scalar(refused)


def find_refusals_until(session: Session, reply: Reply, moment: datetime) -> list[Reply | Consent]:
    """Return what refused between when `reply` was said and a moment (UTC), oldest first.

    What the person said from any of their phones, and what a provider reported or a member decided since.
    """
    person = _find_person(session, reply)
    later = _find_later(session, reply, person)
    said = [each for each in later if each.kind in REFUSALS and each.received_at <= moment]
    reported = select(Consent).where(
        Consent.address_id.in_(person),
        Consent.kind.in_(REFUSED),
        Consent.wording.not_like("reply %"),
        Consent.given_at > reply.received_at,
        Consent.given_at <= moment,
    )
    lines = {(line.kind, line.given_at): line for line in session.scalars(reported.order_by(Consent.id))}
    times = [(each.received_at, each) for each in said] + [(line.given_at, line) for line in lines.values()]
    return [each for _, each in sorted(times, key=itemgetter(0))]


def _find_later(session: Session, reply: Reply, person: Collection[int]) -> Sequence[Reply]:
    """Return what a person (ids of their addresses) said since that settles something, in its order.

    A list tells seconds: of what was said in one from two phones, a stop or hold counts as the later.
    """
    known = select(Address.lookup, Address.number).where(Address.id.in_(person))
    rows = session.execute(known).all()
    lookups, numbers = {reply.lookup, *(row.lookup for row in rows)}, {reply.number, *(row.number for row in rows)}
    # By the other of their handles on WhatsApp they may be nobody's contact.
    numbers |= find_pairs(session, {reply.number or reply.lookup})
    theirs = or_(Reply.lookup.in_(lookups), Reply.number.in_(numbers - {None}))
    at_once = and_(Reply.received_at == reply.received_at, Reply.kind.in_(REFUSALS), Reply.lookup != reply.lookup)
    since = or_(Reply.received_at > reply.received_at, at_once)
    later = select(Reply).where(
        theirs,
        Reply.kind.in_((*REFUSALS, *AGREEMENTS)),
        # What lifted nothing when it came does not lift anything later.
        ~Reply.is_unheeded,
        since,
    )
    return session.scalars(later.order_by(Reply.received_at, Reply.id)).all()


def _find_person(session: Session, reply: Reply) -> set[int]:
    return find_person(session, [reply.number or reply.lookup], [reply.lookup])
