"""Readers without an account open here the releases of the link in their mail, and their files."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from campaigns.reach.releases import queries
from campaigns.reach.releases.models import ReportReader
from campaigns.reach.releases.readers.service import open_link
from campaigns.reach.releases.release_page import as_file, shown
from campaigns.staff.event_notes import note_event
from campaigns.staff.models import Organisation
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("reports", __name__, url_prefix="/publications")

#: The newest ones that the page lists.
MOST = 24


@pages.get("/<word>")
def list_reports(word: str) -> str:
    """List the newest releases of the organisation that the reader hears from."""
    reader = _reader(word)
    releases = session().scalars(queries.select_releases(reader.organisation_id).limit(MOST)).all()
    owner = session().get(Organisation, reader.organisation_id)
    return render_template("reach/releases/reports.html", releases=releases, owner=owner, word=word)


@pages.get("/<word>/<int:release_id>")
def show(word: str, release_id: int) -> str:
    """Show one release, from its frozen bytes."""
    reader = _reader(word)
    release = queries.get_release(session(), release_id, reader.organisation_id)
    return render_template(
        "reach/releases/report.html",
        release=release,
        word=word,
        revisions=queries.revisions_of(session(), release, reader.organisation_id),
        **shown(session(), release),
    )


@pages.get("/<word>/<int:release_id>/<format_name>")
def download(word: str, release_id: int, format_name: str) -> Response:
    """Give one release as a file."""
    release = queries.get_release(session(), release_id, _reader(word).organisation_id)
    return as_file(session(), release, format_name)


def _reader(word: str) -> ReportReader:
    """Return whose link it is, and note that it was used: whoever has it can hand it on."""
    reader = open_link(session(), settings().secret_key, word)
    note_event("report.read", reader, organisation_id=reader.organisation_id, what=request.endpoint or "")
    return reader
