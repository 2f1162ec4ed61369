"""Partners' programs read regions and places here, without any coordinate or note."""

from __future__ import annotations

from flask import Blueprint, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from campaigns.places.models import Place, PlaceKind, Region
from campaigns.places.queries import select_places
from campaigns.staff.api_access import asking, requires_token
from campaigns.staff.tokens import ApiScope
from campaigns.web.api.json_answers import Listed, as_list
from campaigns.web.api.openapi import ROOT, Paging, answers, spec
from campaigns.web.pagination import paginate
from campaigns.web.session import session

api = Blueprint("api_places", __name__, url_prefix=ROOT)


class RegionsQuery(Paging):
    """Which regions."""

    country: str = Field("", pattern=r"^([A-Z]{2})?$", description="ISO 3166-1 alpha-2; all when it is empty.")


class RegionItem(BaseModel):
    """An administrative area; reach is told by it and by nothing smaller."""

    code: str = Field(description="ISO 3166-2, '' for an area that has no code today.")
    country: str
    name: str
    names: dict[str, str]


class Regions(Listed):
    """A page of regions."""

    items: list[RegionItem]


class PlaceItem(BaseModel):
    """A hotspot or stop of the organisation, without where exactly it is."""

    key: str
    kind: PlaceKind
    name: str
    category: str | None
    region: str | None = Field(description="ISO 3166-2")


class Places(Listed):
    """A page of places."""

    items: list[PlaceItem]


@api.get("/regions")
@requires_token(ApiScope.READ_PLACES)
@spec.validate(resp=answers(Regions), tags=["places"], operation_id="listRegions", skip_validation=False)
def list_regions(query: RegionsQuery) -> Response:
    """List regions, by code."""
    statement = select(Region).order_by(Region.code)
    if query.country:
        statement = statement.where(Region.country == query.country)
    page = paginate(session(), statement, query.page, query.per_page)
    items = [
        RegionItem(code=shown_code(each.code), country=each.country, name=each.name, names=each.names)
        for each in page.rows
    ]
    return as_list(Regions, page, items, asked=query.page)


@api.get("/places")
@requires_token(ApiScope.READ_PLACES)
@spec.validate(resp=answers(Places), tags=["places"], operation_id="listPlaces")
def list_places(query: Paging) -> Response:
    """List the organisation's hotspots and stops; the API stops at the region, so none has coordinates."""
    statement = select_places(asking().organisation_id).where(Place.kind != PlaceKind.CORRIDOR)
    page = paginate(session(), statement.options(joinedload(Place.region)), query.page, query.per_page)
    items = [
        PlaceItem(
            key=each.key,
            kind=each.kind,
            name=each.name,
            category=each.category,
            region=shown_code(each.region.code) if each.region else None,
        )
        for each in page.rows
    ]
    return as_list(Places, page, items, asked=query.page)


def shown_code(code: str) -> str:
    """Return a region's code, '' for one of our own making (CC-Xnn), which means nothing to anybody else."""
    return "" if code[3:4] == "X" and code[4:].isdigit() else code
