"""A conversation is offered to another organisation, which accepts or declines it and tells what came of it.

None of these verbs commits. The receiver gets what the member ticked and wrote, and what the
person answered when they were asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.database import reserve_ids
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import Conversation, ConversationTag, Outcome
from campaigns.inbox.conversations.offered.helplines import find_named
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.duty.queries import find_who_answers
from campaigns.inbox.handing_over.deciding import come_back, decide, hold_undecided, record, time_to_decide
from campaigns.inbox.handing_over.models import IS_OPEN, HandOver, OfferState, Override
from campaigns.inbox.urgency.word_lists import COMPLAINT
from campaigns.messages.help_numbers import KnownHelp
from campaigns.places.models import Region

LONGEST_SUMMARY, LONGEST_WORDS = 2_000, 500
#: Tries to find a code that the receiver does not have.
_TRIES = 20


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
    consent: str = ""
    fields: Collection[Field] = ()
    #: Why nobody could ask them; a second member then has to agree.
    override: Override | None = None


def offer(session: Session, conversation: Conversation, offered: Extract, *, by: int, vault: Vault) -> HandOver:
    """Offer a conversation to another organisation of the instance.

    Without words of consent it needs a reason, and waits for a second member. Raises InputError for one's own
    organisation, a summary that is empty or long, a number in it or in the consent, or neither consent nor reason;
    NotFoundError for a receiver in which nobody answers; TransitionError while another offer is open.
    """
    conversation, now = hold_kept(session, conversation), clock.now()
    _check_receiver(session, conversation, offered.receiver_id)
    summary = checked_words(offered.summary)
    if not summary:
        raise InputError(N_("Write in your own words what the receiver has to know."))
    _refuse_numbers(summary, at=now)
    made = make_offer(
        session,
        conversation,
        offered.receiver_id,
        summary,
        _agreed(offered, at=now),
        by=by,
        vault=vault,
        at=now,
        state=OfferState.PROPOSED if offered.override else OfferState.OFFERED,
        override=offered.override,
        **_ticked(session, conversation, offered.fields),
    )
    verb = "propose" if offered.override else "offer"
    record(session, made, verb, conversation.organisation_id, by=by)
    return made


def make_offer(
    session: Session,
    conversation: Conversation,
    receiver_id: int,
    summary: str,
    consent: str = "",
    *,
    by: int,
    vault: Vault,
    at: datetime,
    **facts: Any,
) -> HandOver:
    """Write an offer, whose words are sealed; raise TransitionError while another one is open."""
    refuse_second(session, conversation)
    (row_id,) = reserve_ids(session, HandOver, 1)
    seal = partial(vault.seal, table="hand_over", row_id=row_id)
    made = HandOver(
        id=row_id,
        conversation_id=conversation.id,
        organisation_id=conversation.organisation_id,
        receiver_id=receiver_id,
        code=_new_code(session, receiver_id),
        urgency=conversation.urgency,
        sealed_summary=seal(summary, column="sealed_summary"),
        sealed_consent=seal(consent, column="sealed_consent") if consent else None,
        offered_by_id=by,
        offered_at=at,
        due_at=at + time_to_decide(conversation.urgency),
        **facts,
    )
    session.add(made)
    session.flush()
    return made


def refuse_second(session: Session, conversation: Conversation) -> None:
    """Raise TransitionError where an offer of a conversation is open or acted on, or it is a complaint by now."""
    if conversation.is_complaint:
        raise TransitionError(N_("This is a complaint already."))
    found = select(HandOver.id).where(HandOver.conversation_id == conversation.id, text(IS_OPEN))
    if session.scalar(found) is not None:
        raise TransitionError(N_("This conversation is offered to somebody already."))


def accept(session: Session, handed: HandOver, *, by: int) -> None:
    """Let the receiver act on it from now on; raise TransitionError where that was decided, or is too late."""
    handed = hold_undecided(session, handed, OfferState.OFFERED)
    decide(handed, OfferState.ACCEPTED, by=by)
    record(session, handed, "accept", handed.receiver_id, by=by)


def decline(session: Session, handed: HandOver, reason: str, *, by: int, vault: Vault) -> None:
    """Let it go back to whoever offered it, with a reason; the conversation waits there again.

    Raises InputError without a reason, TransitionError where it was decided, or is too late.
    """
    handed, words = hold_undecided(session, handed, OfferState.OFFERED), reason.strip()[:LONGEST_WORDS]
    if not words:
        raise InputError(N_("Say why, so that they can find somebody else."))
    decide(handed, OfferState.DECLINED, by=by)
    handed.sealed_reason = vault.seal(words, table="hand_over", column="sealed_reason", row_id=handed.id)
    come_back(session, [handed])
    record(session, handed, "decline", handed.receiver_id, by=by)


def take_back(session: Session, handed: HandOver, *, by: int) -> None:
    """Take an offer back, accepted or not; raise TransitionError for one that ended.

    Whose conversation was closed since the receiver acts waits again: else nobody would act any more.
    """
    handed = hold_kept(session, handed)
    if not handed.is_open:
        raise TransitionError(N_("This offer has ended already."))
    decide(handed, OfferState.TAKEN_BACK, by=by)
    conversation = session.get_one(Conversation, handed.conversation_id)
    if conversation.outcome == Outcome.HANDED_OVER and handed.helped_at is None:
        come_back(session, [handed])
    record(session, handed, "take_back", handed.organisation_id, by=by)


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
    record(session, handed, what.value, receiver_id, by=by)
    return handed


def _check_receiver(session: Session, conversation: Conversation, receiver_id: int) -> None:
    if receiver_id == conversation.organisation_id:
        raise InputError(N_("Choose another organisation."))
    if not find_who_answers(session, [receiver_id]):
        raise NotFoundError(N_("There is no such organisation, or nobody answers there."))


def _agreed(offered: Extract, *, at: datetime) -> str:
    """Return what the person answered, or nothing where a reason stands for it."""
    consent = offered.consent.strip()[:LONGEST_WORDS]
    if bool(consent) == (offered.override is not None):
        raise InputError(
            N_("Write what they answered when you asked them. Without their yes nothing is passed on.")
        )
    _refuse_numbers(consent, at=at)
    return consent


def checked_words(written: str) -> str:
    """Return what was written for a receiver, which may be nothing; raise InputError for what is long."""
    words = written.strip()
    if len(words) > LONGEST_SUMMARY:
        raise InputError(N_("Write at most %(most)s characters."), most=LONGEST_SUMMARY)
    return words


def _refuse_numbers(words: str, *, at: datetime) -> None:
    numbers = find_named(words, KnownHelp([], {}, 0), at=at).unknown
    if numbers:
        raise InputError(N_("Remove %(numbers)s: numbers of people are not passed on."), numbers=tuple(numbers))


def _ticked(session: Session, conversation: Conversation, fields: Collection[Field]) -> dict[str, Any]:
    here = select(Region.code).join(Contact, Contact.region_id == Region.id)
    # That they may complain about us is nothing to the receiver.
    tags = select(ConversationTag.tag).where(
        ConversationTag.conversation_id == conversation.id, ConversationTag.tag != COMPLAINT
    )
    return {
        "language": conversation.language if Field.LANGUAGE in fields else None,
        "region_code": session.scalar(here.where(Contact.id == conversation.contact_id))
        if Field.PLACE in fields
        else None,
        "topics": list(session.scalars(tags.order_by(ConversationTag.tag))) if Field.TOPICS in fields else [],
    }


def _new_code(session: Session, receiver_id: int) -> str:
    """Return six digits that no offer to a receiver has."""
    for _ in range(_TRIES):
        code = f"{secrets.randbelow(10**6):06}"
        taken = select(HandOver.id).where(HandOver.receiver_id == receiver_id, HandOver.code == code)
        if session.scalar(taken) is None:
            return code
    raise TransitionError(N_("Try again."))
