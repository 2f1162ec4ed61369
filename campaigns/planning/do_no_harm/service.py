"""Two things stand ready before a campaign is approved: the do-no-harm checklist, and its correction.

Verbs leave one audit entry and none commits; what the gates read stands in do_no_harm/queries.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.service import create_message
from campaigns.planning import queries
from campaigns.planning.approvals import four_eyes
from campaigns.planning.approvals.voiding import void_approvals
from campaigns.planning.do_no_harm.checklist import Answer, checked_answers, refused_items
from campaigns.planning.do_no_harm.models import HarmReview
from campaigns.planning.do_no_harm.queries import (
    Correction,
    HarmAnswers,
    correction_of,
    find_fitting_correction,
    harm_answers_of,
)
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff import audit
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned

__all__ = [
    "ANSWERABLE",
    "Correction",
    "HarmAnswers",
    "answer_harm",
    "correction_of",
    "find_fitting_correction",
    "harm_answers_of",
    "prepare_correction",
    "write_correction",
]

#: States in which the checklist may be answered: afterwards it is decided.
ANSWERABLE = frozenset({CampaignState.DRAFT, CampaignState.SUBMITTED})


def answer_harm(
    session: Session, campaign: Campaign, *, by: int, answers: Mapping[str, Answer], digest: str
) -> HarmReview:
    """Store the checklist as the member `by` answered it over the content that `digest` (said_digest) names.

    Raises InputError for a missing answer, ForbiddenError without the right to review, ApprovalError for a member
    who wrote part of it, TransitionError once it is approved, and when it changed while they read.
    """
    checked = checked_answers(answers)
    four_eyes.hold(session, campaign)
    if campaign.state not in ANSWERABLE:
        raise TransitionError(N_("The checklist is answered before a campaign is approved."))
    four_eyes.check_permission(session, by, organisation_id=campaign.organisation_id, permission=Permission.REVIEW)
    four_eyes.check_no_editor(session, campaign, by)
    if queries.load_content(session, campaign).said_digest != digest:
        raise TransitionError(N_("It was changed while you read it. Read it again, then answer."))
    review = HarmReview(
        campaign_id=campaign.id,
        member_id=by,
        digest=digest,
        answers={key: asdict(answer) for key, answer in checked.items()},
        answered_at=clock.now(),
    )
    session.add(review)
    session.flush()
    _record(session, "campaign.answer_harm", campaign, by, refused=len(refused_items(checked)))
    return review


def prepare_correction(session: Session, campaign: Campaign, *, message_id: int | None, by: int) -> None:
    """Name the message that corrects the campaign's if it turns out wrong, or none: the organisation's then does.

    A change voids approvals.

    Raises NotFoundError for another organisation's message, InputError for the campaign's own, TransitionError
    for an archived campaign.
    """
    four_eyes.hold(session, campaign)
    if message_id is not None:
        get_owned(session, Message, message_id, campaign.organisation_id)
    if message_id == campaign.message_id:
        raise InputError(N_("A message cannot correct itself: choose another one."))
    if (None if campaign.correction_adopted else campaign.correction_id) == message_id:
        return
    if campaign.state == CampaignState.ARCHIVED:
        raise TransitionError(N_("This campaign is archived. Take it back to draft first."))
    if campaign.state != CampaignState.DRAFT:
        void_approvals(session, campaign, now=clock.now())
    campaign.correction_id, campaign.correction_adopted = message_id, False
    campaign.updated_at = clock.now()
    session.flush()
    session.expire(campaign, ["correction"])
    _record(
        session, "campaign.correct", campaign, by, **({} if message_id is None else {"message_id": message_id})
    )


def write_correction(session: Session, campaign: Campaign, *, title: str, text: str, by: int) -> Message:
    """Write what corrects the campaign's message, in its source language, as a message of its own, and name it.

    Raises InputError for a text that cannot be kept, TransitionError for an archived campaign.
    """
    wrong = campaign.message
    correction = create_message(
        session,
        campaign.organisation_id,
        title=title,
        theme=wrong.theme,
        base_language=wrong.base_language,
        text=text,
        by=by,
    )
    session.flush()
    prepare_correction(session, campaign, message_id=correction.id, by=by)
    return correction


def _record(session: Session, action: str, campaign: Campaign, by: int, **detail: int) -> None:
    audit.record(
        session, action, subject=campaign, organisation_id=campaign.organisation_id, member_id=by, **detail
    )
