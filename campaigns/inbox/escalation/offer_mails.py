"""Members are told that an offer waits for them: to agree to it as the second one, or to take it.

Each of them is told once, without content, and nobody any more once it is decided or too late.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.inbox.duty.queries import find_who_answers
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation.models import EscalationSwitch, OfferTold, StepMail
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.queries import decider, is_in_time, may_decide
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Membership

#: Members who are to be told, each of one offer, that are written down at one look; others wait for the next one.
MOST_AT_ONCE = 500


def ask_deciders(sessions: sessionmaker[Session], *, now: datetime) -> int:
    """Write down who is to be told of offers that wait for a decision; nobody writes while there is none."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        rows = _find_asked(session, now)
    if rows:
        with sessions.begin() as session:
            session.execute(insert_or(session, OfferTold).on_conflict_do_nothing(), rows)
    return len({row["hand_over_id"] for row in rows})


def find_pending(session: Session, now: datetime) -> Sequence[Any]:
    """Return who is still to be told and may decide: member, organisation, state, urgency of the mail, offers."""
    pending = session.execute(_select_pending(now)).all()
    answering = find_who_answers(session, {row.organisation_id for row in pending})
    return [row for row in pending if row.member_id in answering.get(row.organisation_id, ())]


def _select_pending(now: datetime) -> Select[*tuple[Any, ...]]:
    # What has an hour, or a day at most, cannot wait for the digest of a question.
    urgency = case((HandOver.urgency >= Urgency.DANGER, Urgency.DANGER.value), else_=Urgency.DAY.value)
    whose = OfferTold.member_id, decider().label("organisation_id"), HandOver.state, urgency.label("urgency")
    pending = select(*whose, func.count(HandOver.id).label("offers"))
    pending = pending.join(HandOver, HandOver.id == OfferTold.hand_over_id)
    still = OfferTold.settled_at.is_(None), *is_in_time(now), may_decide(decider(), OfferTold.member_id)
    return pending.where(*still).group_by(*whose)


def settle(session: Session, mail: StepMail, state: OfferState, *, now: datetime) -> bool:
    """Put the offers of a state of which a mail's member is to be told into it; say whether it got any."""
    theirs = select(HandOver.id).where(
        decider() == mail.organisation_id, HandOver.state == state, *is_in_time(now)
    )
    is_danger = HandOver.urgency >= Urgency.DANGER
    theirs = theirs.where(is_danger if mail.urgency >= Urgency.DANGER else ~is_danger)
    claimed = update(OfferTold).where(
        OfferTold.member_id == mail.member_id,
        OfferTold.settled_at.is_(None),
        OfferTold.hand_over_id.in_(theirs),
    )
    values = {"mail_id": mail.id, "settled_at": now}
    taken: Any = session.execute(claimed.values(values), execution_options=PAST_MEMORY)
    return bool(taken.rowcount)


def is_still_asked(now: datetime) -> ColumnElement[bool]:
    """Match mails that tell of an offer on which somebody of their organisation may still decide."""
    told = exists().where(OfferTold.mail_id == StepMail.id, HandOver.id == OfferTold.hand_over_id)
    return told.where(decider() == StepMail.organisation_id, *is_in_time(now))


def asks_for(session: Session, mail: StepMail) -> OfferState | None:
    """Return in which state the offers were of which a mail tells, or None where it tells of none."""
    told = select(HandOver.receiver_id).join(OfferTold, OfferTold.hand_over_id == HandOver.id)
    receiver_id = session.scalar(told.where(OfferTold.mail_id == mail.id).limit(1))
    if receiver_id is None:
        return None
    # The second member is never the receiver's.
    return OfferState.OFFERED if receiver_id == mail.organisation_id else OfferState.PROPOSED


def _find_asked(session: Session, now: datetime) -> Sequence[dict[str, int]]:
    """Return whoever may decide on an offer, and is not written down yet: whoever came since as well.

    Whom no mail reaches is told only where nobody else may decide.
    """
    is_on = exists().where(EscalationSwitch.organisation_id == decider(), EscalationSwitch.is_on)
    is_open = *is_in_time(now), is_on
    deciding = session.scalars(select(decider()).select_from(HandOver).where(*is_open).distinct())
    if not (answering := find_who_answers(session, deciding.all())):
        return []
    members = {(key, member) for key, members in answering.items() for member in members}
    silent = load_unreachable(session, {member for _key, member in members}, now=now)
    reached = {each for each in members if each[1] not in silent}
    is_told = exists().where(OfferTold.hand_over_id == HandOver.id, OfferTold.member_id == Membership.member_id)
    asked = select(HandOver.id.label("hand_over_id"), Membership.member_id)
    asked = asked.join(Membership, may_decide(Membership.organisation_id, Membership.member_id))
    is_asked = or_(_is_among(Membership, reached), _is_among(Membership, members - reached) & ~_has_other(reached))
    found = session.execute(asked.where(*is_open, ~is_told, is_asked).order_by(HandOver.id).limit(MOST_AT_ONCE))
    return [{"hand_over_id": row.hand_over_id, "member_id": row.member_id} for row in found]


def _has_other(members: Collection[tuple[int, int]]) -> ColumnElement[bool]:
    """Match offers on which one of these members, by organisation and id, may decide."""
    other = aliased(Membership)
    return exists().where(may_decide(other.organisation_id, other.member_id), _is_among(other, members))


def _is_among(membership: type[Membership], members: Collection[tuple[int, int]]) -> ColumnElement[bool]:
    return tuple_(membership.organisation_id, membership.member_id).in_(members)
