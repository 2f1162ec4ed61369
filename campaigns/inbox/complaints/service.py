"""A conversation becomes a complaint about the organisation, and is read by others from then on.

None of these verbs commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.complaints.models import Complaint, ComplaintReader, ComplaintReceiver
from campaigns.inbox.complaints.readers import (
    find_reading_organisation,
    members_of_setting,
    readers_of,
    whom_it_is_about,
)
from campaigns.inbox.conversations.left_answers import let_next_wait
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.conversations.waiting_again import wait_again
from campaigns.inbox.duty.queries import find_who_answers, load_readers
from campaigns.inbox.handing_over.deciding import end_offers, hold_offers
from campaigns.inbox.urgency.word_lists import COMPLAINT, Reason
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import load_active_members

_MARK = "complaint.mark"


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Who is chosen to read one complaint, where the setting names nobody who may."""

    #: A member of the organisation.
    member_id: int | None = None
    #: Another organisation; with neither it is whoever runs the instance.
    organisation_id: int | None = None


def complain(
    session: Session, conversation: Conversation, *, by: int | None = None, chosen: ReadBy | None = None
) -> Complaint:
    """Let a conversation be a complaint about those who answered it: they see it no more, and it waits.

    `by` is the member who marks it, None the person themselves. Raises TransitionError for one that is a complaint
    already, InputError where nobody would read it or somebody whom it is about, NotFoundError for an unknown one.
    What was offered of it to anybody, and not decided on, is taken back.
    """
    hold_offers(session, conversation)
    conversation = hold_kept(session, conversation)
    if conversation.is_complaint:
        raise TransitionError(N_("This is a complaint already."))
    about = whom_it_is_about(session, conversation)
    receiver_id = check_reader(session, conversation, chosen, about)
    made = Complaint(
        conversation_id=conversation.id,
        organisation_id=conversation.organisation_id,
        receiver_id=receiver_id,
        reader_id=chosen.member_id if chosen else None,
        about_id=conversation.owner_id,
        marked_by_id=by,
        # Of whoever complains without a name only the hour is kept.
        marked_at=clock.now() if by else clock.hour_of(clock.now()),
    )
    session.add(made)
    end_offers(session, conversation, by=by)
    # Others who said the same in another report said nothing about us.
    let_next_wait(session, conversation)
    wait_again(conversation, Reason(COMPLAINT), active=(), at=made.marked_at)
    # Of the steps taken until now the team was told: those who read it hear of each, from the first on.
    conversation.urgent_since = made.marked_at
    conversation.is_complaint, conversation.owner_id = True, None
    conversation.state = ConversationState.NEW
    session.flush()
    _record_mark(session, made, by=by)
    return made


def give(session: Session, complaint: Complaint, organisation: Organisation) -> None:
    """Let another organisation read a complaint that nobody reads, as whoever runs the instance decides.

    Raises InputError for the organisation that it is about, TransitionError for one that has a reader.
    """
    conversation = hold_kept(session, session.get_one(Conversation, complaint.conversation_id))
    complaint = hold_kept(session, complaint)
    if readers_of(session, [complaint.conversation_id])[complaint.conversation_id]:
        raise TransitionError(N_("Somebody reads this complaint already."))
    if organisation.id == complaint.organisation_id:
        raise InputError(N_("A complaint is read by another organisation than the one that it is about."))
    complaint.receiver_id, complaint.reader_id = organisation.id, None
    if conversation.waiting_since is not None:
        # Of the steps taken until now nobody was told.
        conversation.urgent_since = clock.now()
    session.flush()
    _record(session, "complaint.give", complaint, organisation.id, by=None)


def choose_readers(
    session: Session, ours: Organisation, *, members: Collection[int], receiver_id: int | None, by: int
) -> None:
    """Name who reads complaints about an organisation: members of it, or another organisation in their place.

    Raises InputError for one's own organisation, NotFoundError for one that is not there, and for a member who is
    not active here.
    """
    if receiver_id == ours.id:
        raise InputError(N_("Choose another organisation."))
    if receiver_id is not None and session.get(Organisation, receiver_id) is None:
        raise NotFoundError(N_("There is no such organisation."))
    if not set(members) <= load_active_members(session, ours.id).keys():
        raise NotFoundError(N_("There is no such member."))
    for kept in (ComplaintReader, ComplaintReceiver):
        session.execute(delete(kept).where(kept.organisation_id == ours.id))
    session.add_all(ComplaintReader(organisation_id=ours.id, member_id=each) for each in sorted(set(members)))
    if receiver_id is not None:
        session.add(ComplaintReceiver(organisation_id=ours.id, receiver_id=receiver_id))
    session.flush()
    detail = {"members": sorted(set(members)), "receiver_id": receiver_id}
    audit.record(session, "complaint.readers", subject=ours, organisation_id=ours.id, member_id=by, **detail)


def find_unread(session: Session, *, only_waiting: bool = False) -> Sequence[Complaint]:
    """Return the complaints of the whole instance that nobody reads, the oldest first."""
    which = select(Complaint).order_by(Complaint.id)
    if only_waiting:
        waits = Conversation.waiting_since.is_not(None)
        which = which.join(Conversation, Conversation.id == Complaint.conversation_id).where(waits)
    found = session.scalars(which).all()
    reading = readers_of(session, [each.conversation_id for each in found])
    return [each for each in found if not reading[each.conversation_id]]


def check_reader(
    session: Session, conversation: Conversation, chosen: ReadBy | None, about: Collection[int]
) -> int | None:
    """Return whose members read a complaint; None: whoever runs the instance gives it to somebody.

    Raises InputError where nobody would read it, and for whom it is about, or of the team that answers;
    NotFoundError for whoever is not there.
    """
    ours = conversation.organisation_id
    if chosen is None:
        if not members_of_setting(session, ours) - set(about):
            raise InputError(N_("Nobody who did not answer them is named to read it. Choose somebody."))
        return find_reading_organisation(session, ours) or ours
    if chosen.member_id is not None:
        if chosen.member_id in about:
            raise InputError(N_("They answered this person: choose somebody whom it is not about."))
        if chosen.member_id not in load_active_members(session, ours):
            raise NotFoundError(N_("There is no such member."))
        if chosen.member_id in load_readers(session, ours):
            raise InputError(N_("They are of the team that answers: choose somebody else."))
        return ours
    other = chosen.organisation_id
    if other is not None and (other == ours or not find_who_answers(session, [other])):
        raise NotFoundError(N_("There is no such organisation, or nobody answers there."))
    return other


def _record(session: Session, action: str, made: Complaint, organisation_id: int, *, by: int | None) -> None:
    audit.record(session, action, subject=made, organisation_id=organisation_id, member_id=by)


def _record_mark(session: Session, made: Complaint, *, by: int | None) -> None:
    if by is None:
        audit.record_unnamed(session, _MARK, subject=made, organisation_id=made.organisation_id)
    else:
        _record(session, _MARK, made, made.organisation_id, by=by)
