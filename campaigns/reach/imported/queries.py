"""Reads on reported reach: files, and the numbers of a campaign by whose word they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.planning.models import Campaign
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported.models import ColumnNames, FileState, ImportedReach, Method, ReachFile, Source
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Told:
    """What one source reports by one method: a range, because the same people may stand in several rows."""

    source: Source
    method: Method
    step: Step
    #: The largest single number, and all numbers together: people lie between them.
    largest: int
    contacts: int
    rows: int
    #: Part of `contacts` that was counted in an earlier period or activity.
    recurrent: int
    starts_on: date
    ends_on: date
    exported_on: date
    impressions: int
    link_clicks: int
    #: Highest number of a region by its id; None: rows without a region.
    by_region: dict[int | None, int]


def select_files(organisation_id: int) -> Select[ReachFile]:
    """Select an organisation's files, newest first."""
    return owned(select(ReachFile), ReachFile, organisation_id).order_by(ReachFile.id.desc())


def find_same_file(session: Session, organisation_id: int, digest: str) -> ReachFile | None:
    """Return the file with the same bytes that counts now, if there is one."""
    same = select_files(organisation_id).where(ReachFile.digest == digest, ReachFile.state == FileState.DONE)
    return session.scalars(same).first()


def own_names(session: Session, organisation_id: int, source: Source) -> dict[str, str]:
    """Return the field by folded name of a column, as the organisation said for a source."""
    names = owned(select(ColumnNames.fields), ColumnNames, organisation_id).where(ColumnNames.source == source)
    return dict(session.scalar(names) or {})


def campaigns_by_code(session: Session, organisation_id: int) -> dict[str, int]:
    """Return the id of each campaign of an organisation by its code."""
    codes = owned(select(Campaign.code, Campaign.id), Campaign, organisation_id)
    return dict(session.execute(codes).all())


def select_rows(organisation_id: int, campaign_id: int | None) -> Select[ImportedReach, date]:
    """Select the imported rows of a campaign (None: of no campaign) with the day their file was written."""
    rows = owned(select(ImportedReach, ReachFile.exported_on), ImportedReach, organisation_id)
    about = ImportedReach.campaign_id == campaign_id if campaign_id else ImportedReach.campaign_id.is_(None)
    return rows.join(ReachFile, ReachFile.id == ImportedReach.file_id).where(about).order_by(ImportedReach.id)


def told_of(session: Session, organisation_id: int, campaign_id: int | None) -> list[Told]:
    """Return what others report of a campaign, by source and method. Nothing of it is ever added to own sends."""
    groups: dict[tuple[Source, Method, Step], list[tuple[ImportedReach, date]]] = {}
    for row, exported_on in session.execute(select_rows(organisation_id, campaign_id)):
        key = (Source(row.source), Method(row.method), Step(row.step))
        groups.setdefault(key, []).append((row, exported_on))
    return [_told(*key, rows) for key, rows in groups.items()]


def _told(source: Source, method: Method, step: Step, rows: Iterable[tuple[ImportedReach, date]]) -> Told:
    found = list(rows)
    each = [row for row, _ in found]
    by_region: dict[int | None, int] = {}
    for row in each:
        by_region[row.region_id] = max(row.people, by_region.get(row.region_id, 0))
    return Told(
        source=source,
        method=method,
        step=step,
        largest=max(row.people for row in each),
        contacts=sum(row.people for row in each),
        rows=len(each),
        recurrent=sum(row.people for row in each if row.recurrent),
        starts_on=min(row.starts_on for row in each),
        ends_on=max(row.ends_on for row in each),
        exported_on=max(exported_on for _, exported_on in found),
        impressions=sum(row.impressions or 0 for row in each),
        link_clicks=sum(row.link_clicks or 0 for row in each),
        by_region=by_region,
    )
