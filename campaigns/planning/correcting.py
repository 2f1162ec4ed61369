"""Reads on which message corrects a campaign, and in which languages it belongs to that campaign."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from campaigns.core.errors import BaseLanguageError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.queries import current_texts
from campaigns.planning.models import Campaign, CampaignState, CommonCorrection
from campaigns.staff.queries import owned

#: Of `languages`: a correction that says what was withdrawn would be wrong itself.
CORRECTION_WITHDRAWN = N_(
    "What the correction says was withdrawn in %(languages)s. Write it anew and have it reviewed first."
)


def correction_texts(correction: Message | None, languages: Collection[str]) -> dict[str, str]:
    """Return the reviewed texts, by language, that correct what is said in `languages`; none without a correction.

    That is one in each of these, and the one in the correction's base language, which everybody else gets. What it
    says in other languages is not this campaign's: it may be written and reviewed without approving that anew.
    """
    if correction is None:
        return {}
    wanted = {correction.base_language, *languages}
    return {language: text for language, text in texts_of(correction).items() if language in wanted}


def find_common_id(session: Session, organisation_id: int) -> int | None:
    """Return the id of the message that corrects whatever the organisation's campaigns say, or None."""
    return session.scalar(owned(select(CommonCorrection.message_id), CommonCorrection, organisation_id))


def find_common_correction(session: Session, organisation_id: int) -> Message | None:
    """Return the message that corrects whatever the organisation's campaigns say, or None."""
    message_id = find_common_id(session, organisation_id)
    return None if message_id is None else read_message(session, message_id)


def find_correction(session: Session, campaign: Campaign, texts: Collection[str] | None = None) -> Message | None:
    """Return the message that corrects a campaign, read anew: the one chosen for it, or None.

    While it is a draft for which none was chosen it is the organisation's, where that is reviewed in every
    language that is sent (`texts` saves reading these anew); `submit_campaign` then names it, so that it is
    approved and bound as any other.
    """
    if not follows_common(campaign) or campaign.state != CampaignState.DRAFT or campaign.is_example:
        return _read_named(session, campaign)
    common = find_common_correction(session, campaign.organisation_id)
    if common is None or common.id == campaign.message_id:
        return None
    if texts is None:
        texts = texts_of(read_message(session, campaign.message_id))
    return common if texts and not uncovered_by(common, texts) else None


def find_correction_of_sent(session: Session, campaign: Campaign) -> Message | None:
    """Return the message that corrects what a campaign has sent, or None.

    A draft was approved with the one that was named when it was submitted, whichever it follows by now.
    """
    return _read_named(session, campaign) or find_correction(session, campaign)


def _read_named(session: Session, campaign: Campaign) -> Message | None:
    return None if campaign.correction_id is None else read_message(session, campaign.correction_id)


def follows_common(campaign: Campaign) -> bool:
    """Say whether nobody chose a correction for a campaign: the organisation's is, or was named by itself."""
    return campaign.correction_id is None or campaign.correction_adopted


def uncovered_by(correction: Message, languages: Collection[str]) -> list[str]:
    """Return those of the languages in which a correction has no reviewed text, sorted."""
    return sorted(set(languages) - texts_of(correction).keys())


def texts_of(message: Message) -> dict[str, str]:
    """Return the reviewed texts of a message by language; none without one in its base language."""
    try:
        return dict(current_texts(message))
    except BaseLanguageError:
        # Nothing can be sent then, and the gates say why.
        return {}


def read_message(session: Session, message_id: int) -> Message:
    """Read a message with its texts anew from the database."""
    return session.scalars(
        select(Message)
        .where(Message.id == message_id)
        .options(selectinload(Message.translations))
        .execution_options(populate_existing=True)
    ).one()
