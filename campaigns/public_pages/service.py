"""Members change what everybody may read with these verbs; each leaves one audit entry and none commits."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_
from campaigns.public_pages.models import PublicProfile, PublicTextReview
from campaigns.public_pages.queries import find_profile
from campaigns.staff import audit
from campaigns.staff.models import Member


def set_profile(
    session: Session, organisation_id: int, *, is_open: bool, shown_name: str, contact: str, by: int
) -> PublicProfile:
    """Say whether everybody may read an organisation's directory, and who it is to them.

    Raises InputError when the pages are open and nobody can be written to about them.
    """
    if is_open and not contact.strip():
        raise InputError(N_("Say whom people can write to about these pages."))
    profile = find_profile(session, organisation_id) or PublicProfile(organisation_id=organisation_id)
    was_open = bool(profile.is_open)
    profile.is_open, profile.shown_name, profile.contact = is_open, shown_name.strip(), contact.strip()
    profile.updated_at = clock.now()
    session.add(profile)
    session.flush()
    action = "public_profile.change" if was_open is is_open else f"public_profile.{'open' if is_open else 'close'}"
    audit.record(session, action, subject=profile, organisation_id=organisation_id, member_id=by)
    return profile


def review_words(
    session: Session, organisation_id: int, language: str, *, digest: str, is_fit: bool, by: Member
) -> PublicTextReview:
    """Say that what the pages tell people in a language may be read by them, or that it may not after all.

    Raises RefusedError when the member has not said that they read the language; taking it back takes no language.
    """
    if is_fit and language not in by.languages:
        raise RefusedError(N_("Say in your account that you read this language, then review it."))
    review = PublicTextReview(
        organisation_id=organisation_id,
        language=language,
        digest=digest,
        is_fit=is_fit,
        member_id=by.id,
        reviewed_at=clock.now(),
    )
    session.add(review)
    session.flush()
    action = "public_text.review" if is_fit else "public_text.withdraw"
    audit.record(
        session, action, subject=review, organisation_id=organisation_id, member_id=by.id, language=language
    )
    return review
