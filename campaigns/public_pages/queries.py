"""Reads on the pages for people: who is behind them, and which languages members have reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.public_pages.models import PublicProfile, PublicTextReview
from campaigns.staff.models import AuditEntry

#: How the audit calls it that everybody may read the pages from now on.
OPENED = "public_profile.open"


@dataclass(frozen=True, slots=True)
class Behind:
    """Who is behind the pages for people."""

    #: What each organisation is called, by its id; '' for one that gives no name.
    shown_names: Mapping[int, str]
    #: Whom to write to.
    contacts: tuple[str, ...]
    #: Languages that are reviewed.
    languages: frozenset[str]

    @property
    def organisation_ids(self) -> tuple[int, ...]:
        """Whose directory everybody may read, by their ids."""
        return tuple(self.shown_names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of those who want to be named."""
        return _said(self.shown_names.values())


def find_profile(session: Session, organisation_id: int) -> PublicProfile | None:
    """Return what an organisation has said of pages for everybody; None: nothing yet."""
    return session.get(PublicProfile, organisation_id)


def was_ever_open(session: Session, organisation_id: int) -> bool:
    """Say whether everybody could ever read the pages of an organisation, and whom to write to about them."""
    opened = select(AuditEntry.id).where(
        AuditEntry.organisation_id == organisation_id, AuditEntry.action == OPENED
    )
    return session.scalar(opened.limit(1)) is not None


def select_open_ids() -> Select[int]:
    """Select the ids of the organisations whose directory everybody may read."""
    return (
        select(PublicProfile.organisation_id).where(PublicProfile.is_open).order_by(PublicProfile.organisation_id)
    )


def select_latest_reviews() -> Select[PublicTextReview]:
    """Select the last word on each language, of whichever organisation: what is said is the same for all."""
    latest = select(func.max(PublicTextReview.id)).group_by(PublicTextReview.language)
    return select(PublicTextReview).where(PublicTextReview.id.in_(latest))


def load_behind(session: Session, digest_of: Callable[[str], str]) -> Behind:
    """Return who is behind the pages; `digest_of` is what a language says now."""
    profiles = session.scalars(
        select(PublicProfile).where(PublicProfile.is_open).order_by(PublicProfile.organisation_id)
    ).all()
    reviews = session.scalars(select_latest_reviews())
    return Behind(
        shown_names={each.organisation_id: each.shown_name for each in profiles},
        contacts=_said(each.contact for each in profiles),
        languages=frozenset(
            each.language for each in reviews if each.is_fit and each.digest == digest_of(each.language)
        ),
    )


def _said(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, words)))
