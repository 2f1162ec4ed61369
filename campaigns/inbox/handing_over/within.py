"""A conversation is offered to a member or a team of one's own organisation; whoever takes it has it.

None of these verbs commits. Nobody is asked for consent, as nothing leaves the organisation.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.models import Team
from campaigns.inbox.duty.queries import load_readers
from campaigns.inbox.duty.teams import members_of
from campaigns.inbox.handing_over.deciding import decide, hold_undecided, record
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import checked_words, make_offer
from campaigns.staff.queries import get_owned


@dataclass(frozen=True, slots=True)
class Target:
    """To whom a conversation is offered: a team or a member, by its id."""

    team_id: int | None = None
    member_id: int | None = None


def offer_within(
    session: Session, conversation: Conversation, to: Target, note: str, *, by: int, vault: Vault
) -> HandOver:
    """Offer a conversation to a member or a team of one's own organisation, with a word why.

    Raises InputError for oneself, a member who does not answer, a team without others, and a note that is empty or
    long; NotFoundError for a foreign team; TransitionError while another offer is open.
    """
    conversation, now = conversations.hold_kept(session, conversation), clock.now()
    _check_target(session, conversation.organisation_id, to, by=by)
    words, ours = checked_words(note), conversation.organisation_id
    if not words:
        raise InputError(N_("Write why you hand it over."))
    made = make_offer(
        session,
        conversation,
        ours,
        words,
        by=by,
        vault=vault,
        at=now,
        state=OfferState.OFFERED,
        team_id=to.team_id,
        to_member_id=to.member_id,
    )
    record(session, made, "offer_within", ours, by=by)
    return made


def take_over(session: Session, handed: HandOver, *, by: int) -> None:
    """Let a member have what was offered to them or their team.

    Raises RefusedError for whom it was not offered to, TransitionError where that was decided, or is too late.
    """
    handed = hold_undecided(session, handed, OfferState.OFFERED)
    check_may_decide(session, handed, by=by)
    decide(handed, OfferState.TAKEN, by=by)
    session.flush()
    conversations.take(session, session.get_one(Conversation, handed.conversation_id), by=by)
    record(session, handed, "take_over", handed.organisation_id, by=by)


def check_may_decide(session: Session, handed: HandOver, *, by: int) -> None:
    """Raise RefusedError where an offer within the organisation is to somebody else."""
    if not may_decide(session, handed, by=by):
        raise RefusedError(N_("This was offered to somebody else."))


def may_decide(session: Session, handed: HandOver, *, by: int) -> bool:
    """Say whether an offer within the organisation is to a member, or to a team of theirs, and not their own."""
    if handed.offered_by_id == by:
        return False
    return by in members_of(session, handed.team_id) if handed.team_id else handed.to_member_id == by


def _check_target(session: Session, organisation_id: int, to: Target, *, by: int) -> None:
    who_answer = set(load_readers(session, organisation_id)) - {by}
    if to.team_id is not None:
        team = get_owned(session, Team, to.team_id, organisation_id)
        if not members_of(session, team.id) & who_answer:
            raise InputError(N_("Nobody else of this team answers now. Choose another one."))
    elif to.member_id not in who_answer:
        raise InputError(N_("Choose another member who is a responder and active."))
