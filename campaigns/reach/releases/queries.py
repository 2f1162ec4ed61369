"""Reads on releases: those an organisation paid for and so may read, their files, and what is left of a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, undefer

from campaigns.core.errors import InputError, NotFoundError, OpenPeriodError
from campaigns.core.words import N_
from campaigns.inbox.conversations.models import ConversationTheme
from campaigns.inbox.conversations.noting_themes import told_by_people
from campaigns.planning.models import Campaign, Run, Schedule
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.releases.models import (
    SLOTS,
    JointPartner,
    LedgerEntry,
    Release,
    ReleaseFile,
    ScopeKind,
    View,
)
from campaigns.reach.releases.periods import WHOLE_CAMPAIGN, Period
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Budget:
    """What an organisation's releases about one calendar year cost so far."""

    year: int
    used: int

    @property
    def left(self) -> int:
        """Releases that may still be made."""
        return SLOTS - self.used


def select_releases(organisation_id: int) -> Select[Release]:
    """Select the releases an organisation paid for, the newest first; joint ones stand with everybody who did."""
    paid = owned(select(LedgerEntry.release_id), LedgerEntry, organisation_id)
    return select(Release).where(Release.id.in_(paid)).order_by(Release.id.desc())


def get_release(session: Session, release_id: int, organisation_id: int) -> Release:
    """Return a release with its bytes. Raises NotFoundError alike for a missing and a foreign one."""
    found = select_releases(organisation_id).where(Release.id == release_id).options(undefer(Release.body))
    release = session.scalar(found)
    if release is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return release


def select_of_partners(organisation_id: int) -> Select[Release]:
    """Select what other organisations of the instance published of what people write about, the newest first."""
    others = Release.organisation_id != organisation_id
    return select(Release).where(others, Release.view == View.THEMES).order_by(Release.id.desc())


def get_readable(session: Session, release_id: int, organisation_id: int) -> Release:
    """Return a release of the organisation, or what another one published of what people write about.

    Raises NotFoundError alike for a missing one and for whatever else others published.
    """
    found = select_of_partners(organisation_id).where(Release.id == release_id).options(undefer(Release.body))
    return session.scalar(found) or get_release(session, release_id, organisation_id)


def get_file(session: Session, release: Release, format_name: str) -> ReleaseFile:
    """Return a release in one format. Raises NotFoundError for a format that it does not come in."""
    found = session.get(ReleaseFile, (release.id, format_name))
    if found is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return found


def formats_of(session: Session, release: Release) -> list[tuple[str, int, str]]:
    """Return name, size in bytes and SHA-256 of each format a release comes in."""
    columns = (ReleaseFile.format, func.length(ReleaseFile.content), ReleaseFile.sha256)
    rows = session.execute(
        select(*columns).where(ReleaseFile.release_id == release.id).order_by(ReleaseFile.format)
    )
    return [(name, size, digest) for name, size, digest in rows]


def revisions_of(session: Session, release: Release, organisation_id: int) -> list[tuple[Release, bool]]:
    """Return every revision of the same figures, the newest first, and whether the organisation may read it.

    Of a joint one others may have paid: that there is a correction is told to whoever has what it corrects.
    """
    paid = owned(select(LedgerEntry.release_id), LedgerEntry, organisation_id)
    may_read = or_(Release.id.in_(paid), Release.view == View.THEMES)
    same = same_figures(release.scope, release.scope_id, release.view, release.period)
    rows = session.execute(same.add_columns(may_read).order_by(Release.revision.desc()))
    return [(one, bool(is_readable)) for one, is_readable in rows]


def same_figures(scope: ScopeKind, scope_id: int, view: View, period: str) -> Select[Release]:
    """Select the revisions of one view, scope and period."""
    return select(Release).where(
        Release.scope == scope, Release.scope_id == scope_id, Release.view == view, Release.period == period
    )


def count_revisions(session: Session, scope: ScopeKind, scope_id: int, view: View, period: str) -> int:
    """Return how often the same figures were released."""
    same = same_figures(scope, scope_id, view, period).subquery()
    return session.scalar(select(func.count()).select_from(same)) or 0


def budget_of(session: Session, organisation_id: int, year: int) -> Budget:
    """Return what an organisation has spent of its budget for the people of one calendar year."""
    spent = owned(select(func.count()).select_from(LedgerEntry), LedgerEntry, organisation_id)
    return Budget(year, session.scalar(spent.where(LedgerEntry.year == year)) or 0)


def select_ledger(organisation_id: int, year: int) -> Select[LedgerEntry, Release]:
    """Select what was paid for in one year, in the order of the slots."""
    entries = owned(select(LedgerEntry, Release), LedgerEntry, organisation_id)
    return (
        entries.join(Release, Release.id == LedgerEntry.release_id)
        .where(LedgerEntry.year == year)
        .order_by(LedgerEntry.slot)
    )


def joint_partners(session: Session) -> Sequence[Organisation]:
    """Return the organisations that take part in joint releases, by name."""
    statement = select(Organisation).join(JointPartner, JointPartner.organisation_id == Organisation.id)
    return session.scalars(statement.order_by(Organisation.name, Organisation.id)).all()


def first_run_at(session: Session, organisation_id: int) -> datetime | None:
    """Return when the organisation's first real run was made (UTC), or None."""
    return session.scalar(owned(select(func.min(Run.created_at)), Run, organisation_id).where(counts_as_reach()))


def first_theme_at(session: Session, organisation_id: int) -> datetime | None:
    """Return when (UTC) it was first noted what somebody wrote about to the organisation, or None."""
    first = owned(select(func.min(ConversationTheme.on_day)), ConversationTheme, organisation_id)
    day = session.scalar(first.where(told_by_people()))
    return None if day is None else datetime.combine(day, time(), UTC)


def select_ended_campaigns(organisation_id: int) -> Select[int, str, str]:
    """Select id, name and code of the campaigns that ran, are over, and will not fire again, by name."""
    runs = select(Run.campaign_id).where(counts_as_reach())
    moving = or_(Campaign.id.in_(runs.where(Run.finished_at.is_(None))), Campaign.id.in_(_firing()))
    return (
        owned(select(Campaign.id, Campaign.name, Campaign.code), Campaign, organisation_id)
        .where(Campaign.id.in_(runs), ~moving)
        .order_by(Campaign.name, Campaign.id)
    )


def period_of_campaign(session: Session, campaign: Campaign) -> Period:
    """Return a campaign's period from its first run to the end of its last.

    Raises InputError when it never ran, and OpenPeriodError while a run is under way or still to come.
    """
    row = session.execute(
        select(
            func.min(Run.created_at), func.max(Run.finished_at), func.count().filter(Run.finished_at.is_(None))
        ).where(Run.campaign_id == campaign.id, counts_as_reach())
    ).one()
    start, end, unfinished = row
    if start is None:
        raise InputError(N_("This campaign has not run yet, so there is nothing to publish."))
    is_firing = session.scalar(_firing().where(Schedule.campaign_id == campaign.id).limit(1))
    if unfinished or is_firing or end is None:
        raise OpenPeriodError(
            N_("This campaign is not over: a run is under way, waits to start, or is still to come.")
        )
    return Period(WHOLE_CAMPAIGN, start, end + timedelta(seconds=1))


def _firing() -> Select[int]:
    return select(Schedule.campaign_id).where(_is_firing())


def _is_firing() -> ColumnElement[bool]:
    return Schedule.removed_at.is_(None) & Schedule.next_fire_at.is_not(None)
