"""Reads on what stands ready beside a campaign: answers to the checklist, its correction, confirmations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from campaigns.core.languages import all_languages
from campaigns.messages.models import Message
from campaigns.messages.queries import current_texts, unreviewed_of
from campaigns.messages.translations.withdrawn_copies import find_withdrawn_languages
from campaigns.planning import queries
from campaigns.planning.campaign_content import Content
from campaigns.planning.correcting import (
    correction_texts,
    find_common_correction,
    find_common_id,
    find_correction,
    uncovered_by,
)
from campaigns.planning.do_no_harm.checklist import Answer, Item, refused_items
from campaigns.planning.do_no_harm.models import CountryConfirmation, HarmReview
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff.queries import owned

#: Most messages that are looked at whether they correct a campaign too.
MOST_CORRECTIONS = 20


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
    #: Of these, the languages in which it is written and waits for its review.
    waiting: tuple[str, ...]
    #: It is the organisation's, which corrects every campaign that names no other one.
    is_common: bool = False
    #: Languages in which what it says was withdrawn.
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Uncovered:
    """The organisation's correction, which does not cover a campaign yet."""

    message: Message
    #: Languages of the campaign's texts in which it is not reviewed.
    languages: tuple[str, ...]
    #: Languages in which it is written and waits for the review that is missing.
    waiting: tuple[str, ...]


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
        is_current=_was_read(session, campaign, content, review.digest),
        is_editors=review.member_id in queries.find_editors(session, campaign),
    )


def _was_read(session: Session, campaign: Campaign, content: Content, digest: str) -> bool:
    """Say whether `digest` names what is said; an earlier version named every language of the correction."""
    if digest == content.said_digest:
        return True
    whole = correction_texts(find_correction(session, campaign, content.texts), all_languages())
    return digest == replace(content, correction=whole).said_digest


def correction_of(session: Session, campaign: Campaign, content: Content | None = None) -> Correction | None:
    """Return the campaign's correction as it stands now, or None when none is prepared."""
    content = content or queries.load_content(session, campaign)
    message = find_correction(session, campaign, content.texts)
    if message is None:
        return None
    missing = tuple(sorted(set(content.texts) - set(content.correction)))
    unreviewed = unreviewed_of(message)
    waiting = tuple(language for language in missing if language in unreviewed)
    is_common = message.id == find_common_id(session, campaign.organisation_id)
    withdrawn = find_withdrawn_languages(session, message, content.correction)
    return Correction(
        message, dict(content.correction), missing, waiting, is_common=is_common, withdrawn=withdrawn
    )


def find_uncovered(session: Session, campaign: Campaign, content: Content) -> Uncovered | None:
    """Return what the organisation's correction lacks for a campaign; None: nothing, or there is no correction."""
    common = find_common_correction(session, campaign.organisation_id)
    if common is None or common.id == campaign.message_id:
        return None
    languages = uncovered_by(common, content.texts)
    # Nothing of it can be sent before the text that the others are made of is reviewed.
    waiting = (each for each in unreviewed_of(common) if each in (*languages, common.base_language))
    return Uncovered(common, tuple(languages), tuple(sorted(waiting))) if languages else None


def count_bound(session: Session, correction: Message) -> int:
    """Count the approved campaigns that a message corrects: other words in their languages hold them."""
    approved = owned(select(func.count(Campaign.id)), Campaign, correction.organisation_id)
    of_it = approved.where(Campaign.correction_id == correction.id, Campaign.state == CampaignState.APPROVED)
    return session.scalar(of_it) or 0


def find_fitting_correction(session: Session, campaign: Campaign, content: Content) -> Message | None:
    """Return the message that most campaigns of the organisation have as their correction and that fits this one.

    It fits when a reviewed text of it stands in every language that is sent; None: there is no such message.
    """
    used = func.count(Campaign.id)
    counted = (
        owned(select(Campaign.correction_id), Campaign, campaign.organisation_id)
        .where(Campaign.id != campaign.id, Campaign.correction_id.is_not(None))
        .where(Campaign.correction_id != campaign.message_id)
        .group_by(Campaign.correction_id)
        .order_by(used.desc(), Campaign.correction_id.desc())
        .limit(MOST_CORRECTIONS)
    )
    ids = [each for each in session.scalars(counted) if each is not None]
    found = select(Message).where(Message.id.in_(ids)).options(selectinload(Message.translations))
    by_id = {message.id: message for message in session.scalars(found)}
    fitting = (
        by_id[each] for each in ids if content.texts and set(content.texts) <= set(current_texts(by_id[each]))
    )
    return next(fitting, None)


def confirmations_of(session: Session, campaign: Campaign) -> list[CountryConfirmation]:
    """Return what members confirmed about the rules of countries, the newest first."""
    of_campaign = select(CountryConfirmation).where(CountryConfirmation.campaign_id == campaign.id)
    return list(session.scalars(of_campaign.order_by(CountryConfirmation.id.desc())))
