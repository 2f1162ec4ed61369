"""Whoever reads a complaint gives it on to another reader; two of them give back to the team what is none.

None of these verbs commits. Each raises NotFoundError for whoever does not read the complaint any more.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import NotFoundError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.complaints.models import Complaint, Doubt
from campaigns.inbox.complaints.readers import Reading, get_read, who_answered_before
from campaigns.inbox.complaints.service import ReadBy, check_reader
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.conversations.waiting_again import wait_again
from campaigns.inbox.urgency.judging import level_of
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import COMPLAINT, Reason
from campaigns.staff import audit

#: Heading of the reason for which a conversation waits that a reader of complaints had answered or closed.
GIVEN_BACK = "given_back"


def give_on(session: Session, complaint: Complaint, chosen: ReadBy | None, *, who: Reading) -> None:
    """Let somebody else read a complaint in place of whoever reads it now; None: whom the setting names.

    Raises InputError for whom it is about, for the team that answered, and where the setting names nobody else;
    NotFoundError for whoever is not there, and for a member of an organisation that is not the reader's own;
    TransitionError for whoever reads it already.
    """
    conversation, complaint = _hold(session, complaint, who)
    if chosen is not None and chosen.member_id is not None and who.organisation_id != complaint.organisation_id:
        raise NotFoundError(N_("There is no such member."))
    receiver_id = check_reader(session, conversation, chosen, who_answered_before(session, complaint))
    reader_id = None if chosen is None else chosen.member_id
    if (receiver_id, reader_id) == (complaint.receiver_id, complaint.reader_id):
        raise TransitionError(N_("They read this complaint already."))
    complaint.receiver_id, complaint.reader_id = receiver_id, reader_id
    if conversation.waiting_since is not None:
        # Of the steps taken until now others were told.
        conversation.urgent_since = clock.now()
    session.flush()
    to = {"to_organisation": receiver_id, "to_member": reader_id}
    _record(session, "give_on", complaint, who, **to)


def doubt(session: Session, complaint: Complaint, why: Doubt, *, who: Reading) -> None:
    """Say that a complaint is none, until another reader agrees.

    Raises RefusedError for one that the person made themselves, TransitionError where a reader said so already.
    """
    _conversation, complaint = _hold(session, complaint, who)
    if complaint.marked_by_id is None:
        raise RefusedError(N_("They said themselves that it is a complaint, and who reads it. It stays one."))
    if complaint.doubt is not None:
        raise TransitionError(N_("A reader has said so already. Another one has to agree."))
    complaint.doubt, complaint.doubted_by_id, complaint.doubted_at = why, who.member_id, clock.now()
    session.flush()
    _record(session, "doubt", complaint, who, why=why)


def keep(session: Session, complaint: Complaint, *, who: Reading) -> None:
    """Let a complaint be one after all; raise TransitionError where nobody doubts it."""
    _conversation, complaint = _hold(session, complaint, who)
    if complaint.doubt is None:
        raise TransitionError(N_("Nobody says that it is no complaint."))
    complaint.doubt = complaint.doubted_by_id = complaint.doubted_at = None
    session.flush()
    _record(session, "keep", complaint, who)


def give_back(session: Session, complaint: Complaint, *, who: Reading) -> None:
    """Agree as the second reader that a complaint is none: the team sees all of it again, and it waits for them.

    It waits though a reader has answered or closed it, for the team has not seen what was written. It is as urgent
    as what they wrote, since it was raised for its readers.

    Raises RefusedError for whoever said so first, TransitionError where nobody did.
    """
    conversation, complaint = _hold(session, complaint, who)
    if complaint.doubt is None:
        raise TransitionError(N_("Nobody says that it is no complaint."))
    if who.member_id == complaint.doubted_by_id:
        raise RefusedError(N_("Another reader has to agree."))
    _let_team_have(conversation)
    facts = {"why": complaint.doubt, "first": complaint.doubted_by_id}
    session.delete(complaint)
    session.flush()
    _record(session, "give_back", complaint, who, **facts)


def _let_team_have(conversation: Conversation) -> None:
    now, raised = clock.now(), (Reason(COMPLAINT).to_json(), Reason(GIVEN_BACK).to_json())
    conversation.is_complaint, conversation.owner_id = False, None
    conversation.reasons = [each for each in conversation.reasons if each not in raised]
    # A complaint is raised to a day: what was more urgent was so by its words.
    level = min(conversation.urgency, Urgency.DAY) if conversation.closed_at else conversation.urgency
    if level == Urgency.DAY:
        level = min(level, level_of([each["heading"] for each in conversation.reasons]))
    if conversation.waiting_since is None:
        wait_again(conversation, Reason(GIVEN_BACK), active=(), at=now)
    # Of the steps taken until now those were told who read it.
    conversation.state, conversation.urgency, conversation.urgent_since = ConversationState.NEW, level, now


def _hold(session: Session, complaint: Complaint, who: Reading) -> tuple[Conversation, Complaint]:
    conversation = hold_kept(session, session.get_one(Conversation, complaint.conversation_id))
    complaint = hold_kept(session, complaint)
    # Another reader may have given it on while this one waited: it is not theirs to decide any more.
    get_read(session, complaint.id, who)
    return conversation, complaint


def _record(session: Session, verb: str, complaint: Complaint, who: Reading, **facts: object) -> None:
    of, by = who.organisation_id, who.member_id
    audit.record(session, f"complaint.{verb}", subject=complaint, organisation_id=of, member_id=by, **facts)
