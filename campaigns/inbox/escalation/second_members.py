"""Members are told that one of them has to agree to a hand-over of somebody who could not be asked.

Each of them is told once, without content, and nobody any more once it is decided or too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import insert_or
from campaigns.inbox.duty.queries import find_who_answers
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation.models import EscalationSwitch, SecondMemberTold, StepMail
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.handing_over.queries import is_to_agree_on
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member

#: Offers for which members are told at one look; others wait for the next one.
MOST_AT_ONCE = 100


def ask_second_members(sessions: sessionmaker[Session], *, now: datetime) -> int:
    """Write down who is to be told of offers that wait for a second member; nobody writes while there is none."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        rows = _find_asked(session, now)
    if rows:
        with sessions.begin() as session:
            session.execute(insert_or(session, SecondMemberTold).on_conflict_do_nothing(), rows)
    return len({row["hand_over_id"] for row in rows})


def select_pending(now: datetime) -> Select[*tuple[Any, ...]]:
    """Select who is still to be told: member, organisation, urgency of the mail, and of how many offers."""
    # What was passed on unasked cannot wait for the digest of a question.
    urgency = case((HandOver.urgency >= Urgency.DANGER, Urgency.DANGER.value), else_=Urgency.DAY.value)
    whose = SecondMemberTold.member_id, HandOver.organisation_id, urgency.label("urgency")
    pending = select(*whose, func.count(HandOver.id).label("offers"))
    pending = pending.join(HandOver, HandOver.id == SecondMemberTold.hand_over_id)
    pending = pending.join(Member, Member.id == SecondMemberTold.member_id)
    still = SecondMemberTold.settled_at.is_(None), Member.active, *is_to_agree_on(now)
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
    taken: Any = session.execute(claimed.values(values), execution_options={"synchronize_session": False})
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
    """Return offers of which nobody is told yet, each with every member who may agree and whom mail reaches."""
    is_on = exists().where(EscalationSwitch.organisation_id == HandOver.organisation_id, EscalationSwitch.is_on)
    is_told = exists().where(SecondMemberTold.hand_over_id == HandOver.id)
    unasked = select(HandOver).where(*is_to_agree_on(now), is_on, ~is_told).order_by(HandOver.id)
    offers = session.scalars(unasked.limit(MOST_AT_ONCE)).all()
    answering = find_who_answers(session, {each.organisation_id for each in offers})
    silent = load_unreachable(session, {member for members in answering.values() for member in members}, now=now)
    rows = []
    for each in offers:
        others = answering.get(each.organisation_id, set()) - {each.offered_by_id}
        rows += [
            {"hand_over_id": each.id, "member_id": member_id}
            for member_id in sorted(others - silent.keys() or others)
        ]
    return rows
