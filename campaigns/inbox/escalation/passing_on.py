"""A member who leaves or is ill passes on what they have: conversations, what they began to write, and duties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import Conversation, ConversationState, Draft
from campaigns.inbox.duty.models import Duty, DutyMember
from campaigns.inbox.duty.queries import load_readers
from campaigns.staff import audit
from campaigns.staff.models import Member, Membership
from campaigns.staff.permissions import Permission, may
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class PassedOn:
    """How much a member passed on."""

    conversations: int
    duties: int


def pass_on(session: Session, organisation_id: int, member: Member, *, to: int | None, by: int) -> PassedOn:
    """Give what a member has in an organisation to another one, or to the team where `to` is None.

    Reviews need no passing on: a text or campaign waits for everybody who may review it. Raises InputError for
    somebody who does not answer there.
    """
    if to is not None and (to == member.id or to not in load_readers(session, organisation_id)):
        raise InputError(N_("Choose another member who is a responder and active."))
    conversations = _pass_conversations(session, organisation_id, member.id, to)
    duties = _pass_duties(session, organisation_id, member.id, to)
    counts = {"people": conversations, "duties": duties}
    trail = {"organisation_id": organisation_id, "member_id": by}
    audit.record(session, "member.pass_on", subject=member, **trail, to=to, **counts)
    return PassedOn(conversations, duties)


def bring_back(session: Session, membership: Membership) -> None:
    """Let what a member put off wait now, if they answer no more: nobody else knows that it was put off.

    It stays theirs until somebody passes it on.
    """
    if membership.member.active and may(membership.roles, Permission.ANSWER):
        return
    theirs = owned(select(Conversation.id), Conversation, membership.organisation_id).where(
        Conversation.owner_id == membership.member_id, Conversation.snoozed_until > clock.now()
    )
    _let_wait_now(session, session.scalars(theirs.order_by(Conversation.id).with_for_update()).all())


def _let_wait_now(session: Session, ids: Sequence[int]) -> None:
    """Let those of these conversations wait since now that are put off."""
    now = clock.now()
    put_off = update(Conversation).where(Conversation.id.in_(ids), Conversation.snoozed_until > now)
    session.execute(put_off.values(snoozed_until=None, urgent_since=now), execution_options=PAST_MEMORY)


def _pass_conversations(session: Session, organisation_id: int, member_id: int, to: int | None) -> int:
    theirs = owned(select(Conversation.id), Conversation, organisation_id).where(
        Conversation.owner_id == member_id, Conversation.state != ConversationState.CLOSED
    )
    ids = session.scalars(theirs.order_by(Conversation.id).with_for_update()).all()
    if to is not None:
        _pass_drafts(session, organisation_id, member_id, to)
    # Whoever nobody has is new to everybody.
    given_up = case(
        (Conversation.state == ConversationState.OPEN, ConversationState.NEW), else_=Conversation.state
    )
    values: dict[str, Any] = {"owner_id": to} if to is not None else {"owner_id": None, "state": given_up}
    passed = update(Conversation).where(Conversation.id.in_(ids))
    session.execute(passed.values(values), execution_options=PAST_MEMORY)
    if to is None:
        # As with what a member gives back: nobody is left who knows that it was put off.
        _let_wait_now(session, ids)
    return len(ids)


def _pass_drafts(session: Session, organisation_id: int, member_id: int, to: int) -> None:
    """Give what a member began to write to another one, who keeps what they began themselves."""
    ours, own = owned(select(Conversation.id), Conversation, organisation_id), aliased(Draft)
    has_one = exists().where(own.conversation_id == Draft.conversation_id, own.member_id == to)
    passed = update(Draft).where(Draft.member_id == member_id, Draft.conversation_id.in_(ours), ~has_one)
    session.execute(passed.values(member_id=to), execution_options=PAST_MEMORY)


def _pass_duties(session: Session, organisation_id: int, member_id: int, to: int | None) -> int:
    duties = owned(select(Duty.id), Duty, organisation_id)
    theirs = DutyMember.member_id == member_id, DutyMember.duty_id.in_(duties)
    rows = session.execute(select(DutyMember.duty_id, DutyMember.part).where(*theirs)).all()
    session.execute(delete(DutyMember).where(*theirs), execution_options=PAST_MEMORY)
    if to is not None and rows:
        taken = [{"duty_id": row.duty_id, "part": row.part, "member_id": to} for row in rows]
        session.execute(insert_or(session, DutyMember).on_conflict_do_nothing(), taken)
    return len({row.duty_id for row in rows})
