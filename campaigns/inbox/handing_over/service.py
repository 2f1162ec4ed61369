"""A conversation is offered to another organisation, which accepts or declines it and tells what came of it.

None of these verbs commits, but for `lapse_due`. The receiver gets what the member ticked and wrote, and that the
person agreed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.urgent_contacts import note_urgent
from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.database import reserve_ids
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.delivery.refusals import hold_campaigns_back
from campaigns.inbox.conversations.helplines import find_named
from campaigns.inbox.conversations.models import Conversation, ConversationTag
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.conversations.waiting_again import active_of, wait_again
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.queries import load_names
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.messages.help_numbers import KnownHelp
from campaigns.places.models import Region
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: Until when the receiver decides: with somebody in danger, and else.
DECIDED_WITHIN = {True: timedelta(hours=1), False: timedelta(hours=24)}
LONGEST_SUMMARY, LONGEST_WORDS = 2_000, 500
#: Tries to find a code that the receiver does not have.
_TRIES = 20
#: Headings under which a conversation says why it waits again.
CAME_BACK = "came_back"


class Field(StrEnum):
    """What of a conversation a member may let the receiver see, beside what they write."""

    LANGUAGE = "language"
    PLACE = "place"
    TOPICS = "topics"


class Confirmed(StrEnum):
    """What a receiver tells of somebody who quoted a code."""

    CAME = "came"
    HELPED = "helped"


@dataclass(frozen=True, slots=True)
class Extract:
    """What a member lets another organisation know of a conversation."""

    receiver_id: int
    summary: str
    #: What the person answered when they were asked whether this may be passed on.
    consent: str
    fields: Collection[Field] = ()


def offer(session: Session, conversation: Conversation, offered: Extract, *, by: int, vault: Vault) -> HandOver:
    """Offer a conversation to another organisation of the instance.

    Raises InputError for one's own organisation, a summary that is empty, long or has a number in it, or missing
    words of consent; NotFoundError for an unknown receiver; TransitionError while another offer is open.
    """
    conversation, now = hold_kept(session, conversation), clock.now()
    if offered.receiver_id == conversation.organisation_id:
        raise InputError(N_("Choose another organisation."))
    if session.get(Organisation, offered.receiver_id) is None:
        raise NotFoundError(N_("There is no such organisation."))
    summary = _checked(offered.summary, at=now)
    consent = offered.consent.strip()[:LONGEST_WORDS]
    if not consent:
        raise InputError(
            N_("Write what they answered when you asked them. Without their yes nothing is passed on.")
        )
    if find_open(session, conversation.id) is not None:
        raise TransitionError(N_("This conversation is offered to an organisation already."))
    (row_id,) = reserve_ids(session, HandOver, 1)
    made = HandOver(
        id=row_id,
        conversation_id=conversation.id,
        organisation_id=conversation.organisation_id,
        receiver_id=offered.receiver_id,
        state=OfferState.OFFERED,
        code=_new_code(session, offered.receiver_id),
        urgency=conversation.urgency,
        sealed_summary=vault.seal(summary, table="hand_over", column="sealed_summary", row_id=row_id),
        sealed_consent=vault.seal(consent, table="hand_over", column="sealed_consent", row_id=row_id),
        offered_by_id=by,
        offered_at=now,
        due_at=now + DECIDED_WITHIN[conversation.urgency >= Urgency.DANGER],
        **_ticked(session, conversation, offered.fields),
    )
    session.add(made)
    session.flush()
    _record(session, made, "offer", conversation.organisation_id, by=by)
    return made


def find_open(session: Session, conversation_id: int) -> HandOver | None:
    """Return the offer of a conversation that is open or was accepted."""
    found = select(HandOver).where(HandOver.conversation_id == conversation_id)
    return session.scalar(found.where(HandOver.state.in_((OfferState.OFFERED, OfferState.ACCEPTED))))


def accept(session: Session, handed: HandOver, *, by: int) -> None:
    """Let the receiver act on it from now on; raise TransitionError where that was decided, or is too late."""
    handed = _hold_offered(session, handed)
    _decide(handed, OfferState.ACCEPTED, by=by)
    _record(session, handed, "accept", handed.receiver_id, by=by)


def decline(session: Session, handed: HandOver, reason: str, *, by: int, vault: Vault) -> None:
    """Let it go back to whoever offered it, with a reason; the conversation waits there again.

    Raises InputError without a reason, TransitionError where it was decided, or is too late.
    """
    handed, words = _hold_offered(session, handed), reason.strip()[:LONGEST_WORDS]
    if not words:
        raise InputError(N_("Say why, so that they can find somebody else."))
    _decide(handed, OfferState.DECLINED, by=by)
    handed.sealed_reason = vault.seal(words, table="hand_over", column="sealed_reason", row_id=handed.id)
    _come_back(session, [handed])
    _record(session, handed, "decline", handed.receiver_id, by=by)


def take_back(session: Session, handed: HandOver, *, by: int) -> None:
    """Take an offer back, accepted or not; raise TransitionError for one that ended."""
    handed = hold_kept(session, handed)
    if handed.state not in (OfferState.OFFERED, OfferState.ACCEPTED):
        raise TransitionError(N_("This offer has ended already."))
    _decide(handed, OfferState.TAKEN_BACK, by=by)
    _record(session, handed, "take_back", handed.organisation_id, by=by)


def lapse_due(sessions: sessionmaker[Session]) -> int:
    """Let offers on which nobody decided in time go back, so that nobody waits unseen; return how many.

    Commits; nobody writes while there is none.
    """
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(_due(now).limit(1)) is None:
            return 0
    with sessions.begin() as session:
        return lapse(session, now=now)


def lapse(session: Session, *, now: datetime, most: int = 200) -> int:
    """Let offers go back on which nobody had decided at a moment (UTC); return how many."""
    due = _due(now)
    held = session.scalars(due.order_by(HandOver.id).limit(most).with_for_update(skip_locked=True)).all()
    for handed in held:
        handed.state, handed.decided_at = OfferState.LAPSED, now
    _come_back(session, held)
    return len(held)


def confirm(session: Session, receiver_id: int, code: str, what: Confirmed, *, by: int) -> HandOver:
    """Note that somebody with a code came to the receiver, or was helped there; who was helped had come.

    Raises NotFoundError for a code of nobody who was handed to them, TransitionError for what was confirmed.
    """
    found = select(HandOver).where(HandOver.receiver_id == receiver_id, HandOver.code == digits_of(code))
    handed = session.scalar(found.where(HandOver.state == OfferState.ACCEPTED).with_for_update())
    if handed is None:
        raise NotFoundError(N_("Nobody with this code was handed to you. Ask them to read it again."))
    now = clock.now()
    if (handed.helped_at if what is Confirmed.HELPED else handed.came_at) is not None:
        raise TransitionError(N_("This was confirmed already."))
    handed.came_at = handed.came_at or now
    if what is Confirmed.HELPED:
        handed.helped_at = now
    session.flush()
    _record(session, handed, what.value, receiver_id, by=by)
    return handed


def _due(now: datetime) -> Select[HandOver]:
    return select(HandOver).where(HandOver.state == OfferState.OFFERED, HandOver.due_at <= now)


def _checked(summary: str, *, at: datetime) -> str:
    words = summary.strip()
    if not words:
        raise InputError(N_("Write in your own words what the receiver has to know."))
    if len(words) > LONGEST_SUMMARY:
        raise InputError(N_("Write at most %(most)s characters."), most=LONGEST_SUMMARY)
    numbers = find_named(words, KnownHelp([], {}, 0), at=at).unknown
    if numbers:
        raise InputError(N_("Remove %(numbers)s: numbers of people are not passed on."), numbers=tuple(numbers))
    return words


def _ticked(session: Session, conversation: Conversation, fields: Collection[Field]) -> dict[str, object]:
    here = select(Region.code).join(Contact, Contact.region_id == Region.id)
    tags = select(ConversationTag.tag).where(ConversationTag.conversation_id == conversation.id)
    return {
        "language": conversation.language if Field.LANGUAGE in fields else None,
        "region_code": session.scalar(here.where(Contact.id == conversation.contact_id))
        if Field.PLACE in fields
        else None,
        "topics": list(session.scalars(tags.order_by(ConversationTag.tag))) if Field.TOPICS in fields else [],
    }


def _new_code(session: Session, receiver_id: int) -> str:
    for _ in range(_TRIES):
        code = f"{secrets.randbelow(10**6):06}"
        taken = select(HandOver.id).where(HandOver.receiver_id == receiver_id, HandOver.code == code)
        if session.scalar(taken) is None:
            return code
    raise TransitionError(N_("Try again."))


def _hold_offered(session: Session, handed: HandOver) -> HandOver:
    handed = hold_kept(session, handed)
    if handed.state != OfferState.OFFERED:
        raise TransitionError(N_("Somebody has decided on this offer already."))
    if handed.due_at <= clock.now():
        raise TransitionError(N_("It is too late: this offer goes back to whoever made it."))
    return handed


def _decide(handed: HandOver, state: OfferState, *, by: int) -> None:
    handed.state, handed.decided_by_id, handed.decided_at = state, by, clock.now()


def _come_back(session: Session, ended: Collection[HandOver]) -> None:
    """Let the conversations of offers that ended wait again, with the reason."""
    session.flush()
    receivers = load_names(session, {each.receiver_id for each in ended})
    by_id = {each.conversation_id: each for each in ended}
    held = select(Conversation).where(Conversation.id.in_(by_id)).order_by(Conversation.id).with_for_update()
    found = session.scalars(held.execution_options(populate_existing=True)).all()
    active = active_of(session, [each.owner_id for each in found if each.owner_id is not None])
    for conversation in found:
        reason = Reason(CAME_BACK, phrase=receivers[by_id[conversation.id].receiver_id])
        wait_again(conversation, reason, active=active, at=clock.now())
        if conversation.urgency >= Urgency.DANGER:
            note_urgent(session, conversation.contact_id, at=clock.now())
            hold_campaigns_back(session, conversation.contact_id)
    session.flush()


def _record(session: Session, handed: HandOver, verb: str, organisation_id: int, *, by: int) -> None:
    audit.record(session, f"hand_over.{verb}", subject=handed, organisation_id=organisation_id, member_id=by)
