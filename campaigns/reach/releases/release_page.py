"""Every page of a release, for members and for readers, is made of its frozen bytes and of nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from campaigns.reach.releases import queries
from campaigns.reach.releases.documents.document import read_document
from campaigns.reach.releases.labels import MIME_TYPES
from campaigns.reach.releases.models import Release
from campaigns.reach.releases.privacy.region_tree import load_tree
from campaigns.reach.results import choropleth
from campaigns.web.api.json_answers import tagged


def shown(session: Session, release: Release) -> dict[str, Any]:
    """Return what the page of a release is made of."""
    document = read_document(release.body)
    areas = {area.key: area.drawn for area in load_tree(document["method"]["tree"]).areas}
    figures = {
        areas[row["key"]]: row for row in document["rows"] if row["people"] is not None and row["key"] in areas
    }
    return {
        "document": document,
        "countries": _by_country(document),
        "map": choropleth.draw({code: row["people"] for code, row in figures.items()}),
        "regions": {code: SimpleNamespace(name=row["name"], names=row["names"]) for code, row in figures.items()},
        "bands": choropleth.ranges(document["method"]["least"]),
        "is_exact": True,
        "formats": queries.formats_of(session, release),
    }


def as_file(session: Session, release: Release, format_name: str) -> Response:
    """Return the answer that holds a release in one format. Raises NotFoundError for another format."""
    found = queries.get_file(session, release, format_name)
    # A table has no room to say that it corrects another one.
    corrects = f"corrected-no{release.revision}-" if release.revision > 1 else ""
    begins, ending = ("reach-hxl", "csv") if format_name == "hxl" else ("reach", format_name)
    name = f"{begins}-{release.view}-{release.period}-{corrects}{release.id}.{ending}"
    answer = Response(found.content, content_type=MIME_TYPES[format_name])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return tagged(answer, found.sha256)


def _by_country(document: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of each country that has a figure or a hidden leaf, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in document["rows"]:
        found.setdefault(row["country"], []).append(row)
    return list(found.items())
