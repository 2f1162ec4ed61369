"""Every decision on an offer goes one way: it is held, decided once, recorded, and what ended waits again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import TransitionError
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.conversations.waiting_again import active_of, hold_back, wait_again
from campaigns.inbox.handing_over.models import IS_UNDECIDED, HandOver, OfferState
from campaigns.inbox.handing_over.queries import load_targets
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.staff import audit

#: Headings under which a conversation says why it waits again.
CAME_BACK, NOT_TAKEN, RECEIVER_GONE = "came_back", "not_taken", "receiver_gone"


def time_to_decide(urgency: int) -> timedelta:
    """Return how long the receiver of an offer has to decide: less where somebody may be in danger."""
    return timedelta(hours=1 if urgency >= Urgency.DANGER else 24)


def hold_undecided(session: Session, handed: HandOver, state: OfferState) -> HandOver:
    """Return an offer on which somebody may decide now, locked; raise TransitionError for another one."""
    handed = hold_kept(session, handed)
    if handed.state != state:
        raise TransitionError(N_("Somebody has decided on this offer already."))
    if handed.due_at <= clock.now():
        raise TransitionError(N_("It is too late: this offer goes back to whoever made it."))
    return handed


def hold_offers(session: Session, conversation: Conversation) -> Sequence[HandOver]:
    """Return the offers of a conversation on which nobody has decided, locked; there is one at most.

    Whoever locks the conversation too does so after this, as those who decide do.
    """
    open_ones = select(HandOver).where(HandOver.conversation_id == conversation.id, text(IS_UNDECIDED))
    held = open_ones.with_for_update().execution_options(populate_existing=True)
    return session.scalars(held).all()


def end_offers(session: Session, conversation: Conversation, *, by: int | None) -> None:
    """Take back what of a conversation is offered to anybody, here or elsewhere, and not decided on.

    What another organisation has accepted stays: it acts on it, and the person quotes a code there.
    """
    for handed in hold_offers(session, conversation):
        decide(handed, OfferState.TAKEN_BACK, by=by)
        record(session, handed, "take_back", handed.organisation_id, by=by)
    session.flush()


def decide(handed: HandOver, state: OfferState, *, by: int | None) -> None:
    """Note who decided what on an offer."""
    handed.state, handed.decided_by_id, handed.decided_at = state, by, clock.now()


def come_back(session: Session, ended: Collection[HandOver]) -> None:
    """Let the conversations of offers that ended wait again, with the reason."""
    session.flush()
    targets = load_targets(session, ended)
    by_id = {each.conversation_id: each for each in ended}
    held = select(Conversation).where(Conversation.id.in_(by_id)).order_by(Conversation.id).with_for_update()
    found = session.scalars(held.execution_options(populate_existing=True)).all()
    active = active_of(session, [each.owner_id for each in found if each.owner_id is not None])
    for conversation in found:
        handed = by_id[conversation.id]
        reason = Reason(_heading(handed), phrase=targets[handed.id])
        wait_again(conversation, reason, active=active, at=clock.now())
        if handed.helped_at is None:
            # Closing it had said that somebody acts.
            conversation.urgency = max(conversation.urgency, handed.urgency)
        hold_back(session, conversation, at=clock.now())
    session.flush()


def record(session: Session, handed: HandOver, verb: str, organisation_id: int, *, by: int | None) -> None:
    """Leave the line of an act on an offer in the audit trail of whoever acted."""
    audit.record(session, f"hand_over.{verb}", subject=handed, organisation_id=organisation_id, member_id=by)


def _heading(handed: HandOver) -> str:
    if handed.state == OfferState.GONE:
        return RECEIVER_GONE
    return NOT_TAKEN if handed.is_within or (handed.override and handed.agreed_at is None) else CAME_BACK
