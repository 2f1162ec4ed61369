"""A draft becomes a stored place, with its columns, region and cells; only the service calls this."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, inspect, literal, select
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, UnavailableError
from campaigns.core.words import N_
from campaigns.places.drafts import PlaceDraft, circle, stored_shape
from campaigns.places.files.row_checks import BORDER_CROSSING
from campaigns.places.files.sheets import LocationRow
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.cells import locate
from campaigns.places.geography.cover import digest_of_cover
from campaigns.places.geography.shapes import anchor_of
from campaigns.places.models import Place, PlaceAuthor, PlaceCell, PlaceKind

#: Columns of a sheet that speak of a point's region, and of the point; they no longer hold once it has moved.
_ABOUT_REGION = ("country", "iso3166_2", "adm1_pcode", "adm1_name", "adm2_pcode")
_ABOUT_POINT = ("lat", "lon", "coord_src")


def fill_place(place: Place, draft: PlaceDraft, regions: Mapping[str, int]) -> None:
    """Put a draft on a place; `regions` are ids by code. Raises InputError for a region that cannot be found."""
    place.kind = draft.kind
    place.name = draft.name
    place.local_name = draft.local_name
    place.category = draft.category
    place.geometry = draft.shape.geometry
    place.radius_m = draft.shape.radius_m
    place.region_id = region_id_of(draft, regions)
    place.risk_tags = list(draft.risk_tags)
    place.note = draft.note
    place.source = draft.source
    place.certainty = draft.certainty
    place.valid_until = draft.valid_until


def draft_of_row(row: LocationRow, stored: Place | None, source: str | None) -> PlaceDraft:
    """Return what a sheet's row says; what no sheet knows stays as it is stored."""
    return PlaceDraft(
        kind=stored.kind if stored else PlaceKind.STOP,
        name=row.name,
        shape=circle(row.longitude, row.latitude, row.radius_m),
        local_name=row.local_name,
        category=row.category,
        region_code=row.region_code,
        country=row.country,
        risk_tags=tuple(stored.risk_tags) if stored else (),
        note=row.note,
        source=source or (stored.source if stored else None),
        certainty=row.certainty,
        valid_until=stored.valid_until if stored else None,
    )


def has_moved(place: Place) -> bool:
    """Say whether the shape of a place differs from the one in the database."""
    return differs(place, "geometry") or differs(place, "radius_m")


def differs(place: Place, column: str) -> bool:
    """Say whether a place says something else in this column than the database does."""
    return bool(inspect(place).attrs[column].history.has_changes())


def keep_true(extra: Mapping[str, Any], *, moved: bool, region_code: str | None) -> dict[str, Any]:
    """Return the columns of the sheet that still hold after an edit; `region_code` is what is stated now."""
    other_region = region_code != extra.get("iso3166_2")
    gone = (*(_ABOUT_POINT if moved else ()), *(_ABOUT_REGION if moved or other_region else ()))
    kept = {name: value for name, value in extra.items() if name not in gone}
    return kept | {"iso3166_2": region_code} if region_code else kept


def write_cells(session: Session, legs: Mapping[int, Sequence[set[int]]]) -> None:
    """Replace the cells of places, given by place id and leg (one leg for everything but corridors)."""
    if not legs:
        return
    session.execute(delete(PlaceCell).where(PlaceCell.place_id.in_(list(legs))))
    rows = [
        {"cell": cell, "place_id": place_id, "leg": leg}
        for place_id, covers in legs.items()
        for leg, cells in enumerate(covers)
        for cell in cells
    ]
    if rows:
        # The table is clustered on cell, so rows in its order are appended instead of inserted.
        session.execute(insert(PlaceCell), sorted(rows, key=lambda row: (row["cell"], row["place_id"])))
    _write_digests(session, legs)


def add_author(session: Session, place_ids: Collection[int], member_id: int | None) -> None:
    """Write down that a member gave these places their shape or name; nothing when the system did."""
    if member_id is None or not place_ids:
        return
    known = select(PlaceAuthor.place_id).where(PlaceAuthor.member_id == member_id)
    fresh = select(Place.id, literal(member_id)).where(Place.id.in_(place_ids), Place.id.not_in(known))
    session.execute(insert(PlaceAuthor).from_select(["place_id", "member_id"], fresh))


def take_authors(session: Session, place_id: int, *, of: int) -> None:
    """Write down for a copied place whoever gave the shape or name to the place that it was copied from."""
    known = select(PlaceAuthor.member_id).where(PlaceAuthor.place_id == place_id)
    fresh = select(literal(place_id), PlaceAuthor.member_id).where(PlaceAuthor.place_id == of)
    fresh = fresh.where(PlaceAuthor.member_id.not_in(known))
    session.execute(insert(PlaceAuthor).from_select(["place_id", "member_id"], fresh))


def _write_digests(session: Session, legs: Mapping[int, Sequence[set[int]]]) -> None:
    for place in session.scalars(select(Place).where(Place.id.in_(list(legs)))):
        place.cover_digest = digest_of_cover(legs[place.id])
    session.flush()


def cover_of(place: Place) -> list[set[int]]:
    """Return the cells of a hotspot or stop as the one leg that it has. Raises GeometryError."""
    return [stored_shape(place.geometry, place.radius_m).cover()]


def region_id_of(draft: PlaceDraft, regions: Mapping[str, int]) -> int | None:
    """Return the region that a draft states or lies in, None at sea. Raises InputError when it cannot be found."""
    if not regions:
        raise UnavailableError(N_("The regions are not loaded yet. Run `fingerpost setup` once, then try again."))
    if draft.region_code:
        codes = load_atlas().drawn_codes(draft.region_code)
        if not codes:
            raise InputError(
                N_("%(region)s is not a region that can be drawn, for example PL-18."), region=draft.region_code
            )
        return regions.get(codes[0] if len(codes) == 1 else _part_at(draft, codes))
    if draft.category == BORDER_CROSSING:
        raise InputError(
            N_("A border crossing must state its region, for example PL-18: the point cannot tell the side.")
        )
    code = locate(*anchor_of(draft.shape.geometry), country=draft.country).region_code
    return regions.get(code) if code else None


def _part_at(draft: PlaceDraft, codes: tuple[str, ...]) -> str:
    """Choose among the parts of a region that is drawn in pieces the one that holds the point."""
    found = locate(*anchor_of(draft.shape.geometry), country=draft.country).region_code
    return found if found in codes else codes[0]
