"""A reviewer returns a text to its authors with a comment; another text or a review ends that."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_
from campaigns.messages.models import Message, ReturnedText, Translation, TranslationState
from campaigns.messages.queries import state_of
from campaigns.messages.translations.service import hold_for_review
from campaigns.staff import audit
from campaigns.staff.models import Member
from campaigns.staff.queries import owned

LONGEST_COMMENT = 500


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A text that waits for its authors, with what its reviewer said."""

    message_id: int
    title: str
    language: str
    comment: str
    reviewer: str


def return_text(session: Session, translation: Translation, *, by: int, comment: str, seen: str) -> ReturnedText:
    """Return a text that waits for its review to its authors: it is a draft again until they save it.

    `seen` is the digest of the text that the reviewer read. Raises InputError without a comment, RefusedError for
    whoever wrote it, for a text that waits for no review, and when it has changed since it was read.
    """
    words = comment.strip()
    if not words or len(words) > LONGEST_COMMENT:
        raise InputError(N_("Say in at most %(limit)s characters what has to change."), limit=LONGEST_COMMENT)
    message = translation.message
    hold_for_review(session, translation, by=by, seen=seen)
    if state_of(message, translation) is not TranslationState.TRANSLATED:
        raise RefusedError(N_("This text does not wait for review any more."))
    translation.state = TranslationState.DRAFT
    translation.returned = ReturnedText(member_id=by, comment=words, returned_at=clock.now())
    session.flush()
    audit.record(
        session,
        "message.return",
        subject=message,
        organisation_id=message.organisation_id,
        member_id=by,
        language=translation.language,
        version=message.version,
    )
    return translation.returned


def find_returned(session: Session, organisation_id: int, *, most: int) -> list[ReviewComment]:
    """Return the texts of an organisation that came back and nobody has saved since, longest waiting first."""
    rows = session.execute(
        owned(select(Message.id, Message.title, Translation.language), Message, organisation_id)
        .add_columns(ReturnedText.comment, Member.name)
        .join(Translation, Translation.message_id == Message.id)
        .join(ReturnedText, ReturnedText.translation_id == Translation.id)
        .where(Translation.state == TranslationState.DRAFT)
        .join(Member, Member.id == ReturnedText.member_id)
        .order_by(ReturnedText.returned_at, Translation.id)
        .limit(most)
    )
    return [ReviewComment(*row) for row in rows]
