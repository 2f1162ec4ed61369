"""What stands ready beside a campaign before it is approved: the do-no-harm checklist, and its correction.

Verbs leave one audit entry and none commits; the reads are what the gates ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.planning import authority, queries
from campaigns.planning.digest import Content
from campaigns.planning.firing import void_approvals
from campaigns.planning.harm import Answer, Item, checked_answers, refused_items
from campaigns.planning.models import Campaign, CampaignState, HarmReview
from campaigns.staff import audit
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned

#: States in which the checklist may be answered: afterwards it is decided.
ANSWERABLE = frozenset({CampaignState.DRAFT, CampaignState.SUBMITTED})


@dataclass(frozen=True, slots=True)
class HarmAnswers:
    """The checklist as it was answered last."""

    member_id: int
    answered_at: datetime
    answers: dict[str, Answer]
    #: It was answered for what the campaign says now.
    is_current: bool
    #: Whoever answered it has written part of the campaign, then or since.
    is_editors: bool

    @property
    def refused(self) -> list[Item]:
        """The items answered with no."""
        return refused_items(self.answers)


@dataclass(frozen=True, slots=True)
class Correction:
    """The message that is sent to those who got a wrong one."""

    message: Message
    #: Reviewed texts by language, with placeholders.
    texts: dict[str, str]
    #: Languages of the campaign's texts in which it has none.
    missing: tuple[str, ...]


def answer_harm(
    session: Session, campaign: Campaign, *, by: int, answers: Mapping[str, Answer], digest: str
) -> HarmReview:
    """Store the checklist as the member `by` answered it over the content that `digest` (said_digest) names.

    Raises InputError for a missing answer, ForbiddenError without the right to review, ApprovalError for a member
    who wrote part of it, TransitionError once it is approved, and when it changed while they read.
    """
    checked = checked_answers(answers)
    authority.hold(session, campaign)
    if campaign.state not in ANSWERABLE:
        raise TransitionError(N_("The checklist is answered before a campaign is approved."))
    authority.check_permission(session, by, organisation_id=campaign.organisation_id, permission=Permission.REVIEW)
    authority.check_no_editor(session, campaign, by)
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


def harm_answers_of(session: Session, campaign: Campaign, content: Content | None = None) -> HarmAnswers | None:
    """Return the latest answers to the checklist, or None; `content` saves reading it anew."""
    review = session.scalar(
        select(HarmReview).where(HarmReview.campaign_id == campaign.id).order_by(HarmReview.id.desc()).limit(1)
    )
    if review is None:
        return None
    content = content or queries.load_content(session, campaign)
    return HarmAnswers(
        member_id=review.member_id,
        answered_at=review.answered_at,
        answers={key: Answer(bool(each["yes"]), str(each["words"])) for key, each in review.answers.items()},
        is_current=review.digest == content.said_digest,
        is_editors=review.member_id in queries.find_editors(session, campaign),
    )


def prepare_correction(session: Session, campaign: Campaign, *, message_id: int, by: int) -> None:
    """Name the message that corrects the campaign's if it turns out wrong; voids approvals.

    Raises NotFoundError for another organisation's message, InputError for the campaign's own, TransitionError
    for an archived campaign.
    """
    authority.hold(session, campaign)
    message = get_owned(session, Message, message_id, campaign.organisation_id)
    if message.id == campaign.message_id:
        raise InputError(N_("A message cannot correct itself: choose another one."))
    if campaign.correction_id == message.id:
        return
    if campaign.state == CampaignState.ARCHIVED:
        raise TransitionError(N_("This campaign is archived. Take it back to draft first."))
    if campaign.state != CampaignState.DRAFT:
        void_approvals(session, campaign, now=clock.now())
    campaign.correction_id, campaign.updated_at = message.id, clock.now()
    session.flush()
    session.expire(campaign, ["correction"])
    _record(session, "campaign.correct", campaign, by, message_id=message.id)


def correction_of(session: Session, campaign: Campaign, content: Content | None = None) -> Correction | None:
    """Return the campaign's correction as it stands now, or None when none is prepared."""
    if campaign.correction is None:
        return None
    content = content or queries.load_content(session, campaign)
    missing = tuple(sorted(set(content.texts) - set(content.correction)))
    return Correction(campaign.correction, dict(content.correction), missing)


def _record(session: Session, action: str, campaign: Campaign, by: int, **detail: int) -> None:
    audit.record(
        session, action, subject=campaign, organisation_id=campaign.organisation_id, member_id=by, **detail
    )
