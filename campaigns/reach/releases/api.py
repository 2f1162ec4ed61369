"""Partners' programs get releases: the frozen bytes in every format, and the list of what there is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response
from pydantic import BaseModel, Field

from campaigns.reach.releases import queries
from campaigns.reach.releases.labels import MIME_TYPES
from campaigns.reach.releases.models import Release, ScopeKind, View
from campaigns.staff.api_access import asking, requires_token
from campaigns.staff.tokens import ApiScope
from campaigns.web.api.json_answers import Listed, as_json, as_list, tagged
from campaigns.web.api.openapi import ROOT, Paging, answers, spec
from campaigns.web.pagination import paginate
from campaigns.web.session import session

api = Blueprint("api_releases", __name__, url_prefix=ROOT)


class ReleasesQuery(Paging):
    """Which releases."""

    view: View | None = None
    scope: ScopeKind | None = None
    period: str = Field("", max_length=10, description="2026-03, 2026-Q1 or campaign; all when it is empty.")
    of_partners: bool = Field(
        False, description="What other organisations of the instance published of what people write about."
    )


class ReleaseItem(BaseModel):
    """One release, without its figures."""

    id: int
    view: View
    scope: ScopeKind
    title: str = Field(description="Whose people are counted.")
    period: str
    revision: int = Field(description="From 1; the highest is the one that holds.")
    total: int = Field(description="Sum of the figures shown.")
    made_at: datetime
    sha256: str = Field(description="Of the JSON form, which is also its entity tag.")


class Releases(Listed):
    """A page of releases."""

    items: list[ReleaseItem]


class FileItem(BaseModel):
    """A release in one format."""

    format: str
    bytes: int
    sha256: str


class ReleaseFiles(BaseModel):
    """What a release comes in."""

    release: ReleaseItem
    files: list[FileItem]


@api.get("/releases")
@requires_token(ApiScope.READ_RELEASES)
@spec.validate(resp=answers(Releases), tags=["releases"], operation_id="listReleases")
def list_releases(query: ReleasesQuery) -> Response:
    """List the releases of the organisation, the newest first."""
    chosen = queries.select_of_partners if query.of_partners else queries.select_releases
    statement = chosen(asking().organisation_id)
    for column, value in (
        (Release.view, query.view),
        (Release.scope, query.scope),
        (Release.period, query.period),
    ):
        if value:
            statement = statement.where(column == value)
    page = paginate(session(), statement, query.page, query.per_page)
    return as_list(Releases, page, [_item(each) for each in page.rows], asked=query.page)


@api.get("/releases/<int:release_id>")
@requires_token(ApiScope.READ_RELEASES)
@spec.validate(resp=answers(ReleaseFiles, missing=True), tags=["releases"], operation_id="getRelease")
def get_release(release_id: int) -> Response:
    """Say what a release is about and in which formats it comes."""
    release = queries.get_readable(session(), release_id, asking().organisation_id)
    files = [
        FileItem(format=name, bytes=size, sha256=digest)
        for name, size, digest in queries.formats_of(session(), release)
    ]
    return as_json(ReleaseFiles(release=_item(release), files=files))


@api.get("/releases/<int:release_id>/<any(csv,xlsx,hxl,geojson,json):format_name>")
@requires_token(ApiScope.READ_RELEASES)
@spec.validate(resp=answers(missing=True), tags=["releases"], operation_id="getReleaseFile", skip_validation=True)
def get_file(release_id: int, format_name: str) -> Response:
    """Give a release in one format, byte for byte as it was frozen."""
    release = queries.get_readable(session(), release_id, asking().organisation_id)
    found = queries.get_file(session(), release, format_name)
    return tagged(Response(found.content, content_type=MIME_TYPES[format_name]), found.sha256)


def _item(release: Release) -> ReleaseItem:
    names: dict[str, Any] = {name: getattr(release, name) for name in ReleaseItem.model_fields}
    return ReleaseItem(**names)
