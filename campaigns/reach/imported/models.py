"""These tables keep what others report: files with their dry run, imported rows, remembered columns."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column

from campaigns.core.database import Base, BigId
from campaigns.reach.counting.ladder import Step


class Source(StrEnum):
    """Whose word it is."""

    META_ADS = "meta_ads"
    GOOGLE_ADS = "google_ads"
    OTHER_ADS = "other_ads"
    LEAFLETS = "leaflets"
    RADIO = "radio"
    U_REPORT = "u_report"
    PARTNER = "partner"


class Method(StrEnum):
    """How the number came about."""

    PLATFORM_UNIQUE = "platform_unique"
    ONE_LEAFLET_ONE_PERSON = "one_leaflet_one_person"
    FOOTFALL_ESTIMATE = "footfall_estimate"
    BROADCAST_ESTIMATE = "broadcast_estimate"
    POLL_ANSWERS = "poll_answers"
    HEADCOUNT = "headcount"
    OTHER = "other"


class FileState(StrEnum):
    """Where a file stands."""

    CHECKED = "checked"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDONE = "undone"


class ReachFile(Base):
    """A file of reported reach between its dry run and the decision, and afterwards what is known of it."""

    __tablename__ = "reach_file"
    __table_args__ = (Index("ix_reach_file_digest", "organisation_id", "digest"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: What the figures are about; None: no campaign of ours, or said by each row.
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), index=True)
    #: None: it came by the API.
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    file_name: Mapped[str] = mapped_column(String(200))
    source: Mapped[Source] = mapped_column(String(12))
    #: SHA-256 of the bytes; the same file is imported once.
    digest: Mapped[str] = mapped_column(String(64))
    #: When the platform or partner wrote it.
    exported_on: Mapped[date]
    state: Mapped[FileState] = mapped_column(String(10))
    #: Choices of the form, so that a decision reads the file as the dry run did.
    reading: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: What the dry run found: counts, rows for the eye, problems by line.
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The file itself; None once decided.
    content: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class ImportedReach(Base):
    """One reported number with whose word it is and how it was counted; never added to own sends."""

    __tablename__ = "imported_reach"
    __table_args__ = (Index("ix_imported_reach_campaign", "organisation_id", "campaign_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("reach_file.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    #: Line of the file.
    line: Mapped[int]
    source: Mapped[Source] = mapped_column(String(12))
    method: Mapped[Method] = mapped_column(String(24))
    #: ESTIMATED or PLATFORM_REPORTED.
    step: Mapped[Step] = mapped_column(String(20))
    #: What the row calls itself: advert, activity, partner.
    label: Mapped[str] = mapped_column(String(300), default="")
    #: None: the row tells none, or only the country.
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    #: Alpha-2; '' when not even that is known.
    country: Mapped[str] = mapped_column(String(2), default="")
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    channel: Mapped[str] = mapped_column(String(40), default="")
    language: Mapped[str] = mapped_column(String(10), default="")
    people: Mapped[int] = mapped_column(BigId)
    targeted: Mapped[int | None] = mapped_column(BigId)
    impressions: Mapped[int | None] = mapped_column(BigId)
    link_clicks: Mapped[int | None] = mapped_column(BigId)
    spend: Mapped[Any | None] = mapped_column(Numeric(14, 2))
    currency: Mapped[str] = mapped_column(String(3), default="")
    #: These people were counted in an earlier period or activity already.
    recurrent: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(String(300), default="")


class ColumnNames(Base):
    """What an organisation said a source's columns mean, for the next file."""

    __tablename__ = "column_names"
    __table_args__ = (UniqueConstraint("organisation_id", "source"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    source: Mapped[Source] = mapped_column(String(12))
    #: Name in the file, folded, to the field that it means.
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
