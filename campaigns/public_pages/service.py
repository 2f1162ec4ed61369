"""Members change what everybody may read with these verbs; each leaves one audit entry and none commits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_
from campaigns.public_pages.models import PublicProfile, PublicTextReview
from campaigns.public_pages.queries import OPENED, find_profile
from campaigns.staff import audit
from campaigns.staff.models import Member


@dataclass(frozen=True, slots=True)
class Profile:
    """What an organisation is on pages for everybody."""

    is_open: bool = False
    shown_name: str = ""
    contact: str = ""

    @classmethod
    def of(cls, kept: PublicProfile | None) -> Profile:
        """Return what is kept; nothing yet is closed, and without a word."""
        return cls(kept.is_open, kept.shown_name, kept.contact) if kept else cls()

    def to_json(self) -> dict[str, Any]:
        """Return it as a proposal keeps it."""
        return asdict(self)


def set_profile(session: Session, organisation_id: int, wanted: Profile, *, by: int) -> PublicProfile:
    """Say whether everybody may read an organisation's directory, and who it is to them.

    Raises InputError when the pages are open and nobody can be written to about them.
    """
    shown_name, contact = wanted.shown_name.strip(), wanted.contact.strip()
    if wanted.is_open and not contact:
        raise InputError(N_("Say whom people can write to about these pages."))
    profile = find_profile(session, organisation_id) or PublicProfile(organisation_id=organisation_id)
    was_open = bool(profile.is_open)
    profile.is_open, profile.shown_name, profile.contact = wanted.is_open, shown_name, contact
    profile.updated_at = clock.now()
    session.add(profile)
    session.flush()
    changed = OPENED if wanted.is_open else "public_profile.close"
    action = "public_profile.change" if was_open is wanted.is_open else changed
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
