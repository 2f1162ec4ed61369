"""Members are told that one of them has to agree to a hand-over of somebody who could not be asked.

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
from campaigns.inbox.escalation.models import EscalationSwitch, SecondMemberTold, StepMail
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.handing_over.queries import is_to_agree_on
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Membership

#: Members who are to be told, each of one offer, that are written down at one look; others wait for the next one.
MOST_AT_ONCE = 500


def ask_second_members(sessions: sessionmaker[Session], *, now: datetime) -> int:
    """Write down who is to be told of offers that wait for a second member; nobody writes while there is none."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        rows = _find_asked(session, now)
    if rows:
        with sessions.begin() as session:
            session.execute(insert_or(session, SecondMemberTold).on_conflict_do_nothing(), rows)
    return len({row["hand_over_id"] for row in rows})


def find_pending(session: Session, now: datetime) -> Sequence[Any]:
    """Return who is still to be told and may agree: member, organisation, urgency of the mail, of how many."""
    pending = session.execute(_select_pending(now)).all()
    answering = find_who_answers(session, {row.organisation_id for row in pending})
    return [row for row in pending if row.member_id in answering.get(row.organisation_id, ())]


def _select_pending(now: datetime) -> Select[*tuple[Any, ...]]:
    # What was passed on unasked cannot wait for the digest of a question.
    urgency = case((HandOver.urgency >= Urgency.DANGER, Urgency.DANGER.value), else_=Urgency.DAY.value)
    whose = SecondMemberTold.member_id, HandOver.organisation_id, urgency.label("urgency")
    pending = select(*whose, func.count(HandOver.id).label("offers"))
    pending = pending.join(HandOver, HandOver.id == SecondMemberTold.hand_over_id)
    still = SecondMemberTold.settled_at.is_(None), *is_to_agree_on(now)
    return pending.where(*still).group_by(*whose)


def settle(session: Session, mail: StepMail, *, now: datetime) -> bool:
    """Put the offers of which a mail's member is to be told into it; say whether nobody else took them all."""
    theirs = select(HandOver.id).where(HandOver.organisation_id == mail.organisation_id, *is_to_agree_on(now))
    is_danger = HandOver.urgency >= Urgency.DANGER
    theirs = theirs.where(is_danger if mail.urgency >= Urgency.DANGER else ~is_danger)
    claimed = update(SecondMemberTold).where(
        SecondMemberTold.member_id == mail.member_id,
        SecondMemberTold.settled_at.is_(None),
        SecondMemberTold.hand_over_id.in_(theirs),
    )
    values = {"mail_id": mail.id, "settled_at": now}
    taken: Any = session.execute(claimed.values(values), execution_options=PAST_MEMORY)
    return bool(taken.rowcount)


def is_still_asked(now: datetime) -> ColumnElement[bool]:
    """Match mails that tell of an offer to which a second member may still agree."""
    told = exists().where(SecondMemberTold.mail_id == StepMail.id, HandOver.id == SecondMemberTold.hand_over_id)
    return told.where(*is_to_agree_on(now))


def is_for_second_member(session: Session, mail: StepMail) -> bool:
    """Say whether a mail asks for a second member."""
    told = select(SecondMemberTold.hand_over_id).where(SecondMemberTold.mail_id == mail.id)
    return session.scalar(told.limit(1)) is not None


def _find_asked(session: Session, now: datetime) -> Sequence[dict[str, int]]:
    """Return whoever may agree to an offer, and is not written down yet: whoever came since as well.

    Whom no mail reaches is told only where nobody else may agree.
    """
    is_on = exists().where(EscalationSwitch.organisation_id == HandOver.organisation_id, EscalationSwitch.is_on)
    is_open = *is_to_agree_on(now), is_on
    offering = session.scalars(select(HandOver.organisation_id).where(*is_open).distinct())
    if not (answering := find_who_answers(session, offering.all())):
        return []
    members = {(key, member) for key, members in answering.items() for member in members}
    silent = load_unreachable(session, {member for _key, member in members}, now=now)
    reached = {each for each in members if each[1] not in silent}
    is_told = exists().where(
        SecondMemberTold.hand_over_id == HandOver.id, SecondMemberTold.member_id == Membership.member_id
    )
    asked = select(HandOver.id.label("hand_over_id"), Membership.member_id)
    asked = asked.join(Membership, Membership.organisation_id == HandOver.organisation_id)
    others = asked.where(*is_open, Membership.member_id != HandOver.offered_by_id, ~is_told)
    is_asked = or_(_is_among(Membership, reached), _is_among(Membership, members - reached) & ~_has_other(reached))
    found = session.execute(others.where(is_asked).order_by(HandOver.id).limit(MOST_AT_ONCE))
    return [{"hand_over_id": row.hand_over_id, "member_id": row.member_id} for row in found]


def _has_other(members: Collection[tuple[int, int]]) -> ColumnElement[bool]:
    """Match offers to which one of these members, by organisation and id, may agree."""
    other = aliased(Membership)
    is_theirs = other.organisation_id == HandOver.organisation_id, other.member_id != HandOver.offered_by_id
    return exists().where(*is_theirs, _is_among(other, members))


def _is_among(membership: type[Membership], members: Collection[tuple[int, int]]) -> ColumnElement[bool]:
    return tuple_(membership.organisation_id, membership.member_id).in_(members)
