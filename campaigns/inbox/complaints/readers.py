"""A complaint is read by members whom the organisation names, or another's; never by whom it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.inbox.complaints.models import Complaint, ComplaintReader, ComplaintReceiver
from campaigns.inbox.conversations.models import Answer, Conversation
from campaigns.inbox.duty.queries import find_who_answers, load_readers
from campaigns.inbox.handing_over.queries import load_receivers
from campaigns.staff.models import Member, Membership
from campaigns.staff.queries import load_active_members

#: Members by their organisations, all by their ids.
_Members = Mapping[int, set[int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A member as they are in the organisation in which they work now."""

    member_id: int
    organisation_id: int
    #: Whether they may answer people there.
    answers: bool


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may read a complaint, by their names."""

    #: Whom the setting names, members or one organisation; nobody where it names nobody who may.
    by_setting: Sequence[str]
    #: Members of the organisation that it is about, and other organisations, by their ids.
    members: Mapping[int, str]
    organisations: Mapping[int, str]


def select_read_by(who: Reading) -> Select[*tuple[Complaint, Conversation]]:
    """Select the complaints that a member reads: those that wait first, the most urgent of them first."""
    found = select(Complaint, Conversation).join(Conversation, Conversation.id == Complaint.conversation_id)
    waits = Conversation.waiting_since.is_(None)
    return found.where(_is_read_by(who), ~_is_about(who.member_id)).order_by(
        waits, Conversation.urgency, Conversation.last_at.desc(), Complaint.id
    )


def select_about(member_id: int) -> Select[int]:
    """Select the contacts of complaints about a member: of those they read and decide nothing."""
    found = select(Conversation.contact_id).join(Complaint, Complaint.conversation_id == Conversation.id)
    return found.where(_is_about(member_id))


def get_read(session: Session, complaint_id: int, who: Reading) -> tuple[Complaint, Conversation]:
    """Return a complaint that a member reads. Raises NotFoundError alike for a missing one and any other."""
    row = session.execute(select_read_by(who).where(Complaint.id == complaint_id)).one_or_none()
    if row is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return row.Complaint, row.Conversation


def count_waiting_for(session: Session, who: Reading) -> int:
    """Count the complaints that wait for a member."""
    return session.scalar(_count_waiting_for(who)) or 0


@lru_cache
def _count_waiting_for(who: Reading) -> Select[int]:
    """Return the statement, kept because every page asks: to make it takes longer than to run it."""
    waiting = select_read_by(who).where(Conversation.waiting_since.is_not(None)).with_only_columns(Complaint.id)
    return select(func.count()).select_from(waiting.order_by(None).subquery())


def members_of_setting(session: Session, organisation_id: int) -> set[int]:
    """Return the active members who read complaints about an organisation by its setting."""
    other = find_reading_organisation(session, organisation_id)
    if other is not None:
        return find_who_answers(session, [other]).get(other, set())
    return _named(session, [organisation_id]).get(organisation_id, set())


def find_reading_organisation(session: Session, organisation_id: int) -> int | None:
    """Return the organisation that reads complaints about another one in place of its members."""
    found = select(ComplaintReceiver.receiver_id).where(ComplaintReceiver.organisation_id == organisation_id)
    return session.scalar(found)


def whom_it_is_about(session: Session, conversation: Conversation) -> set[int]:
    """Return the members who answered in a conversation, and who has it: they read no complaint in it."""
    answered = select(Answer.member_id).where(
        Answer.conversation_id == conversation.id, Answer.member_id.is_not(None)
    )
    found = {each for each in session.scalars(answered.distinct()) if each is not None}
    return found if conversation.owner_id is None else found | {conversation.owner_id}


def is_read_by_setting(session: Session, complaint: Complaint) -> bool:
    """Say whether those read a complaint whom the setting names."""
    ours = complaint.organisation_id
    named = find_reading_organisation(session, ours) or ours
    return complaint.receiver_id == named and complaint.reader_id is None


def who_answered_before(session: Session, complaint: Complaint) -> set[int]:
    """Return the members whom a complaint is about: who answered until it was one, and who had it."""
    return _answered_before(session, [complaint])[complaint.conversation_id]


def find_candidates(session: Session, organisation_id: int, about: Collection[int]) -> Candidates:
    """Return who may read a complaint about an organisation: nobody whom it is about, nor of its team.

    Whom the setting names may be of the team.
    """
    members, others = load_active_members(session, organisation_id), load_receivers(session, organisation_id)
    reading = members_of_setting(session, organisation_id) - set(about)
    other = find_reading_organisation(session, organisation_id)
    # Where somebody reads by the setting, an organisation that it names is one in which somebody answers.
    named = [others[other]] if other and reading else [members[each] for each in sorted(reading)]
    # Nobody of the team that answers: they would be asked about their own.
    left_out = {*about, *load_readers(session, organisation_id)}
    free = {key: name for key, name in members.items() if key not in left_out}
    return Candidates(named, free, others)


def readers_of(session: Session, conversation_ids: Collection[int]) -> Mapping[int, set[int]]:
    """Return who reads those of these conversations that are complaints, in a few statements for all."""
    complaints = session.scalars(select(Complaint).where(Complaint.conversation_id.in_(conversation_ids))).all()
    if not complaints:
        return {}
    about = {each.organisation_id for each in complaints}
    named = _named(session, about)
    chosen = _working(session, about, {each.reader_id for each in complaints if each.reader_id is not None})
    others = [each.receiver_id for each in complaints if each.receiver_id not in (None, each.organisation_id)]
    answering = find_who_answers(session, [each for each in others if each is not None])
    left_out = _answered_before(session, complaints)
    return {
        each.conversation_id: _candidates(each, named, chosen, answering) - left_out[each.conversation_id]
        for each in complaints
    }


def _candidates(complaint: Complaint, named: _Members, chosen: _Members, answering: _Members) -> set[int]:
    if complaint.receiver_id != complaint.organisation_id:
        return answering.get(complaint.receiver_id or 0, set())
    if complaint.reader_id is not None:
        # Whoever works here no more reads nothing.
        return {complaint.reader_id} & chosen.get(complaint.organisation_id, set())
    return named.get(complaint.organisation_id, set())


def _named(session: Session, organisation_ids: Collection[int]) -> _Members:
    """Return the members whom the setting of their organisation names and who still work there."""
    is_theirs = and_(
        Membership.member_id == ComplaintReader.member_id,
        Membership.organisation_id == ComplaintReader.organisation_id,
    )
    named = select(Membership.organisation_id, Membership.member_id).join(ComplaintReader, is_theirs)
    return _by_organisation(session, named, organisation_ids)


def _working(session: Session, organisation_ids: Collection[int], member_ids: Collection[int]) -> _Members:
    found = select(Membership.organisation_id, Membership.member_id)
    return _by_organisation(session, found.where(Membership.member_id.in_(member_ids)), organisation_ids)


def _by_organisation(session: Session, found: Select[*tuple[int, int]], among: Collection[int]) -> _Members:
    active = found.join(Member, Member.id == Membership.member_id).where(Member.active)
    members: dict[int, set[int]] = {}
    for row in session.execute(active.where(Membership.organisation_id.in_(among))):
        members.setdefault(row.organisation_id, set()).add(row.member_id)
    return members


def _answered_before(session: Session, complaints: Sequence[Complaint]) -> dict[int, set[int]]:
    found = {each.conversation_id: {each.about_id or 0} for each in complaints}
    answers = select(Answer.conversation_id, Answer.member_id).join(
        Complaint, Complaint.conversation_id == Answer.conversation_id
    )
    answers = answers.where(Answer.conversation_id.in_(found), Answer.written_at <= Complaint.marked_at)
    for row in session.execute(answers.where(Answer.member_id.is_not(None)).distinct()):
        found[row.conversation_id].add(row.member_id)
    return found


def _is_read_by(who: Reading) -> ColumnElement[bool]:
    is_named = exists().where(
        ComplaintReader.organisation_id == Complaint.organisation_id, ComplaintReader.member_id == who.member_id
    )
    is_ours = Complaint.organisation_id == who.organisation_id
    is_chosen = Complaint.reader_id == who.member_id
    own = and_(is_ours, or_(is_chosen, and_(Complaint.reader_id.is_(None), is_named)))
    # The index of the receivers finds all of them: every page asks.
    here = Complaint.receiver_id == who.organisation_id
    return and_(here, or_(own, ~is_ours) if who.answers else own)


def _is_about(member_id: int) -> ColumnElement[bool]:
    answered = exists().where(
        Answer.conversation_id == Complaint.conversation_id,
        Answer.member_id == member_id,
        Answer.written_at <= Complaint.marked_at,
    )
    return or_(func.coalesce(Complaint.about_id, 0) == member_id, answered)
