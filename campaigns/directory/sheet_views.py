"""Staff pages send the directory out as a sheet, and take it back in after a look without harm."""

from __future__ import annotations

from typing import BinaryIO

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.core import clock
from campaigns.directory import queries
from campaigns.directory.exchange import service as directory_files
from campaigns.directory.exchange.hsds import read_services_file, write_services
from campaigns.directory.forms import SheetForm
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.guards.bodies import takes_file
from campaigns.web.session import begin_writing, reads_first, refuse_commit, session
from campaigns.web.uploads import read_upload, take_whole

pages = Blueprint("sheets", __name__)

Page = str | Response | Redirect | tuple[str, int]


@pages.route("/import", methods=["GET", "POST"])
@takes_file
@requires(Permission.EDIT, fresh=True)
@reads_first
def import_sheet() -> Page:
    """Import a sheet: all of it, or nothing and every wrong row; "check" says what an import would do."""
    form = SheetForm()
    taken = take_whole(form, lambda: _exchange(form.file.data.stream))
    if taken.done is None or "check" in request.form:
        refuse_commit()
        words = {"problems": taken.problems, "done": taken.done}
        return render_template("directory/services_import.html", form=form, **words), taken.status
    flash(_("The sheet is imported. What is new or has new numbers must be verified."), "good")
    if not taken.done.proposed:
        return redirect(url_for("directory.index"))
    flash(_("Another member has to agree to what changes of services that texts name."), "info")
    return redirect(url_for("proposals.index"))


@pages.get("/services.csv")
@requires(Permission.EDIT, fresh=True)
def export() -> Page:
    """Download the directory as a sheet that can be imported again."""
    services = session().scalars(queries.select_services(current_organisation().id)).all()
    answer = make_response(write_services(services, clock.now().date()))
    answer.content_type = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = "attachment; filename=services.csv"
    return answer


def _exchange(file: BinaryIO) -> directory_files.ExchangedServices:
    rows = read_upload(read_services_file, file)
    begin_writing()
    by = current_member().id
    return directory_files.exchange_services(session(), current_organisation().id, rows, by=by)
