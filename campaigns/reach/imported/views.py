"""On these staff pages a file is handed in, tried, imported whole, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as Redirect

from campaigns.core.errors import FingerpostError, InputError, RowProblem
from campaigns.places.queries import regions_by_id
from campaigns.planning.queries import load_campaign_names
from campaigns.reach.imported import queries, service
from campaigns.reach.imported.forms import ReportForm
from campaigns.reach.imported.labels import FIELDS, METHODS, SOURCES
from campaigns.reach.imported.models import ReachFile
from campaigns.reach.imported.reading import Report, read_report_file
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.error_words import refusals_told
from campaigns.web.guards.bodies import takes_file
from campaigns.web.session import begin_writing, reads_first, session
from campaigns.web.uploads import read_upload

pages = Blueprint("imports", __name__, url_prefix="/imports")

Page = str | Redirect | tuple[str, int]

#: The columns of the partner form, as a file: once with reach, once planned, which counts nobody.
EXAMPLE = (
    "partner,activity,month,country,region,channel,language,targeted,reached,recurrent,method,"
    "female,male,children,code,status,note\n"
    "Signal Fire (invented),Leaflets at the station,2022-03,PL,PL-18,leaflet,uk,500,430,no,"
    "one_leaflet_one_person,not collected,not collected,not collected,,completed,\n"
)


@pages.route("", methods=["GET", "POST"])
@takes_file
@requires(Permission.EDIT)
@reads_first
def index() -> Page:
    """Take a file and check it, without importing anything; list the files so far."""
    organisation_id, form = current_organisation().id, ReportForm()
    form.offer(load_campaign_names(session(), organisation_id))
    if form.validate_on_submit():
        upload = form.file.data
        try:
            reading = form.reading()
            named = service.with_own_names(session(), organisation_id, reading)
            report = read_upload(read_report_file, upload.stream, named)
            begin_writing()
            upload.stream.seek(0)
            file = service.check_file(
                session(),
                organisation_id,
                str(upload.filename),
                upload.read(),
                reading=reading,
                report=report,
                campaign_id=form.campaign,
                by=current_member().id,
            )
        except InputError as error:
            form.show(error, "file")
        else:
            return redirect(url_for("reach.imports.show", file_id=file.id))
    if form.finds and (request.form.get("file") or request.files.get("file")):
        # No page can put a file back into its field.
        form.file.description = _("Choose the file again: it was left out.")
    files = session().scalars(queries.select_files(organisation_id).limit(50)).all()
    return render_template("reach/imported/index.html", form=form, files=files, sources=SOURCES), form.status


@pages.get("/<int:file_id>")
@requires(Permission.EDIT)
def show(file_id: int) -> Page:
    """Show what a dry run found, or what an import did."""
    file = _file(file_id)
    regions = {region.code: region for region in regions_by_id(session()).values()}
    problems = [RowProblem(**kept) for kept in file.report["problems"]]
    words = {"sources": SOURCES, "methods": METHODS, "fields": FIELDS}
    return render_template("reach/imported/import.html", file=file, regions=regions, problems=problems, **words)


@pages.post("/<int:file_id>/columns")
@requires(Permission.EDIT)
@reads_first
def name_columns(file_id: int) -> Page:
    """Say what columns mean, for this file and the next ones of its source."""
    file = _file(file_id)
    columns = [column["name"] for column in file.report["columns"]]
    names = {name: request.form.get(f"column-{at}", "") for at, name in enumerate(columns) if name}

    def act() -> None:
        report = _read_again(file, names)
        service.name_columns(session(), file, names, report=report, by=current_member().id)

    return _act(file, act)


@pages.post("/<int:file_id>/import")
@requires(Permission.EDIT)
@reads_first
def confirm(file_id: int) -> Page:
    """Import a checked file whole, read as the member saw it: columns may mean something else by now."""
    file = _file(file_id)

    def act() -> int:
        report = _read_again(file, service.names_shown(file))
        return service.confirm_file(session(), file, report=report, by=current_member().id)

    return _act(file, act, _imported)


@pages.post("/<int:file_id>/discard")
@requires(Permission.EDIT)
def cancel(file_id: int) -> Page:
    """Drop a checked file."""
    file = _file(file_id)
    return _act(file, lambda: service.cancel_file(session(), file, by=current_member().id))


@pages.post("/<int:file_id>/undo")
@requires(Permission.EDIT)
def undo(file_id: int) -> Page:
    """Take the numbers of an imported file out again."""
    file = _file(file_id)
    return _act(file, lambda: service.undo_file(session(), file, by=current_member().id))


@pages.get("/example.csv")
@requires(Permission.EDIT)
def example() -> Response:
    """Give the partner form as a file."""
    headers = {"Content-Disposition": "attachment; filename=partner-reach.csv"}
    return Response(EXAMPLE, mimetype="text/csv", headers=headers)


def _read_again(file: ReachFile, names: Mapping[str, str]) -> Report:
    """Return what a kept file holds, with these names of columns; from then on the request may write."""
    content = service.content_of(file)
    reading = service.with_own_names(session(), file.organisation_id, service.reading_of(file), names)
    report = read_upload(read_report_file, content, reading)
    begin_writing()
    return report


def _act(file: ReachFile, act: Callable[[], Any], tell: Callable[[int], str] | None = None) -> Page:
    """Do what a button asks and come back to the file; what is refused is said there."""
    with refusals_told(FingerpostError):
        done = act()
        flash(tell(done) if tell else _("Done."), "good")
    return redirect(url_for("reach.imports.show", file_id=file.id))


def _imported(rows: int) -> str:
    return str(ngettext("%(num)s row is imported.", "%(num)s rows are imported.", rows))


def _file(file_id: int) -> ReachFile:
    return get_owned(session(), ReachFile, file_id, current_organisation().id)
