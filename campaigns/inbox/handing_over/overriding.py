"""Two members pass on unasked what cannot wait, with a reason of a closed list; the next day a third reviews it.

None of these verbs commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.duty.queries import load_readers
from campaigns.inbox.handing_over.deciding import hold_undecided, record, time_to_decide
from campaigns.inbox.handing_over.models import IS_UNREVIEWED, HandOver, OfferState
from campaigns.inbox.handing_over.queries import is_for_team
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned


def agree(session: Session, handed: HandOver, *, by: int) -> None:
    """Let an offer out without the person's yes; the receiver's time begins now.

    Raises RefusedError for whoever made it, TransitionError where it waits for nobody, or is too late.
    """
    handed, now = hold_undecided(session, handed, OfferState.PROPOSED), clock.now()
    if by == handed.offered_by_id:
        raise RefusedError(N_("Another member has to agree."))
    handed.state, handed.agreed_by_id, handed.agreed_at = OfferState.OFFERED, by, now
    handed.due_at = now + time_to_decide(handed.urgency)
    session.flush()
    record(session, handed, "agree", handed.organisation_id, by=by)


def review(session: Session, handed: HandOver, *, by: int) -> None:
    """Note that somebody looked at what was passed on unasked, on another day than it was.

    Raises RefusedError for whoever made the offer or agreed to it, the latter only while somebody else could look,
    and TransitionError where there is nothing to look at, or not yet.
    """
    handed = hold_kept(session, handed)
    if handed.agreed_at is None or handed.reviewed_at is not None:
        raise TransitionError(N_("There is nothing to review."))
    if not _is_for(session, handed, by):
        raise RefusedError(N_("Another member has to review it."))
    if not _is_of_earlier(session, handed.organisation_id, handed.agreed_at):
        raise TransitionError(N_("It can be reviewed from tomorrow on."))
    handed.reviewed_by_id, handed.reviewed_at = by, clock.now()
    session.flush()
    record(session, handed, "review", handed.organisation_id, by=by)


def may_review(session: Session, handed: HandOver, *, by: int) -> bool:
    """Say whether a member may look now at what was passed on unasked."""
    if handed.agreed_at is None or handed.reviewed_at is not None:
        return False
    return _is_of_earlier(session, handed.organisation_id, handed.agreed_at) and _is_for(session, handed, by)


def today_began(time_zone: str) -> datetime:
    """Return when the present day of an organisation began."""
    zone = ZoneInfo(time_zone)
    return datetime.combine(clock.now().astimezone(zone), time(), zone)


def _is_for(session: Session, handed: HandOver, by: int) -> bool:
    """Say whether a member had no part in it, or only agreed and nobody else is left."""
    if by == handed.agreed_by_id:
        return not load_readers(session, handed.organisation_id).keys() - {handed.offered_by_id, by}
    return by != handed.offered_by_id


def _is_of_earlier(session: Session, organisation_id: int, agreed_at: datetime) -> bool:
    return agreed_at < today_began(session.get_one(Organisation, organisation_id).time_zone)


def load_unreviewed(session: Session, organisation_id: int, *, before: datetime) -> Sequence[HandOver]:
    """Return what was passed on unasked before a moment (UTC) and nobody looked at, the oldest first."""
    left = owned(select(HandOver), HandOver, organisation_id).where(text(IS_UNREVIEWED), is_for_team())
    return session.scalars(left.where(HandOver.agreed_at < before).order_by(HandOver.id)).all()
