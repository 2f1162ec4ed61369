"""Staff pages say which readers get a link by e-mail when a period has been released."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.reach.releases.labels import EVERY_NAMES
from campaigns.reach.releases.models import Every, ReportReader
from campaigns.reach.releases.readers.service import add_reader, remove_reader, select_readers
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import vault
from campaigns.web.error_words import said
from campaigns.web.keyed_pages import asked_page
from campaigns.web.session import refuse_commit, session

pages = Blueprint("readers", __name__, url_prefix="/reach/publications/readers")


@pages.get("")
@requires(Permission.HANDLE_CONTACTS)
def list_readers() -> str:
    """List who gets reports, with a form for another one."""
    return _listed("")


@pages.post("")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def add() -> Response | tuple[str, int]:
    """Let somebody get reports."""
    try:
        add_reader(
            session(),
            vault(),
            current_organisation().id,
            address=request.form.get("address", ""),
            language=request.form.get("language", ""),
            every=request.form.get("every", ""),
            by=current_member().id,
        )
    except InputError as error:
        refuse_commit()
        return _listed(said(error)), 422
    flash(_("They get a link after each period that is published from now on."), "good")
    return redirect(url_for("readers.list_readers"))


@pages.post("/<int:reader_id>/remove")
@requires(Permission.HANDLE_CONTACTS)
def remove(reader_id: int) -> Response:
    """Let somebody get no more reports; the links they have open nothing any more."""
    reader = get_owned(session(), ReportReader, reader_id, current_organisation().id)
    remove_reader(session(), reader, by=current_member().id)
    flash(_("They get no more reports, and their links open nothing any more."), "good")
    return redirect(url_for("readers.list_readers"))


def _listed(problem: str) -> str:
    page = asked_page(session(), select_readers(current_organisation().id), ReportReader.id)
    opener = vault()
    return render_template(
        "reach/releases/readers.html",
        page=page,
        addresses={
            row.id: opener.open(row.address, table="report_reader", column="address", row_id=row.id)
            for row in page.rows
        },
        every_names=EVERY_NAMES,
        choices=list(Every),
        languages=INTERFACE_LANGUAGES,
        problem=problem,
        given=request.form,
    )
