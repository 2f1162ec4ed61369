"""When somebody answers, the text is sealed, and what it asks is done in the same transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import heard_handle, number_key
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.joining.join import KEYWORD, START
from campaigns.audience.joining.ways_to_join import beside_code, find_by_code, find_in_text
from campaigns.audience.models import Channel, ConsentKind, EntryPoint, PositionSource
from campaigns.audience.positions import NOWHERE, move_contacts, position_of, stand_at
from campaigns.core import clock
from campaigns.core.database import insert_or, reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.refusals import suppress_addresses
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.gateways.kinds import unsigned_gateways
from campaigns.inbox.automatic.by_itself import hand_on
from campaigns.inbox.incoming.heard import note_heard
from campaigns.inbox.incoming.joining import addressed, left_to_answer, let_join, tells_of_joining
from campaigns.inbox.incoming.meaning import as_said, kind_of
from campaigns.inbox.incoming.order import (
    AGREEMENTS,
    REFUSALS,
    evidence_of,
    find_refusals_until,
    is_overtaken,
    lift_again,
)
from campaigns.inbox.incoming.other_handle import learn_other
from campaigns.inbox.incoming.questions import says_more
from campaigns.inbox.incoming.receivers import Account, Receiver, find_receiver
from campaigns.inbox.incoming.strangers import note_stop
from campaigns.inbox.incoming.triage import put_in_triage
from campaigns.inbox.media.service import note_media
from campaigns.inbox.models import LONGEST_TEXT, InboundLook, Reply, ReplyKind
from campaigns.inbox.queries import find_contact, find_kept, find_languages, find_next_kept, hold_contact
from campaigns.planning.policy import Policy
from campaigns.staff import audit

#: Posts that take longer were posted again: the person may have said something else since.
LATE = timedelta(seconds=3)
#: So long numbers of what is done at an account grow for certain: after a week without any they begin anew.
NUMBERED_FOR = timedelta(days=6)


def receive_inbound(
    session: Session,
    inbound: Inbound,
    vault: Vault,
    *,
    account: Account,
    received_at: datetime | None = None,
    policy: Policy | None = None,
) -> Reply | None:
    """Keep what a person did and do what it asks; return None when it was kept before.

    `account` is the one it came over, which says together with the number it came to whose it is. What may be for
    several organisations or none waits for whoever runs the instance; a stop or hold in it counts all the same.

    A stop (or a block) withdraws consent for all addresses of the person in every organisation of the instance and
    takes their waiting deliveries out of the queue; a start lifts that for the same handle; a code lets the person
    join; a location moves the contact to its cell, and the point itself is forgotten; a question waits for the
    team, unless a text of the organisation answers it by the `policy`. A start lifts nothing where the provider
    signs nothing, where it was changed into an older message, or nobody knows whom it was said to, nor a code with
    more words: a member is shown it. What reached the provider at `received_at` (UTC) and us only now is kept, and
    done as far as the person did not say otherwise since; so is what it posts again, where it says of when it is.
    """
    inbound, received_at = as_said(inbound), received_at or _late_since(session, inbound, account.gateway)
    receiver = find_receiver(session, account, inbound.to_handle, _channel_of(inbound))
    reply = _keep(session, inbound, vault, account=account, receiver=receiver, received_at=received_at)
    if reply is None:
        _put_in_order(session, account.gateway, inbound.provider_id, received_at)
        return None
    if is_late := received_at is not None:
        ledger.hold_withdrawals(session)
    told = learn_other(session, inbound, reply, vault)
    detail = None
    if not (is_settled := is_late and is_overtaken(session, reply)):
        detail = _act(session, inbound, reply, vault=vault, account=account, receiver=receiver, is_late=is_late)
    _hand_on(session, reply, inbound, detail, vault=vault, policy=None if is_settled else policy)
    put_in_triage(session, reply, inbound, account=account, may_be=receiver.may_be, vault=vault)
    if not is_settled:
        note_heard(session, reply)
    _record(session, reply, detail, told)
    return reply


def _hand_on(
    session: Session,
    reply: Reply,
    inbound: Inbound,
    detail: dict[str, Any] | None,
    *,
    vault: Vault,
    policy: Policy | None,
) -> None:
    """Let what a message says be answered, or wait, as far as what it asks is not done by that."""
    left, policy = left_to_answer(inbound, reply, detail), None if _did_nothing(detail) else policy
    hand_on(session, reply, left, vault=vault, policy=policy, has_joined=tells_of_joining(detail))


def _did_nothing(detail: dict[str, Any] | None) -> bool:
    """Say whether what was asked was so before, as with a start of somebody who never stopped."""
    return detail is not None and detail.get("addresses") == 0


def _record(session: Session, reply: Reply, detail: dict[str, Any] | None, told: dict[str, int]) -> None:
    """Record what a reply did (None: nothing), or else what it told of; this comes last.

    It holds the chain: whoever waits for it must hold nothing that is needed here.
    """
    if detail is not None or told:
        kind = ReplyKind.JOIN if detail and tells_of_joining(detail) else reply.kind
        said, organisation_id = detail or told, reply.organisation_id
        audit.record(session, f"reply.{kind}", subject=reply, organisation_id=organisation_id, **said)


def note_looked(session: Session, sender_id: int, through: datetime) -> None:
    """Note that what people wrote to a sender, and its provider had by `through` (UTC), is kept."""
    noting = insert_or(session, InboundLook).values(sender_id=sender_id, through=through)
    session.execute(noting.on_conflict_do_update(index_elements=["sender_id"], set_={"through": through}))


def _put_in_order(session: Session, gateway: str, provider_id: str, said_at: datetime | None) -> None:
    """Let a reply that was posted late count as what it was when it was said (UTC), before what was said since.

    A provider that posts again without a time may bring a start after the stop that followed it, or a stop after
    the start: its list tells which was first.
    """
    found = select(Reply).where(Reply.gateway == gateway, Reply.provider_id == provider_id)
    if said_at is None:
        return
    ledger.hold_withdrawals(session)
    reply = session.scalars(found.with_for_update()).one()
    was = reply.received_at
    if was <= said_at or (reply.kind in REFUSALS and reply.gateway in unsigned_gateways()):
        return
    reply.received_at = said_at
    session.flush()
    if reply.kind in REFUSALS:
        lift_again(session, reply)
    elif reply.kind in AGREEMENTS:
        _refuse_again(session, reply, was)


def _refuse_again(session: Session, start: Reply, until: datetime) -> None:
    """Let count again what refused since a start was said, and was lifted by it when it came at last."""
    for refusal in find_refusals_until(session, start, until):
        if isinstance(refusal, Reply):
            detail = _suppress(session, refusal, _refuse(session, refusal), is_late=True)
        else:
            refuse = hold_everywhere if refusal.kind == ConsentKind.HELD else ledger.withdraw_everywhere
            # What a member wrote stays sealed in the line of their decision.
            wording = refusal.wording or "decided since"
            words = Declaration(refusal.method, wording, refusal.given_at)
            closed = refuse(session, HashedHandle.of(start), words)
            detail = _suppress(session, start, closed, is_late=False)
        organisation_id = start.organisation_id
        audit.record(session, "reply.put_in_order", subject=start, organisation_id=organisation_id, **detail)


def _late_since(session: Session, inbound: Inbound, gateway: str) -> datetime | None:
    """Return when a person did something that their provider tells late: they may have done more since.

    What has no time of its own was done before all that has a higher number.
    """
    now, done_by = clock.now(), inbound.said_at
    if done_by is None and inbound.is_numbered:
        kept_at = find_next_kept(session, gateway, inbound.provider_id, since=now - NUMBERED_FOR)
        done_by = kept_at and kept_at - timedelta(milliseconds=1)
    return done_by if done_by is not None and done_by < now - LATE else None


def _channel_of(inbound: Inbound) -> Channel:
    # RCS and whatever comes later answer from the same phone number as SMS.
    return Channel(inbound.channel) if inbound.channel in set(Channel) else Channel.SMS


def _handle_of(inbound: Inbound) -> str:
    """Return the handle they wrote from in the spelling that is hashed; names and short codes as they came."""
    handle = heard_handle(_channel_of(inbound), inbound.from_handle)
    return inbound.from_handle if handle is None else handle.text


def _keep(
    session: Session,
    inbound: Inbound,
    vault: Vault,
    *,
    account: Account,
    receiver: Receiver,
    received_at: datetime | None,
) -> Reply | None:
    channel, handle = _channel_of(inbound), _handle_of(inbound)
    lookup, number = vault.lookup_hash(channel, handle), number_key(vault, channel, handle)
    organisation_id, contact_id = receiver.organisation_id, None
    if organisation_id is not None:
        known = find_contact(session, organisation_id, lookup, channel=channel, number=number)
        contact_id = hold_contact(session, known)
    (row_id,) = reserve_ids(session, Reply, 1)
    # A shared place may come with its street and house.
    text = "" if inbound.happening is Happening.SHARED_LOCATION else inbound.text[:LONGEST_TEXT]
    reply = Reply(
        id=row_id,
        gateway=account.gateway,
        # Without an id nothing tells a repetition from a second message: better twice than lost.
        provider_id=inbound.provider_id[:64] or f"none-{uuid4().hex}",
        channel=channel,
        lookup=lookup,
        number=number,
        contact_id=contact_id,
        organisation_id=organisation_id,
        sender_id=receiver.sender_id,
        kind=_kind_of(session, inbound, lookup=lookup, number=number),
        happening=inbound.happening,
        sealed_text=vault.seal(text, table="reply", column="sealed_text", row_id=row_id),
        received_at=received_at or clock.now(),
    )
    if not _is_new(session, reply):
        return None
    note_media(session, reply, inbound.media, account=account.name, vault=vault)
    return reply


def _is_new(session: Session, reply: Reply) -> bool:
    """Add a reply, unless it was kept before."""
    try:
        with session.begin_nested():
            session.add(reply)
    except IntegrityError:
        # Anything else that the database refuses must not pass for a repetition: the provider has to call again.
        if not find_kept(session, reply.gateway, [reply.provider_id]):
            raise
        return False
    return True


def _kind_of(session: Session, inbound: Inbound, *, lookup: bytes, number: bytes) -> ReplyKind:
    """Return what was asked in any language in which anybody here knows the person.

    Some words stop in one language only. Whoever was written to does not have to know it: the person may be a
    contact of others, or of nobody's whom they answer, and a stop is obeyed in every organisation.
    """
    languages: Collection[str | None] = find_languages(session, lookup, number=number) or [None]
    kinds = {kind_of(inbound, language=language) for language in languages}
    return min(kinds, key=list(ReplyKind).index)


def _act(
    session: Session,
    inbound: Inbound,
    reply: Reply,
    *,
    vault: Vault,
    account: Account,
    receiver: Receiver,
    is_late: bool,
) -> dict[str, Any] | None:
    """Do what the reply asks and return what its audit entry says; None when it asks nothing."""
    # A start that stands in an older message may have been followed by a stop.
    may_lift = account.is_signed and not inbound.is_edit
    # Nor does one lift a stop beside which something else is said: a doubt must never bring messages back.
    may_lift = may_lift and not (reply.kind == ReplyKind.START and says_more(inbound.text, reply.kind))
    if inbound.happening is Happening.STARTED:
        entry_point = addressed(find_by_code(session, inbound.payload), receiver)
        return _begin(session, inbound, reply, vault=vault, entry_point=entry_point, may_lift=may_lift)
    if reply.kind in REFUSALS:
        closed = _refuse(session, reply)
        if reply.kind == ReplyKind.STOP and reply.happening != Happening.BLOCKED:
            note_stop(session, reply, closed, sender_id=receiver.sender_id)
        return _suppress(session, reply, closed, is_late=is_late)
    if reply.kind == ReplyKind.START:
        return _start(session, reply, method=KEYWORD, may_lift=may_lift)
    if reply.kind == ReplyKind.LOCATION:
        return _move(session, inbound, reply)
    if inbound.happening is Happening.WROTE:
        return _join_by_code(session, inbound, reply, vault=vault, receiver=receiver, may_lift=may_lift)
    return None


def _begin(
    session: Session,
    inbound: Inbound,
    reply: Reply,
    *,
    vault: Vault,
    entry_point: EntryPoint | None,
    may_lift: bool,
) -> dict[str, Any] | None:
    """Heed a start: it joins where it names or has one organisation, and lifts a stop there."""
    if entry_point is not None or (reply.contact_id is None and reply.organisation_id is not None):
        return let_join(
            session, inbound, reply, vault=vault, method=START, entry_point=entry_point, may_lift=may_lift
        )
    reply.kind = ReplyKind.START
    return _start(session, reply, method=START, may_lift=may_lift)


def _join_by_code(
    session: Session, inbound: Inbound, reply: Reply, *, vault: Vault, receiver: Receiver, may_lift: bool
) -> dict[str, Any] | None:
    """Heed a code; it lifts no stop where more is said, for a doubt must never bring messages back."""
    entry_point = addressed(find_in_text(session, inbound.text), receiver)
    if entry_point is None:
        return None
    kind = ReplyKind.JOIN
    if beside := beside_code(inbound.text):
        alone = replace(inbound, text=beside)
        number, may_lift = reply.number or reply.lookup, False
        kind = _kind_of(session, alone, lookup=reply.lookup, number=number)
    if kind in REFUSALS:
        return None
    return let_join(
        session,
        inbound,
        reply,
        vault=vault,
        method=KEYWORD,
        entry_point=entry_point,
        may_lift=may_lift,
        kind=kind,
    )


def _refuse(session: Session, reply: Reply) -> list[int]:
    """Withdraw for the person behind a stop, or put them on hold; return the ids of the addresses it closed."""
    refuse = hold_everywhere if reply.kind == ReplyKind.HOLD else ledger.withdraw_everywhere
    method = "provider" if reply.happening == Happening.BLOCKED else KEYWORD
    said = Declaration(method, evidence_of(reply), reply.received_at)
    return sorted(refuse(session, HashedHandle.of(reply), said))


def _suppress(session: Session, reply: Reply, addresses: Collection[int], *, is_late: bool) -> dict[str, Any]:
    """Take what waits for these addresses out of the queue, but for those that said start since a late stop."""
    lifted = set(lift_again(session, reply)) if is_late else set[int]()
    closed = [address_id for address_id in addresses if address_id not in lifted]
    return {"addresses": len(closed), "suppressed": suppress_addresses(session, closed)}


def _start(session: Session, reply: Reply, *, method: str, may_lift: bool) -> dict[str, Any]:
    """Lift what the person said on this phone; without a proof it counts as consent of who said nothing."""
    handle, said = HashedHandle.of(reply), Declaration(method, evidence_of(reply), reply.received_at)
    if may_lift and reply.organisation_id is not None:
        return {"addresses": len(ledger.restore(session, handle, said))}
    agreed = ledger.agree(session, handle, said) if reply.organisation_id is not None else None
    reply.is_unheeded = agreed is None
    return {"unheeded": True} if agreed is None else {"addresses": len(agreed)}


def _move(session: Session, inbound: Inbound, reply: Reply) -> dict[str, Any] | None:
    """Move the contact to the cell of the place they shared; of a stranger's place nothing is kept."""
    if reply.contact_id is None or inbound.location is None:
        return None
    latitude, longitude = inbound.location
    standing = stand_at(session, latitude=latitude, longitude=longitude)
    if standing == NOWHERE:
        return None
    position = position_of(standing, source=PositionSource.SHARED, said_at=reply.received_at)
    move_contacts(session, [(reply.contact_id, position)])
    return {}
