"""These tables hold regions, places (hotspots, stops, corridors) with their cells, and routes."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core.database import Base, BigId


class PlaceKind(StrEnum):
    """What a place is on the map."""

    HOTSPOT = "hotspot"
    STOP = "stop"
    CORRIDOR = "corridor"


class Region(Base):
    """An administrative area, the unit of reach; its outline stays in the bundled polygon file."""

    __tablename__ = "region"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: ISO 3166-2, a two-letter code for a territory without subdivisions, or CC-Xnn (ours, never shown).
    code: Mapped[str] = mapped_column(String(10), unique=True)
    #: ISO 3166-1 alpha-2.
    country: Mapped[str] = mapped_column(String(2), index=True)
    parent_code: Mapped[str | None] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(200))
    #: Names by language code, where the bundled file has them.
    names: Mapped[dict[str, Any]]
    #: The drawn outline is not that of today's unit.
    outdated: Mapped[bool] = mapped_column(default=False)


class Place(Base):
    """A hotspot, a stop or the corridor of a route, covered with H3 cells when it is saved."""

    __tablename__ = "place"
    __table_args__ = (
        UniqueConstraint("organisation_id", "key"),
        Index("ix_place_kind", "organisation_id", "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: Id in the file it came from ("bcp-medyka"), or one made when it is drawn; stable across imports.
    key: Mapped[str] = mapped_column(String(80))
    kind: Mapped[PlaceKind] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(200))
    local_name: Mapped[str | None] = mapped_column(String(200))
    #: "border_crossing", "rail_station" … as the source names it.
    category: Mapped[str | None] = mapped_column(String(60))
    #: GeoJSON Point (with radius_m), Polygon, or LineString (a corridor's centre line); longitude, latitude.
    geometry: Mapped[dict[str, Any]]
    #: Radius of a circle or half width of a corridor, in metres; None for a polygon.
    radius_m: Mapped[int | None]
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    #: Risk tags (field vocabulary); they describe the place, never a person.
    risk_tags: Mapped[list[str]] = mapped_column(default=list)
    note: Mapped[str | None]
    source: Mapped[str | None] = mapped_column(String(200))
    certainty: Mapped[str | None] = mapped_column(String(60))
    #: Remaining columns of the imported row, so that an export loses nothing.
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    valid_until: Mapped[date | None]
    #: What its cells amount to (`cover.digest_of_cover`), so that an approval can bind them; written with them.
    cover_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    region: Mapped[Region | None] = relationship()


class PlaceCell(Base):
    """One H3 cell of a place's cover; clustered on cell, because targeting joins on it."""

    __tablename__ = "place_cell"
    __table_args__ = (Index("ix_place_cell_place_id", "place_id"), {"sqlite_with_rowid": False})

    cell: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    place_id: Mapped[int] = mapped_column(
        ForeignKey("place.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    #: Corridors: the leg between stop `leg` and stop `leg + 1` (positions from 0). 0 for everything else.
    leg: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, default=0)


class PlaceAuthor(Base):
    """A member who gave a place its shape or name: they wrote part of every campaign that names it."""

    __tablename__ = "place_author"

    place_id: Mapped[int] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)


class Route(Base):
    """An ordered line of waypoints along which people travel; the strip along it is a Place of its own."""

    __tablename__ = "route"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    #: "rail", "road", "air", "land/sea" … as the source names it; air legs have no corridor cells.
    mode: Mapped[str] = mapped_column(String(40))
    programme: Mapped[str | None] = mapped_column(String(60))
    #: Half width of the corridor, in metres.
    width_m: Mapped[int]
    corridor_id: Mapped[int] = mapped_column(ForeignKey("place.id"))
    certainty: Mapped[str | None] = mapped_column(String(60))
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    corridor: Mapped[Place] = relationship()
    stops: Mapped[list[Waypoint]] = relationship(
        order_by="Waypoint.position", cascade="all, delete-orphan", back_populates="route"
    )


class Waypoint(Base):
    """A place on a route, at its position (from 0) in the order of travel."""

    __tablename__ = "route_stop"
    __table_args__ = (UniqueConstraint("route_id", "position"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    route_id: Mapped[int] = mapped_column(ForeignKey("route.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(SmallInteger)
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id"), index=True)
    route: Mapped[Route] = relationship(back_populates="stops")
    place: Mapped[Place] = relationship()
